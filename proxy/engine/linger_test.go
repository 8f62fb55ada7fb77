package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// telling signals that an exchange has ended.
type telling struct {
	carrier
	served chan struct{}
}

func (h *telling) Serve(x *Exchange) {
	h.carrier.Serve(x)
	h.served <- struct{}{}
}

// A connection that is closed with unread bytes is reset, and the client loses what it has not read.
func TestLinger_LeavesTheLastResponseToClientsThatSentMore(t *testing.T) {
	for name, ask := range map[string]string{
		"GET":     "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"counted": "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000),
		"chunked": "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	} {
		for _, drains := range []bool{false, true} {
			t.Run(name, func(t *testing.T) { lingers(t, ask, drains) })
		}
	}
}

func lingers(t *testing.T, ask string, drains bool) {
	if drains {
		ask = strings.Replace(ask, "Connection: close\r\n", "", 1)
	}
	body := pattern(500 << 10)
	h := &telling{carrier{hooks: none{}}, make(chan struct{}, 1)}
	asked, more := make(chan struct{}), make(chan struct{})
	r, p := before(t, Config{Handler: h}, func(p *peer, _ int) {
		if _, err := http.ReadRequest(p.in); err != nil {
			return
		}
		close(asked)
		<-more
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		_, _ = p.rest()
	})
	h.to = p.to
	v := dial(t, r.address)
	v.send("%s%s", ask, strings.Repeat("GET /more HTTP/1.1\r\nHost: h\r\n\r\n", 2000))
	closed(t, "the target is asked", asked)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if drains {
			r.Drain(context.Background())
		}
	}()
	if drains {
		eventually(t, r.draining.Load)
	}
	close(more)
	closed(t, "it is responded", h.served)
	if drains {
		// Drain has many occasions to end the connection, of which the client has read nothing.
		ticker := time.NewTicker(drainPause)
		defer ticker.Stop()
		for range 20 {
			v.send("GET /more HTTP/1.1\r\nHost: h\r\n\r\n")
			<-ticker.C
		}
	}
	if resp, got := v.response(http.MethodGet); got != body || !resp.Close {
		t.Errorf("%d bytes, close %v", len(got), resp.Close)
	}
	if rest, err := v.rest(); rest != "" || err != nil {
		t.Errorf("%d bytes follow, %v", len(rest), err)
	}
	_ = v.Close()
	<-drained
}

// hasty refuses each upload at once and closes the connection with unread bytes.
func hasty(p *peer, _ int) {
	if p.head() != "" {
		p.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch")
	}
}

// Whatever refuses an upload, its response reaches a client that continues sending (RFC 9112 section 9.6).
func TestLinger_LosesNoEarlyResponse(t *testing.T) {
	const tries, size = 15, 6 << 20
	for name, serve := range map[string]func(t *testing.T, secure bool) string{
		"of the app": func(t *testing.T, secure bool) string {
			p := &carrier{hooks: none{}}
			c := Config{Handler: p}
			if secure {
				m := servingTLS(t, c)
				p.to = m.Upstream(HTTP, acting(t, hasty))
				return m.address
			}
			r := serving(t, c)
			p.to = r.Upstream(HTTP, acting(t, hasty))
			return r.address
		},
		"of the gateway": func(t *testing.T, secure bool) string {
			if secure {
				return servingTLS(t, Config{Handler: &refusing{}}).address
			}
			return serving(t, Config{Handler: &refusing{}}).address
		},
	} {
		for _, secure := range []bool{false, true} {
			for _, framing := range []string{"Content-Length: 6291456", "Transfer-Encoding: chunked"} {
				t.Run(fmt.Sprint(name, secure, framing[:8]), func(t *testing.T) {
					address := serve(t, secure)
					for range tries {
						uploads(t, address, secure, framing, size)
					}
				})
			}
		}
	}
}

// uploads sends all of a body, or as much as is read, and only then reads the response, as simple clients do.
func uploads(t *testing.T, address string, secure bool, framing string, size int) {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conn := raw
	if secure {
		conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", framing)
	piece := strings.Repeat("x", 64<<10)
	if strings.Contains(framing, "chunked") {
		piece = fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
	}
	for sent := 0; sent < size; sent += 64 << 10 {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatalf("sending broke off after %d bytes: %v", sent, err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 4 || !resp.Close {
		t.Fatalf("%s %q, %v, close %v", resp.Status, body, err, resp.Close)
	}
}
