//go:build !race && !portable

package proxy

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

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

// respondsAlike is an app that responds to every request in the same way, without allocating. Bodies of requests have that
// length.
func respondsAlike(t *testing.T, body int, text string) route.Target {
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
		for buf, response := make([]byte, 16<<10), []byte(text); readWhole(conn, buf, body); {
			_, _ = conn.Write(response)
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
	for _, how := range []route.Mount{route.Strip, route.Preserve} {
		for method, ask := range map[string]string{
			"GET":  "GET /app42/path?query HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
			"POST": "POST /app42/path HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100),
		} {
			_, sent, _ := strings.Cut(ask, "\r\n\r\n")
			t.Run(fmt.Sprint(how, method), func(t *testing.T) {
				r := mount(t, "/app0", how, respondsAlike(t, len(sent), kilobyteResponse))
				allocatesNothing(t, Config{}, r, ask)
			})
			t.Run(fmt.Sprint(how, method, " with everything"), func(t *testing.T) {
				var targets []route.Target
				for range 3 {
					targets = append(targets, respondsAlike(t, len(sent), kilobyteResponse))
				}
				r := mount(t, "/app0", how, targets...)
				r.Rate, r.BodyMax = route.Rate{Requests: 1e9, Per: time.Second}, 1<<20
				line, rest, _ := strings.Cut(ask, "\r\n")
				said := "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n"
				allocatesNothing(t, everythingOn(t), r, line+"\r\n"+said+rest)
			})
			t.Run(fmt.Sprint(how, method, " with filters"), func(t *testing.T) {
				r := mount(t, "/app0", how, respondsAlike(t, len(sent), kilobyteResponse))
				r.Compress = true
				r.ResponseHeaders = []route.HeaderEdit{{Name: "Server"}, {Name: "X-Frame-Options", Value: "DENY"}, {Name: "Vary", Value: "Cookie", Add: true}}
				// The client accepts neither coding, so the filters look at the response and leave it alone.
				allocatesNothing(t, Config{}, r, strings.Replace(ask, "\r\n", "\r\nAccept-Encoding: br\r\n", 1))
			})
		}
	}
}

// What concerns HTTPS costs a request nothing where it is not redirected.
func TestServer_AllocatesNothingForHTTPS(t *testing.T) {
	c := covering(t, Config{HSTS: "max-age=31536000"}, "other.org")
	ask := "GET /app42/path?query HTTP/1.1\r\nHost: example.org\r\n\r\n"
	allocatesNothing(t, c, mount(t, "/app0", route.Strip, respondsAlike(t, 0, kilobyteResponse)), ask)
}

// kilobyteResponse has a body of that length.
var kilobyteResponse = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1<<10)

// allocatesNothing sends a request again and again to one of a hundred routes like that.
func allocatesNothing(t *testing.T, c Config, like route.Route, ask string) {
	t.Helper()
	const requests, most = 2000, 0.05
	var routes []route.Route
	for i := range 100 {
		like.Prefix, _ = route.ParsePrefix(fmt.Sprintf("/app%d", i))
		routes = append(routes, like)
	}
	conn := start(t, c, routes...).dial(t)
	out, in := []byte(ask), make([]byte, 16<<10)
	turn := func(times int) {
		// A busy machine takes long.
		_ = conn.SetDeadline(time.Now().Add(6 * patience))
		for range times {
			if _, err := conn.Write(out); err != nil || !readWhole(conn, in, 1<<10) {
				t.Fatalf("no whole response came: %v", err)
			}
		}
	}
	turn(500)
	// The garbage collector allocates, and empties pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// The count is that of the whole process. Other goroutines allocate little beside the requests, and not in each of three
	// tries.
	least := math.Inf(1)
	for range 3 {
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		turn(requests)
		runtime.ReadMemStats(&end)
		least = min(least, float64(end.Mallocs-start.Mallocs)/requests)
	}
	if least > most {
		t.Errorf("%.3f allocations per request, want at most %v", least, most)
	}
}
