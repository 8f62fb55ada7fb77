package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// countingBodies is an app that responds with the length of the body. It sends the length of a body that breaks off to the
// channel.
func countingBodies(t *testing.T, name string, broken chan<- int64) route.Target {
	t.Helper()
	return app(t, name, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			broken <- n
			return
		}
		fmt.Fprintf(w, "%s %d", name, n)
	})
}

func TestLimit_OfBodies(t *testing.T) {
	broken := make(chan int64, 100)
	own := mount(t, "/own", route.Strip, countingBodies(t, "own", broken))
	own.BodyMax = 50_000
	p := start(t, Config{BodyMax: 1000}, own, mount(t, "/usual", route.Strip, countingBodies(t, "usual", broken)))
	for _, c := range []struct {
		path     string
		size     int
		response string
	}{
		{"/own/", 0, "own 0"},
		{"/own/", 50_000, "own 50000"},
		{"/own/", 50_001, ""},
		{"/own/", 5_000_000, ""},
		{"/usual/", 1000, "usual 1000"},
		{"/usual/", 1001, ""},
		{"/usual/", 50_000, ""},
	} {
		body := strings.Repeat("x", c.size)
		for kind, text := range map[string]string{"declared": requestOf("POST", c.path, body), "chunked": inChunks("POST", c.path, body)} {
			got := read(t, bufio.NewReader(p.send(t, text)), "POST")
			if c.response != "" && (got.StatusCode != 200 || got.body != c.response) {
				t.Errorf("%s, %d %s: %d %q", c.path, c.size, kind, got.StatusCode, got.body)
			}
			if c.response == "" && got.StatusCode != 413 {
				t.Errorf("%s, %d %s: %d, want 413", c.path, c.size, kind, got.StatusCode)
			}
		}
	}
	// No part of a body with a Content-Length is forwarded, and of a chunked one no more than the limit.
	const chunked = 4
	eventually(t, "the apps see that the chunked ones break off", func() bool { return len(broken) >= chunked })
	for range chunked {
		if n := <-broken; n > 50_000 {
			t.Errorf("an app got %d bytes", n)
		}
	}
	if len(broken) > 0 {
		t.Errorf("%d more requests got to an app", len(broken))
	}
	p.refused(t, "body.max", "/own", 4)
	p.refused(t, "body.max", "/usual", 4)
	if strings.Contains(p.log.String(), "level=WARN") {
		t.Errorf("a body that is too large is no fault of a target:\n%s", p.log)
	}
}

func TestLimit_OfBodiesOverHTTP2(t *testing.T) {
	broken := make(chan int64, 100)
	p := start(t, withTLS(t, Config{BodyMax: 1000}), mount(t, "/x", route.Strip, countingBodies(t, "x", broken)))
	c := p.http2(t, "")
	for size, want := range map[int]int{1000: 200, 1001: 413, 100_000: 413} {
		body := strings.Repeat("x", size)
		if got := doHTTP2(t, c, requestHTTP2(t, "POST", "/x/", strings.NewReader(body))); got.StatusCode != want {
			t.Errorf("%d declared: %d, want %d", size, got.StatusCode, want)
		}
		if got := doHTTP2(t, c, requestHTTP2(t, "POST", "/x/", struct{ io.Reader }{strings.NewReader(body)})); got.StatusCode != want {
			t.Errorf("%d undeclared: %d, want %d", size, got.StatusCode, want)
		}
	}
}

func TestLimit_OfBodiesEndsTheConnectionInOrder(t *testing.T) {
	p := start(t, Config{BodyMax: 1000}, mount(t, "/x", route.Strip, app(t, "x", echoSize)))
	long := strings.Repeat("x", 400_000)
	for _, text := range []string{requestOf("POST", "/x/", long), inChunks("POST", "/x/", long)} {
		// A client that reads only when everything is sent finds the response, and no other one behind it.
		conn := p.dial(t)
		if _, err := io.WriteString(conn, strings.Replace(text, "Connection: close\r\n", "", 1)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		if got := read(t, r, "POST"); got.StatusCode != 413 || !got.Close {
			t.Errorf("%d, close %v", got.StatusCode, got.Close)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("behind the response there is %v", err)
		}
	}
}
