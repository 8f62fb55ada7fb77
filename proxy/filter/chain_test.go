package filter

import (
	"slices"
	"sync/atomic"
	"testing"

	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

func TestChain_CallsTheSidesInOrder(t *testing.T) {
	var called []string
	request := func(name string, passes bool) func(*Request) bool {
		return func(*Request) bool { called = append(called, name); return passes }
	}
	edit := func(name string) func(*Request, *header.Header) {
		return func(*Request, *header.Header) { called = append(called, name) }
	}
	c := chain(
		Filter{Request: request("a", true), Forward: edit("a"), Response: edit("a")},
		Filter{},
		Filter{Request: request("b", false), Response: edit("b")},
		Filter{Request: request("c", true), Forward: edit("c")},
	)
	if c.Request(nil) {
		t.Error("a request that was answered goes on")
	}
	c.Forward(nil, nil)
	c.Response(nil, nil)
	if want := []string{"a", "b", "a", "c", "b", "a"}; !slices.Equal(called, want) {
		t.Errorf("called %q, want %q", called, want)
	}
}

// On the way back, the edits of response headers come before compression, so that they can forbid it.
func TestNew_EditsResponseHeadersBeforeItCompresses(t *testing.T) {
	for value, want := range map[string]bool{"no-cache": true, "no-transform": false} {
		q := engine.Request{Method: "GET"}
		q.Header.Add("Accept-Encoding", "zstd")
		r := &Request{Exchange: &engine.Exchange{Request: q}, Status: 200, Length: -1}
		c := New(Options{
			Route:       &route.Route{Policy: route.Policy{Compress: true, ResponseHeaders: []route.HeaderEdit{{Name: "Cache-Control", Value: value}}}},
			Group:       balance.New(balance.Options{}, nil),
			Compressors: new(Compressors),
			Slashless:   new(atomic.Bool),
		})
		var h header.Header
		h.Add("Content-Type", "text/html")
		c.Response(r, &h)
		if _, compressed := h.Lookup("Content-Encoding"); compressed != want {
			t.Errorf("%s: compressed is %v, want %v", value, compressed, want)
		}
		r.Reset()
	}
}
