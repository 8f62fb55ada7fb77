//go:build !race && !portable

package engine

import (
	"bytes"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
)

// sixFields edits heads as a gateway does.
type sixFields struct{}

func (sixFields) Outgoing(h *header.Header) {
	for _, name := range [...]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Request-Id"} {
		h.Append(header.Forged, name, "some value")
	}
}

func (sixFields) Incoming(_ int, h *header.Header) {
	h.Append(header.Forged, "X-Request-Id", "some value")
}

// readWhole reads a head and a body of that length without allocating. It reports whether there was one.
func readWhole(conn net.Conn, buf []byte, body int) bool {
	for got := 0; ; {
		if head := bytes.Index(buf[:got], []byte("\r\n\r\n")); head >= 0 && got >= head+4+body {
			return got == head+4+body
		}
		n, err := conn.Read(buf[got:])
		if got += n; err != nil {
			return false
		}
	}
}

// A request over an open connection, forwarded over a kept one, allocates nothing.
func TestAlloc_NothingForARequest(t *testing.T) {
	const requests, most = 2000, 0.05
	browser := strings.Repeat("Accept-Something: text/html,application/xhtml+xml;q=0.9\r\n", 12)
	kilobyte := strings.Repeat("x", 1<<10)
	for _, c := range []struct{ name, ask, response string }{
		{"GET", "GET /path?query HTTP/1.1\r\nHost: h\r\n" + browser + "\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n" + kilobyte},
		{"GET of chunks", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + kilobyte + "\r\n0\r\n\r\n"},
		{"GET of nothing new", "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"POST", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n" + kilobyte[:100], "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + kilobyte},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := allocations(t, requests, c.ask, c.response); got > most {
				t.Errorf("%.3f allocations per request, want at most %v", got, most)
			}
		})
	}
}

// allocations counts those of the whole process for a request and its response.
func allocations(t *testing.T, requests int, ask, response string) float64 {
	t.Helper()
	_, sent, _ := strings.Cut(ask, "\r\n\r\n")
	_, given, _ := strings.Cut(response, "\r\n\r\n")
	out, in, reply := []byte(ask), make([]byte, 16<<10), []byte(response)
	p := &carrier{hooks: sixFields{}}
	r, made := before(t, Config{Handler: p}, func(p *peer, _ int) {
		for buf := make([]byte, 16<<10); readWhole(p.TCPConn, buf, len(sent)); {
			_, _ = p.Write(reply)
		}
	})
	p.to = made.to
	c := dial(t, r.address)
	turn := func(times int) {
		// They take long on a machine that is busy.
		_ = c.SetDeadline(time.Now().Add(6 * patience))
		for range times {
			if _, err := c.Write(out); err != nil || !readWhole(c.TCPConn, in, len(given)) {
				t.Fatal("no complete response arrived", err)
			}
		}
	}
	turn(100)
	// The garbage collector allocates, and empties pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// All of the process is counted: other goroutines do not allocate in each of three tries, and little compared with
	// the requests.
	least := math.Inf(1)
	for range 3 {
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		turn(requests)
		runtime.ReadMemStats(&end)
		least = min(least, float64(end.Mallocs-start.Mallocs)/float64(requests))
	}
	return least
}

func (sixFields) Accepts(int) bool { return true }
