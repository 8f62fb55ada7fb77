package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// wiredTarget is a target that speaks HTTP/2 byte by byte. It responds to the first request on a connection.
func wiredTarget(t *testing.T, response func(w *wire, stream uint32)) string {
	return acting(t, func(p *peer, _ int) {
		w := &wire{p.TCPConn, t}
		if _, err := io.ReadFull(w, make([]byte, len(preface))); err != nil {
			return
		}
		w.send(settingsFrame, 0, 0, nil)
		response(w, w.next().stream)
		_, _ = io.Copy(io.Discard, w)
	})
}

// Nothing of such a response was sent, so the client can get another one.
func TestH2C_RollsBackResponsesThatAreTruncatedAtOnce(t *testing.T) {
	p := &carrier{hooks: none{}, fails: make(chan error, 1)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(H2C, wiredTarget(t, func(w *wire, stream uint32) {
		w.ask(stream, 0, ":status", "200", "content-length", "0")
		w.send(resetFrame, 0, stream, []byte{0, 0, 0, 2})
	}))
	if resp, _ := dial(t, r.address).get("/"); resp.StatusCode != http.StatusBadGateway {
		t.Error(resp.Status)
	}
	if err := failure(t, p); !errors.Is(err, ErrResponse) {
		t.Errorf("%v, want ErrAnswer", err)
	}
}

// heap keeps what is written to it.
type heap struct {
	net.Conn
	bytes.Buffer
}

func (h *heap) Read(p []byte) (int, error)  { return h.Buffer.Read(p) }
func (h *heap) Write(p []byte) (int, error) { return h.Buffer.Write(p) }

func TestH2C_LimitsInformationalResponses(t *testing.T) {
	for _, size := range []int{1, 9 << 10} {
		p := &carrier{hooks: none{}, fails: make(chan error, 1)}
		r := serving(t, Config{Handler: p})
		p.to = r.Upstream(H2C, wiredTarget(t, func(w *wire, stream uint32) {
			all := &heap{}
			for range maxInformational + 1 {
				(&wire{all, t}).ask(stream, 0, ":status", "103", "link", strings.Repeat("x", size))
			}
			// It ends within the response.
			_, _ = w.Write(all.Bytes())
		}))
		v := dial(t, r.address)
		v.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, v.in) }()
		if err := failure(t, p); !errors.Is(err, ErrResponse) {
			t.Errorf("%v, want ErrAnswer", err)
		}
	}
}
