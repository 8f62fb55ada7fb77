package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/admin"
)

// proxy is a Gateway that remembers what it received.
type proxy struct {
	mu      sync.Mutex
	tables  []string
	sources []admin.Source
	paused  *admin.Pause
	slept   []admin.SleepReport
}

func (p *proxy) Status() admin.Status { return admin.Status{Proxy: admin.Proxy{Boot: "b1"}} }
func (p *proxy) Routes() admin.Routes { return admin.Routes{Routes: []admin.Route{{Key: "/robots"}}} }

func (p *proxy) Requests(key string) ([]admin.Request, error) {
	switch key {
	case "/robots":
		return []admin.Request{{ID: "r1"}}, nil
	case "/quiet":
		return nil, nil
	}
	return nil, fmt.Errorf("%w: %s", admin.ErrNoRoute, key)
}

func (p *proxy) ReceiveTable(source string, table admin.RawTable) (admin.Pushed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !json.Valid(table) {
		return admin.Pushed{}, fmt.Errorf("%w: no table", admin.ErrRefused)
	}
	p.tables = append(p.tables, source+string(table))
	return admin.Pushed{Boot: "b1", Revision: uint64(len(p.tables))}, nil
}

func (p *proxy) ReceiveSource(s admin.Source) (admin.Pushed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sources = append(p.sources, s)
	return admin.Pushed{Boot: "b1"}, nil
}

func (p *proxy) RemoveSource(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.sources, func(s admin.Source) bool { return s.Name == name }) {
		return fmt.Errorf("%w: there is no source %s", admin.ErrRefused, name)
	}
	p.sources = slices.DeleteFunc(p.sources, func(s admin.Source) bool { return s.Name == name })
	return nil
}

// start serves a gateway on a unix socket and returns a client of it and the number of connections made.
func start(t *testing.T, h http.Handler) (*admin.Client, *atomic.Int32) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	var dials atomic.Int32
	client := admin.NewClient(func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
	t.Cleanup(func() { _ = client.Close() })
	return client, &dials
}

func TestClient_AsksAndPushes(t *testing.T) {
	p := &proxy{}
	client, dials := start(t, admin.Handler(p))
	ctx := t.Context()
	if status, err := client.Status(ctx); err != nil || status.Proxy.Boot != "b1" {
		t.Fatalf("Status = %+v, %v", status, err)
	}
	if routes, err := client.Routes(ctx); err != nil || len(routes.Routes) != 1 {
		t.Fatalf("Routes = %+v, %v", routes, err)
	}
	if requests, err := client.Requests(ctx, "/robots"); err != nil || len(requests) != 1 || requests[0].ID != "r1" {
		t.Fatalf("Requests = %+v, %v", requests, err)
	}
	if requests, err := client.Requests(ctx, "/quiet"); err != nil || requests == nil || len(requests) != 0 {
		t.Fatalf("Requests of a quiet route = %#v, %v, want an empty list", requests, err)
	}
	if pushed, err := client.PutTable(ctx, "lab", admin.RawTable(`{"routes":[]}`)); err != nil || pushed.Revision != 1 {
		t.Fatalf("PutTable = %+v, %v", pushed, err)
	}
	if _, err := client.PutSource(ctx, admin.Source{Name: "lab", Agent: &admin.Agent{PID: 7, Started: time.Unix(1, 0)}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.tables, []string{`lab{"routes":[]}`}) || len(p.sources) != 1 || p.sources[0].Name != "lab" || p.sources[0].Agent.PID != 7 {
		t.Errorf("the proxy got %q and %+v", p.tables, p.sources)
	}
	if err := client.RemoveSource(ctx, "lab"); err != nil || len(p.sources) != 0 {
		t.Errorf("RemoveSource: %v, and %+v are left", err, p.sources)
	}
	if err := client.RemoveSource(ctx, "lab"); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("RemoveSource again: %v", err)
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections were made, want one that is kept", n)
	}
}

func TestClient_TellsErrorsApart(t *testing.T) {
	client, _ := start(t, admin.Handler(&proxy{}))
	if _, err := client.Requests(t.Context(), "/nobody"); !errors.Is(err, admin.ErrNoRoute) ||
		err.Error() != "asking the proxy for the requests of /nobody: no such route: /nobody" {
		t.Errorf("unknown route: %v", err)
	}
	if _, err := client.Requests(t.Context(), ""); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("no route named: %v", err)
	}
	if _, err := client.PutTable(t.Context(), "lab", admin.RawTable("{")); !errors.Is(err, admin.ErrRefused) || errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("broken table: %v", err)
	}
}

func TestClient_SurvivesConnectionsThatClose(t *testing.T) {
	p := &proxy{}
	closing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		admin.Handler(p).ServeHTTP(w, r)
	})
	client, _ := start(t, closing)
	for range 20 {
		if _, err := client.PutTable(t.Context(), "lab", admin.RawTable("{}")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClient_NamesTheDialError(t *testing.T) {
	client := admin.NewClient(func(context.Context) (net.Conn, error) { return nil, errors.New("no socket") })
	if _, err := client.Status(t.Context()); err == nil || err.Error() != "asking the proxy for its status: no socket" {
		t.Errorf("err = %v", err)
	}
}

func TestClient_ReadsAnswersOfStrangers(t *testing.T) {
	client, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "<html>")
	}))
	if _, err := client.Status(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "the proxy answered 418 I'm a teapot") {
		t.Errorf("err = %v", err)
	}
}

func TestHandler_AnswersErrorsAsJSON(t *testing.T) {
	for _, test := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/", "", 404},
		{"GET", "/v2/status", "", 404},
		{"POST", "/v1/status", "", 405},
		{"GET", "/v1/table", "", 405},
		{"GET", "/v1/requests", "", 400},
		{"GET", "/v1/requests?route=/x", "", 404},
		{"PUT", "/v1/source", "[]", 400},
		{"PUT", "/v1/source", `{"name":"docker"}`, 400},
		{"PUT", "/v1/source", `{"name":"Lab","agent":{}}`, 400},
		{"PUT", "/v1/table?source=a.b", `{"routes":[]}`, 400},
		{"DELETE", "/v1/source?source=%2F", "", 400},
		{"DELETE", "/v1/source?source=unknown", "", 400},
		{"PUT", "/v1/source", strings.Repeat(" ", 1<<20+1), 413},
		{"PUT", "/v1/table", strings.Repeat(" ", admin.MaxTable+1), 413},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			w := httptest.NewRecorder()
			admin.Handler(&proxy{}).ServeHTTP(w, httptest.NewRequest(test.method, test.target, strings.NewReader(test.body)))
			var body admin.Error
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Message == "" {
				t.Errorf("body %q: %v", w.Body, err)
			}
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
		})
	}
}
