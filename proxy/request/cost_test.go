package request

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/header"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// rig repeats one request without the engine.
type rig struct {
	handler            *Handler
	exchange           engine.Exchange
	request, response  header.Header
	outgoing, incoming header.Header
	asked              string
}

// newRig is a request to a route among a hundred.
func newRig(t testing.TB, how route.Mount, fields ...string) *rig {
	t.Helper()
	return newRigTo(t, new(live.Builder), route.Route{Mount: how, Targets: []route.Target{at("127.0.0.1:1")}}, fields...)
}

func at(address string) route.Target {
	return route.Target{ID: address, Name: "app", Address: address, Scheme: route.HTTP, State: route.Ready}
}

// newRigTo is one with a hundred routes like that.
func newRigTo(t testing.TB, b *live.Builder, like route.Route, fields ...string) *rig {
	t.Helper()
	h := &Handler{
		Current: new(atomic.Pointer[live.State]), Tables: new(live.Waitlist), Orders: new(live.Signal), Admission: new(limit.Admission),
		Traffic: new(traffic.Registry), Log: slog.New(slog.DiscardHandler), Unrouted: filter.Unrouted(nil),
	}
	h.Pauses = live.NewPauses(h.Log, live.Store{}, func() *route.Table { return h.Current.Load().Table })
	b.Engine, b.Traffic, b.Log, b.Signing = engine.New(engine.Config{Handler: h}), h.Traffic, h.Log, &live.Signing{Log: h.Log}
	b.Memory = limit.NewMemory(0)
	var routes []route.Route
	for i := range 100 {
		key, err := route.ParseKey(fmt.Sprintf("/app%d", i))
		if err != nil {
			t.Fatal(err)
		}
		r := like
		r.Key, r.Service = key, "app"
		routes = append(routes, r)
	}
	h.Current.Store(b.Build(&live.State{}, route.Build(routes, nil), live.Version{Revision: 1}, nil).Next)
	p := &rig{handler: h}
	p.exchange.Request = engine.Request{
		Method: "GET", Target: "/app42/style.css?v=1", Path: "/app42/style.css", Query: "?v=1", Host: "example.org:8080",
		Peer: "192.0.2.1", Addr: netip.MustParseAddr("192.0.2.1"), Major: 1, Minor: 1,
	}
	for _, f := range []string{"User-Agent", "Accept", "Accept-Encoding", "Cookie", "X-Forwarded-For"} {
		p.request.Add(f, "value")
	}
	for i := 0; i < len(fields); i += 2 {
		p.request.Add(fields[i], fields[i+1])
	}
	for _, f := range []string{"Content-Type", "Server", "ETag", "X-Request-Id"} {
		p.response.Add(f, "value")
	}
	p.response.Add("Location", "/login")
	p.response.Add("Set-Cookie", "sid=1; Path=/; HttpOnly")
	return p
}

func (p *rig) pass(t testing.TB) {
	p.outgoing = append(p.outgoing[:0], p.request...)
	p.incoming = append(p.incoming[:0], p.response...)
	r := p.handler.begin(&p.exchange)
	defer r.end()
	if !r.admit() || !r.match() || !r.Chain.Request(&r.Request) || !r.pause() {
		t.Fatal("the request does not get to its route")
	}
	attempt, found := r.pick()
	if !found {
		t.Fatal("the route has no target")
	}
	defer attempt.End()
	r.attempt, r.asked = attempt, &r.route.Targets[attempt.Index]
	p.asked = r.aim(r.asked)
	r.Outgoing(&p.outgoing)
	r.Incoming(200, &p.incoming)
}

func TestRequest_AllocatesNothing(t *testing.T) {
	for _, how := range []route.Mount{route.Strip, route.Preserve} {
		p := newRig(t, how, "Referer", "http://example.org:8080/app42/", "X-Forwarded-Proto", "gopher")
		for range 100 {
			p.pass(t)
		}
		if n := testing.AllocsPerRun(200, func() { p.pass(t) }); n != 0 {
			t.Errorf("%s: %v allocations", how, n)
		}
		if want := map[route.Mount]string{route.Strip: "/style.css", route.Preserve: "/app42/style.css"}[how]; p.asked != want {
			t.Errorf("%s asks for %q", how, p.asked)
		}
	}
}

// The checks of the connection and the fields of HTTPS cost nothing, over TLS and without.
func TestRequest_AllocatesNothingForHTTPS(t *testing.T) {
	never := func(string) bool { return false }
	b := &live.Builder{HTTPS: filter.HTTPS{Covers: never, Port: 8443, HSTS: "max-age=31536000", Internal: never}}
	for name, c := range map[string]*engine.TLS{"without TLS": nil, "with its name": {ServerName: "example.org"}, "with another name": {ServerName: "www.example.org"}} {
		p := newRigTo(t, b, route.Route{Mount: route.Strip, Targets: []route.Target{at("127.0.0.1:1")}})
		p.handler.Serves = func(serverName, host string) bool { return serverName == "www.example.org" && host == "example.org" }
		p.exchange.Request.TLS, p.exchange.Request.Secure = c, c != nil
		for range 100 {
			p.pass(t)
		}
		if n := testing.AllocsPerRun(200, func() { p.pass(t) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if got := joined(p.incoming, "Strict-Transport-Security"); (got != "") != (c != nil) {
			t.Errorf("%s: Strict-Transport-Security is %q", name, got)
		}
	}
}

func TestRequest_LeavesNothingOfOneRequestToTheNext(t *testing.T) {
	p := newRig(t, route.Strip)
	p.pass(t)
	first := strings.Clone(joined(p.outgoing, "X-Request-Id"))
	r := p.exchange.Local.(*Request)
	if r.state != nil || r.route != nil || r.Exchange != nil || r.Mapped.Routes != nil || r.Table != nil || r.Host+r.answeredBy+r.Rest != "" {
		t.Errorf("between two requests it keeps %+v", r)
	}
	p.exchange.Request.Path, p.exchange.Request.Secure = "/app7/x", true
	p.pass(t)
	for name, want := range map[string]string{
		"X-Forwarded-Prefix": "/app7", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8080", "X-Forwarded-For": "192.0.2.1",
	} {
		if got := joined(p.outgoing, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	second := joined(p.outgoing, "X-Request-Id")
	if len(first) != 32 || len(second) != 32 || first == second || strings.Trim(first, "0123456789abcdef") != "" {
		t.Errorf("the ids are %q and %q", first, second)
	}
	if got := joined(p.incoming, "X-Request-Id"); got != second {
		t.Errorf("the response has the id %q, want %q", got, second)
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, how := range []route.Mount{route.Strip, route.Preserve} {
		b.Run(string(how), func(b *testing.B) { newRig(b, how).repeat(b) })
	}
	b.Run("everything", func(b *testing.B) {
		like := route.Route{Mount: route.Strip, Policy: route.Policy{Rate: route.Rate{Requests: 1e9, Per: time.Second}, BodyMax: 1 << 20}}
		for i := range 3 {
			like.Targets = append(like.Targets, at(fmt.Sprintf("127.0.0.%d:1", i+1)))
		}
		like.Compress, like.ResponseHeaders = true, []route.HeaderEdit{{Name: "Server"}, {Name: "X-Frame-Options", Value: "DENY"}}
		newRigTo(b, new(live.Builder), like).repeat(b)
	})
}

func (p *rig) repeat(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p.pass(b)
	}
}

// joined are all values of that name.
func joined(h header.Header, name string) string {
	var all []string
	for _, f := range h {
		if header.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return strings.Join(all, "|")
}
