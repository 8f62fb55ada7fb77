package proxy

import (
	"io"
	"net/http"
	"testing"
	"time"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

// A project that is made again is away for a moment: its clients wait, and the project at / never sees them.
func TestProxy_HoldsRequestsUntilTheirRouteReturns(t *testing.T) {
	root := mount(t, "/", route.Strip, app(t, "root", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "root") }))
	shop := mount(t, "/shop", route.Strip, app(t, "shop", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shop") }))
	p := start(t, Config{Hold: patience}, root, shop)
	p.SetTable(route.Build([]route.Route{root}, nil))
	answers := make(chan string, 3)
	for range cap(answers) {
		go func() { answers <- p.do(t, "GET", "/shop/").body }()
	}
	eventually(t, "they wait", func() bool { return p.tables.Waiting() == cap(answers) })
	// Another table without it is none to go on with.
	other := mount(t, "/other", route.Strip, at("other", deadAddress(t)))
	p.SetTable(route.Build([]route.Route{root, other}, nil))
	eventually(t, "they wait again", func() bool { return p.tables.Waiting() == cap(answers) })
	p.SetTable(route.Build([]route.Route{root, shop}, nil))
	for range cap(answers) {
		if got := <-answers; got != "shop" {
			t.Errorf("answered %q", got)
		}
	}
}

// Its container is there before the app in it is.
func TestProxy_HoldsRequestsWhileTheirRouteStartsAgain(t *testing.T) {
	shop := mount(t, "/shop", route.Strip, app(t, "shop", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shop") }))
	p := start(t, Config{Hold: patience}, shop)
	p.SetTable(route.Build(nil, nil))
	answers := make(chan string, 2)
	ask := func() { answers <- p.do(t, "GET", "/shop/").body }
	go ask()
	eventually(t, "one waits for the route", func() bool { return p.tables.Waiting() == 1 })
	starting := shop
	starting.Targets = []route.Target{{ID: "new", Name: "shop", Scheme: route.HTTP, State: route.Starting}}
	p.SetTable(route.Build([]route.Route{starting}, nil))
	go ask()
	outage := p.current.Load().Lookup(shop.Key).Outage
	eventually(t, "both wait for a target", func() bool { return outage.Waiting() == cap(answers) })
	p.SetTable(route.Build([]route.Route{shop}, nil))
	for range cap(answers) {
		if got := <-answers; got != "shop" {
			t.Errorf("answered %q", got)
		}
	}
}

func TestProxy_HoldsRequestsUntilTheFirstTable(t *testing.T) {
	p := start(t, Config{Hold: patience})
	answer := make(chan string, 1)
	p.current.Store(&live.State{})
	go func() { answer <- p.do(t, "GET", "/").body }()
	eventually(t, "it waits", func() bool { return p.tables.Waiting() > 0 })
	p.SetTable(route.Build([]route.Route{
		mount(t, "/", route.Strip, app(t, "root", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "root") })),
	}, nil))
	if got := <-answer; got != "root" {
		t.Errorf("answered %q", got)
	}
}

func TestProxy_DoesNotHoldWhatIsAwayForLong(t *testing.T) {
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
