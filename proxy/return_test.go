package proxy

import (
	"io"
	"net/http"
	"testing"
	"time"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

// While a project is recreated, its requests wait, and the project at / never gets them.
func TestProxy_HoldsRequestsUntilTheirRouteReturns(t *testing.T) {
	root := mount(t, "/", route.Strip, app(t, "root", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "root") }))
	shop := mount(t, "/shop", route.Strip, app(t, "shop", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shop") }))
	p := start(t, Config{Hold: patience}, root, shop)
	p.SetTable(route.Build([]route.Route{root}, nil))
	results := make(chan string, 3)
	for range cap(results) {
		go func() { results <- p.do(t, "GET", "/shop/").body }()
	}
	eventually(t, "they wait", func() bool { return p.tables.Waiting() == cap(results) })
	// Another table without the route does not end the wait.
	other := mount(t, "/other", route.Strip, at("other", deadAddress(t)))
	p.SetTable(route.Build([]route.Route{root, other}, nil))
	eventually(t, "they wait again", func() bool { return p.tables.Waiting() == cap(results) })
	p.SetTable(route.Build([]route.Route{root, shop}, nil))
	for range cap(results) {
		if got := <-results; got != "shop" {
			t.Errorf("got %q", got)
		}
	}
}

// The container exists before the app in it listens.
func TestProxy_HoldsRequestsWhileTheirRouteStartsAgain(t *testing.T) {
	shop := mount(t, "/shop", route.Strip, app(t, "shop", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shop") }))
	p := start(t, Config{Hold: patience}, shop)
	p.SetTable(route.Build(nil, nil))
	results := make(chan string, 2)
	ask := func() { results <- p.do(t, "GET", "/shop/").body }
	go ask()
	eventually(t, "one waits for the route", func() bool { return p.tables.Waiting() == 1 })
	starting := shop
	starting.Targets = []route.Target{{ID: "new", Name: "shop", Scheme: route.HTTP, State: route.Starting}}
	p.SetTable(route.Build([]route.Route{starting}, nil))
	go ask()
	outage := p.current.Load().Lookup(shop.Key).Outage
	eventually(t, "both wait for a target", func() bool { return outage.Waiting() == cap(results) })
	p.SetTable(route.Build([]route.Route{shop}, nil))
	for range cap(results) {
		if got := <-results; got != "shop" {
			t.Errorf("got %q", got)
		}
	}
}

func TestProxy_HoldsRequestsUntilTheFirstTable(t *testing.T) {
	p := start(t, Config{Hold: patience})
	result := make(chan string, 1)
	p.current.Store(&live.State{})
	go func() { result <- p.do(t, "GET", "/").body }()
	eventually(t, "it waits", func() bool { return p.tables.Waiting() > 0 })
	p.SetTable(route.Build([]route.Route{
		mount(t, "/", route.Strip, app(t, "root", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "root") })),
	}, nil))
	if got := <-result; got != "root" {
		t.Errorf("got %q", got)
	}
}

func TestProxy_HoldsNoRequestsForALongRemovedRoute(t *testing.T) {
	shop := mount(t, "/shop", route.Strip, at("shop", deadAddress(t)))
	p := start(t, Config{Hold: 20 * time.Millisecond}, shop)
	p.SetTable(route.Build(nil, nil))
	if got := p.do(t, "GET", "/shop/"); got.StatusCode != http.StatusNotFound {
		t.Errorf("%d, want 404", got.StatusCode)
	}
	if got := p.do(t, "GET", "/never/"); got.StatusCode != http.StatusNotFound {
		t.Errorf("%d, want 404", got.StatusCode)
	}
}
