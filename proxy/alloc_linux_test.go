//go:build !race && !portable

package proxy

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"gateway/proxy/route"
)

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

// answersAlike is an app that answers every request in the same way, without allocating. The body of a request has that
// length.
func answersAlike(t *testing.T, body int, answer string) route.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for buf, reply := make([]byte, 16<<10), []byte(answer); readWhole(conn, buf, body); {
			_, _ = conn.Write(reply)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return at("app", l.Addr().String())
}

// A request that comes over an open connection and goes on over a kept one allocates nothing in all of the proxy.
func TestServer_AllocatesNothingForARequest(t *testing.T) {
	const requests, most = 2000, 0.01
	kilobyte := strings.Repeat("x", 1<<10)
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n" + kilobyte
	for _, how := range []route.Mount{route.Strip, route.Preserve} {
		for method, ask := range map[string]string{
			"GET":  "GET /app42/path?query HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
			"POST": "POST /app42/path HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100\r\n\r\n" + kilobyte[:100],
		} {
			t.Run(fmt.Sprint(how, method), func(t *testing.T) {
				_, sent, _ := strings.Cut(ask, "\r\n\r\n")
				target := answersAlike(t, len(sent), answer)
				var routes []route.Route
				for i := range 100 {
					routes = append(routes, mount(t, fmt.Sprintf("/app%d", i), how, target))
				}
				conn := start(t, Config{}, routes...).dial(t)
				out, in := []byte(ask), make([]byte, 16<<10)
				turn := func(times int) {
					for range times {
						if _, err := conn.Write(out); err != nil || !readWhole(conn, in, len(kilobyte)) {
							t.Fatalf("no whole answer came: %v", err)
						}
					}
				}
				turn(500)
				// What collects garbage allocates, and empties pools.
				defer debug.SetGCPercent(debug.SetGCPercent(-1))
				var start, end runtime.MemStats
				runtime.ReadMemStats(&start)
				turn(requests)
				runtime.ReadMemStats(&end)
				if got := float64(end.Mallocs-start.Mallocs) / requests; got > most {
					t.Errorf("%.3f allocations per request, want at most %v", got, most)
				}
			})
		}
	}
}
