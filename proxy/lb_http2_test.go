package proxy

import (
	"context"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

// All requests come over one connection, whose other requests go on meanwhile.
func TestHold_OfHTTP2(t *testing.T) {
	was := app(t, "was", nil)
	r := mount(t, "/x", route.Strip, was)
	p := start(t, withTLS(t, Config{Hold: patience, BodyMax: 300_000}), r, mount(t, "/y", route.Strip, app(t, "y", nil)))
	r.Targets = []route.Target{inState(route.Stopped, was)}
	y := p.current.Load().Table.Routes()[1]
	p.SetTable(route.Build([]route.Route{r, y}, nil))
	c := p.http2(t, "")
	doHTTP2(t, c, requestHTTP2(t, "GET", "/y/", nil))
	bodies := []string{"", "hello", strings.Repeat("x", 200_000)}
	results := make([]chan string, 2*len(bodies))
	for i := range results {
		results[i] = make(chan string, 1)
		body := bodies[i/2]
		// The client knows the length only of a plain strings.Reader.
		from := io.Reader(strings.NewReader(body))
		if i%2 == 1 {
			from = io.MultiReader(from)
		}
		req := requestHTTP2(t, "POST", "/x/", from)
		go func() {
			resp, err := c.Do(req)
			if err != nil {
				results[i] <- err.Error()
				return
			}
			defer resp.Body.Close()
			got, _ := io.ReadAll(resp.Body)
			results[i] <- string(got)
		}()
	}
	p.held(t, "/x", len(results))
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	pending, feed := io.Pipe()
	defer feed.Close()
	req := requestHTTP2(t, "PUT", "/x/", pending).WithContext(leaving)
	go func() {
		resp, err := c.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	p.held(t, "/x", len(results)+1)
	leave()
	if <-left == nil {
		t.Error("a client that left got a response")
	}
	p.held(t, "/x", len(results))
	doHTTP2(t, c, requestHTTP2(t, "GET", "/y/", nil))
	r.Targets = []route.Target{app(t, "new", echoSize)}
	p.SetTable(route.Build([]route.Route{r, y}, nil))
	for i, result := range results {
		if got, want := <-result, "POST "+strconv.Itoa(len(bodies[i/2])); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// While a request waits, its body is not read, and hides the end of the connection.
func TestHold_RecordsClientsThatLeaveBehindABody(t *testing.T) {
	p := start(t, Config{Hold: time.Hour}, mount(t, "/x", route.Strip, at("dead", deadAddress(t))))
	for _, sent := range []int{10, 100_000} {
		conn := p.dial(t)
		text := "POST /x/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", sent)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		p.held(t, "/x", 1)
		_ = conn.Close()
		p.held(t, "/x", 0)
	}
}
