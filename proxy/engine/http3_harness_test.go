package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// packets is an engine behind a UDP socket, and a client that speaks HTTP/3 with it.
type packets struct {
	running
	client *http.Client
}

// url is that of a path.
func (p packets) url(path string) string { return "https://" + p.address + path }

// insecure is a client's TLS for HTTP/3.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}}
}

// servingPackets calls prepare before it serves.
func servingPackets(t testing.TB, c Config, prepare ...func(*Engine)) packets {
	t.Helper()
	if c.TLS == nil {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	}
	if c.Quiet == 0 {
		c.Quiet = -1
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, ended := New(c), make(chan struct{})
	for _, f := range prepare {
		f(e)
	}
	go func() {
		defer close(ended)
		e.ServePackets(socket, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		e.Drain(ctx)
		closed(t, "ServePackets returns", ended)
		e.Close()
	})
	transport := &http3.Transport{TLSClientConfig: insecure(), DisableCompression: true}
	t.Cleanup(func() { _ = transport.Close() })
	return packets{running{e, socket.LocalAddr().String()}, &http.Client{Transport: transport}}
}

// throughPackets puts an engine between HTTP/3 and a backend of that scheme.
func throughPackets(t testing.TB, scheme Scheme, c Config, backend http.HandlerFunc) (packets, *carrier) {
	t.Helper()
	p := &carrier{hooks: none{}, fails: make(chan error, 1000)}
	c.Handler = p
	address := serve(t, scheme, backend)
	return servingPackets(t, c, func(e *Engine) { p.to = e.Upstream(scheme, address) }), p
}

func (p packets) do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 3 {
		t.Fatalf("the response is of %s", resp.Proto)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// rawConn is a client that writes frames of HTTP/3 itself, and so can send what no library would.
type rawConn struct {
	*quic.Conn
	t testing.TB
}

func (p packets) dialRaw(t testing.TB) rawConn {
	t.Helper()
	conn, err := quic.DialAddr(t.Context(), p.address, insecure(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0x100, "") })
	return rawConn{conn, t}
}

// rawStream is one stream.
type rawStream struct {
	*quic.Stream
	http3Reader
	t testing.TB
}

func (c rawConn) open() *rawStream {
	c.t.Helper()
	stream, err := c.OpenStreamSync(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	_ = stream.SetDeadline(time.Now().Add(patience))
	s := &rawStream{Stream: stream, t: c.t}
	s.reset(stream)
	return s
}

// closing waits for the end of the connection, and returns its code.
func (c rawConn) closing() http3.ErrCode {
	c.t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(patience):
		c.t.Fatal("the connection does not end")
	}
	ended, ok := errors.AsType[*quic.ApplicationError](context.Cause(c.Context()))
	if !ok {
		c.t.Fatal(context.Cause(c.Context()))
	}
	return http3.ErrCode(ended.ErrorCode)
}

// send writes one frame. The engine may want no more of it; what it says then is checked elsewhere.
func (s *rawStream) send(kind uint64, payload []byte) {
	b := quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(payload)))
	_, _ = s.Stream.Write(append(b, payload...))
}

// ask sends the head of a request, as names and values in turn.
func (s *rawStream) ask(fields ...string) {
	s.t.Helper()
	s.send(http3Headers, section(fields...))
}

// section encodes fields.
func section(fields ...string) []byte {
	var f fieldEncoder
	f.begin()
	for i := 0; i < len(fields); i += 2 {
		f.add(fields[i], fields[i+1])
	}
	return f.block
}

// answer reads the stream to its end: the heads, the data, and the code of a reset or 0.
func (s *rawStream) answer() (heads []map[string]string, data []byte, reset http3.ErrCode) {
	s.t.Helper()
	for {
		kind, length, err := s.next()
		if err == io.EOF {
			return heads, data, 0
		}
		if failed, ok := errors.AsType[*quic.StreamError](err); ok {
			return heads, data, http3.ErrCode(failed.ErrorCode)
		}
		if err != nil {
			s.t.Fatal("reading a frame:", err)
		}
		payload, err := s.payload(nil, int(length))
		if failed, ok := errors.AsType[*quic.StreamError](err); ok {
			return heads, append(data, payload...), http3.ErrCode(failed.ErrorCode)
		}
		if err != nil {
			s.t.Fatal("reading a frame:", err)
		}
		if kind == http3Data {
			data = append(data, payload...)
			continue
		}
		head := map[string]string{}
		if err := readFields(payload, func(name, value string) error { head[name] = value; return nil }); err != nil {
			s.t.Fatal(err)
		}
		heads = append(heads, head)
	}
}
