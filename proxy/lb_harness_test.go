package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// targetSet is the targets of one route. One function handles the requests of all of them.
type targetSet struct {
	targets []route.Target

	mu    sync.Mutex
	asked []string
}

// newTargetSet starts that many targets, named a, b and so on. Handle gets the number of the request among all of them, from
// 1 on, and the name of its target.
func newTargetSet(t *testing.T, n int, handle func(turn int, name string, w http.ResponseWriter, r *http.Request)) *targetSet {
	t.Helper()
	f := &targetSet{}
	for i := range n {
		name := string(rune('a' + i))
		f.targets = append(f.targets, app(t, name, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			f.asked = append(f.asked, name)
			turn := len(f.asked)
			f.mu.Unlock()
			handle(turn, name, w, r)
		}))
	}
	return f
}

// requests are the names of the targets in the order of their requests.
func (f *targetSet) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// count is how many requests a target got.
func (f *targetSet) count(name string) (n int) {
	for _, asked := range f.requests() {
		if asked == name {
			n++
		}
	}
	return n
}

// breakOff reads the request, and ends the connection without a response.
func breakOff(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// requestOf is a request with a Content-Length.
func requestOf(method, path, body string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
}

// inChunks is a request in the chunked coding.
func inChunks(method, path, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", method, path)
	for piece := range slices.Chunk([]byte(body), 10_000) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	return b.String() + "0\r\n\r\n"
}

// keepingClient keeps its connections and follows no redirects.
func keepingClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// fetch requests a path and returns the status and the body.
func fetch(t *testing.T, p *running, c *http.Client, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return resp.StatusCode, string(body)
}

// shownTarget is a target as the admin API shows it.
func shownTarget(t *testing.T, s *Server, name string) admin.Target {
	t.Helper()
	for _, r := range s.Routes().Routes {
		for _, shown := range r.Targets {
			if shown.Name == name {
				return shown
			}
		}
	}
	t.Fatalf("there is no target %s", name)
	return admin.Target{}
}

// inState is the target in another state.
func inState(state route.State, was route.Target) route.Target {
	was.State = state
	if state == route.Stopped {
		was.Address = ""
	}
	return was
}

// listenAgain listens at an address that was in use before.
func listenAgain(t *testing.T, address string, handle http.HandlerFunc) {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handle, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
}

// lines counts the occurrences of a text in the log.
func (l *logged) lines(text string) int { return strings.Count(l.String(), text) }
