package engine

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// together holds back what is written until it is sent.
type together struct {
	net.Conn
	held bytes.Buffer
	hold bool
}

func (c *together) Write(p []byte) (int, error) {
	if c.hold {
		return c.held.Write(p)
	}
	return c.Conn.Write(p)
}

// A second response that arrived together with the first is unsolicited, even if it was read from the socket already.
func TestPool_DropsSecureConnectionsWithUnsolicitedBytes(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	address := acting(t, func(p *peer, n int) {
		under := &together{Conn: p.TCPConn}
		secure := tls.Server(under, config)
		for in := make([]byte, 4<<10); ; {
			if _, err := secure.Read(in); err != nil {
				return
			}
			if n > 0 {
				_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"))
				continue
			}
			under.hold = true
			_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"))
			_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
			under.hold = false
			_, _ = under.Conn.Write(under.held.Bytes())
		}
	})
	p := &carrier{hooks: none{}, fails: make(chan error, 9)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTPS, address)
	c := dial(t, r.address)
	for _, want := range []string{"first", "second", "second"} {
		if resp, body := c.get("/"); resp.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s %q, want %q", resp.Status, body, want)
		}
	}
	if len(p.fails) > 0 {
		t.Error(<-p.fails)
	}
	if n := kept(p.to); n > 1 {
		t.Errorf("%d connections are kept", n)
	}
}

// Only TLS shows whether a body that ends with its connection is complete (RFC 9112 section 9.8).
func TestRelay_TakesABodyForTruncatedThatTLSDidNotEnd(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config.MaxVersion = version
		for _, body := range []string{"", "body", pattern(200 << 10)} {
			for _, ends := range []bool{true, false} {
				t.Run(fmt.Sprint(version, len(body), ends), func(t *testing.T) { endsWithTLS(t, config.Clone(), body, ends) })
			}
		}
	}
}

func endsWithTLS(t *testing.T, config *tls.Config, body string, ends bool) {
	p := &carrier{hooks: none{}, fails: make(chan error, 1)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTPS, acting(t, func(p *peer, _ int) {
		secure := tls.Server(p.TCPConn, config)
		if _, err := secure.Read(make([]byte, 4<<10)); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(secure, "HTTP/1.1 200 OK\r\n\r\n"+body)
		if ends {
			_ = secure.CloseWrite()
		}
		_ = p.CloseWrite()
		_, _ = io.Copy(io.Discard, p.TCPConn)
	}))
	v := dial(t, r.address)
	v.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(v.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if (err == nil) != ends || ends && string(got) != body {
		t.Fatalf("%s, %d bytes, %v", resp.Status, len(got), err)
	}
	if ends {
		return
	}
	if err := failure(t, p); !errors.Is(err, ErrBroken) {
		t.Errorf("%v, want ErrBroken", err)
	}
}

// A client may send a request together with the end of TLS.
func TestServe_RespondsToRequestsBeforeTheEndOfTLS(t *testing.T) {
	p := &carrier{hooks: none{}}
	m := servingTLS(t, Config{Handler: p})
	p.to = m.Upstream(HTTP, acting(t, repeating))
	v := dial(t, m.address)
	under := &together{Conn: v.TCPConn}
	secure := tls.Client(under, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	under.hold = true
	_, _ = io.WriteString(secure, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = secure.CloseWrite()
	_ = v.SetWriteDeadline(time.Time{})
	under.hold = false
	_, _ = under.Conn.Write(under.held.Bytes())
	if got, err := io.ReadAll(secure); err != nil || !bytes.HasSuffix(got, []byte("\r\n\r\n/last")) {
		t.Errorf("%q, %v", got, err)
	}
}
