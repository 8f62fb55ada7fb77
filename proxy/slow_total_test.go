package proxy

import (
	"io"
	"net/http"
	"testing"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/route"
)

// A client that sends slowly uses up the time of the exchange itself.
func TestEjection_NotForSlowClients(t *testing.T) {
	f := newTargetSet(t, 2, func(_ int, _ string, w http.ResponseWriter, r *http.Request) { echoSize(w, r) })
	r := mount(t, "/x", route.Strip, f.targets...)
	p := start(t, Config{Timeouts: engine.Timeouts{Total: 50 * time.Millisecond}}, r)
	for _, text := range []string{
		"POST /x/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100\r\n\r\nhello",
		"POST /x/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		for range 8 {
			conn := p.dial(t)
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(conn)
			_ = conn.Close()
		}
	}
	for _, target := range f.targets {
		if shown := shownTarget(t, p.Server, target.Name); shown.Ejected {
			t.Errorf("%s was ejected", target.Name)
		}
	}
}

// A target that has the whole request and nearly all of the time is to blame.
func TestEjection_OfATargetThatTakesAllTheTime(t *testing.T) {
	f := newTargetSet(t, 2, func(_ int, name string, _ http.ResponseWriter, r *http.Request) {
		// The server notices the end of the connection only behind the body.
		_, _ = io.Copy(io.Discard, r.Body)
		if name == "a" {
			<-r.Context().Done()
		}
	})
	r := mount(t, "/x", route.Strip, f.targets...)
	r.Balance = route.RoundRobin
	p := start(t, Config{Timeouts: engine.Timeouts{Total: 200 * time.Millisecond}}, r)
	for range 6 {
		p.raw(t, "POST", requestOf("POST", "/x/", "hello"))
	}
	if shown := shownTarget(t, p.Server, "a"); !shown.Ejected {
		t.Error("it was not ejected")
	}
}
