package proxy

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// onlyRoute is the one route of a proxy, as the admin API shows it.
func (p *running) onlyRoute(t *testing.T) admin.Route {
	t.Helper()
	routes := p.Routes().Routes
	if len(routes) != 1 {
		t.Fatalf("%d routes", len(routes))
	}
	return routes[0]
}

// rawTarget is a target that calls say with each connection.
func rawTarget(t *testing.T, say func(net.Conn)) route.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			say(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return at("rawTarget", l.Addr().String())
}

func TestProxy_ShowsWhyATargetIsUnreachable(t *testing.T) {
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	for name, test := range map[string]struct {
		target route.Target
		scheme route.Scheme
		want   string
	}{
		"nothing listens":        {at("none", deadAddress(t)), route.HTTP, " refuses connections; set gateway.port to the port the app listens on"},
		"nothing listens at TLS": {at("none", deadAddress(t)), route.HTTPS, " refuses connections; set gateway.port"},
		"plain at TLS":           {app(t, "plain", nil), route.HTTPS, " speaks no TLS; set gateway.scheme to http"},
		"TLS at plain":           {at("tls", secured.Listener.Addr().String()), route.HTTP, " speaks TLS; set gateway.scheme to https"},
		"HTTP/1.1 at h2c":        {app(t, "plain", nil), route.H2C, " speaks no HTTP/2 without TLS; set gateway.scheme to http"},
		"closes at once": {
			rawTarget(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }), route.HTTP,
			" closes connections without a response; set gateway.port",
		},
		"no HTTP": {
			rawTarget(t, func(c net.Conn) { _, _ = fmt.Fprint(c, "220 mail ESMTP\r\n"); _, _ = c.Read(make([]byte, 1)) }), route.HTTP,
			" does not answer in HTTP (",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.target.Scheme = test.scheme
			p := start(t, Config{Hold: -1}, mount(t, "/x", route.Strip, test.target))
			// As many as have to fail in a row, and one more that probes the target.
			for range 4 {
				got := p.do(t, "GET", "/x/", "Accept: application/json")
				if strings.Contains(got.body, test.target.Address) || strings.Contains(got.body, "gateway.") {
					t.Fatalf("clients receive %q", got.body)
				}
			}
			got := p.onlyRoute(t)
			if got.State != "unreachable" || !strings.HasPrefix(got.Reason, test.target.Address+test.want) {
				t.Errorf("%s: %q, want %q", got.State, got.Reason, test.want)
			}
			if len(got.Targets) != 1 || got.Targets[0].State != got.State || got.Targets[0].Reason != got.Reason {
				t.Errorf("its target is %+v", got.Targets)
			}
		})
	}
}

func TestProxy_ProbesTargetsBeforeTheFirstRequest(t *testing.T) {
	address := deadAddress(t)
	p := start(t, Config{}, mount(t, "/x", route.Strip, at("x", address)))
	if got := p.onlyRoute(t); got.State != "unreachable" {
		t.Errorf("before the first request: %s", got.State)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	eventually(t, "it is ready without a request", func() bool { return p.onlyRoute(t).State == "ready" })
}

func TestProxy_ProbesTargetsThatSpeakTLSLater(t *testing.T) {
	address := deadAddress(t)
	target := at("x", address)
	target.Scheme = route.HTTPS
	p := start(t, Config{}, mount(t, "/x", route.Strip, target))
	if got := p.onlyRoute(t); got.State != "unreachable" {
		t.Errorf("before it listens: %s", got.State)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	_ = server.Listener.Close()
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	eventually(t, "it is ready without a request", func() bool { return p.onlyRoute(t).State == "ready" })
}

func TestProxy_ShowsAtOnceThatATargetRespondsAgain(t *testing.T) {
	address := deadAddress(t)
	p := start(t, Config{Hold: -1}, mount(t, "/x", route.Strip, at("x", address)))
	if got := p.do(t, "GET", "/x/"); got.StatusCode != 502 {
		t.Fatalf("%d", got.StatusCode)
	}
	if got := p.onlyRoute(t); got.State != "unreachable" {
		t.Errorf("refused: %s", got.State)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	eventually(t, "it responds", func() bool { return p.do(t, "GET", "/x/").StatusCode == 404 })
	if got := p.onlyRoute(t); got.State != "ready" || got.Reason != "" || got.Targets[0].Ejected {
		t.Errorf("after a response: %+v", got)
	}
}

func TestProxy_ShowsWhyACheckFails(t *testing.T) {
	target := app(t, "ill", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	r := mount(t, "/x", route.Strip, target)
	r.Check = route.Check{Path: "/health", Interval: route.CheckInterval, Timeout: route.CheckTimeout, Rise: 1, Fall: 1}
	p := start(t, Config{}, r)
	eventually(t, "its check fails", func() bool { return p.onlyRoute(t).State == "unhealthy" })
	if got := p.onlyRoute(t); got.Reason != "its check fails: GET /health answered 503" {
		t.Errorf("%q", got.Reason)
	}
}
