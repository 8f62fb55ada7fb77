package engine

import (
	"errors"
	"net/http"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// switchProtocol responds to an extended CONNECT (RFC 8441 section 5): the tunnel begins with a 200, without the fields
// of HTTP/1.1's handshake.
func (s *http2Stream) switchProtocol(_ string, h header.Header) (tunnelSide, error) {
	if !s.head.extended {
		return nil, errors.New("there is no upgrade in HTTP/2")
	}
	h.Del("Sec-WebSocket-Accept")
	out := s.w.Header()
	s.fill(out, h)
	s.setOwnFields(out)
	s.w.WriteHeader(http.StatusOK)
	clear(out)
	s.unsent = true
	if err := s.Flush(); err != nil {
		return nil, err
	}
	s.changed = true
	s.conn.tunnel(1)
	return http2Tunnel{s}, nil
}

// http2Tunnel is the tunnel of an extended CONNECT.
type http2Tunnel struct{ s *http2Stream }

// Read implements io.Reader.
func (t http2Tunnel) Read(p []byte) (int, error) {
	if !t.s.reading.begin(0) {
		return 0, errDisconnected
	}
	n, err := t.s.request.Body.Read(p)
	t.s.reading.pause()
	return n, err
}

// Write implements io.Writer.
func (t http2Tunnel) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !t.s.writing.begin(t.s.conn.engine.config.Write) {
		return 0, errDisconnected
	}
	n, err := t.s.w.Write(p)
	t.s.writing.pause()
	t.s.unsent = true
	if err != nil {
		return n, err
	}
	return n, t.s.Flush()
}

// CloseWrite implements tunnelSide. The library can only end both directions of a stream.
func (t http2Tunnel) CloseWrite() error { return errors.ErrUnsupported }

func (t http2Tunnel) watch(other *socket.Interruption) { t.s.watch(other, underWay) }

func (t http2Tunnel) interruption() *socket.Interruption { return socket.NewInterruption(t.interrupt) }

func (t http2Tunnel) interrupt() {
	t.s.reading.breakOff()
	t.s.writing.breakOff()
}
