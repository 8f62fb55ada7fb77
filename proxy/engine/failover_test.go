package engine

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/header"
)

// failingOver tries a second target if the first cannot be reached.
type failingOver struct{ first, second *Upstream }

func (f *failingOver) Serve(x *Exchange) {
	err := x.Forward(f.first, x.Request.Path, stamping{})
	if errors.Is(err, ErrConnect) {
		err = x.Forward(f.second, x.Request.Path, stamping{})
	}
	if err != nil && !x.Began() {
		_ = x.Reply(http.StatusBadGateway, nil, []byte(err.Error()))
	}
}

func (f *failingOver) Refuse(x *Exchange, r *Refusal) { _ = x.Reply(r.Status, nil, nil) }

// stamping adds a field, like Via.
type stamping struct{}

func (stamping) Outgoing(h *header.Header)    { h.Add("X-Stamp", "1"); h.Del("X-Removed") }
func (stamping) Incoming(int, *header.Header) {}

// There is a kept connection when the header is edited, but the target may be down.
func TestForward_GivesEachTargetAHeaderOfItsOwn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	disconnected := make(chan struct{})
	first := actingOn(t, l, func(p *peer, _ int) {
		p.head()
		_ = l.Close()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
		<-disconnected
	})
	second := acting(t, func(p *peer, _ int) {
		for head := p.head(); head != ""; head = p.head() {
			if strings.Count(head, "X-Stamp: 1\r\n") != 1 || strings.Contains(head, "X-Removed") {
				t.Errorf("got %q", head)
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
		}
	})
	f := new(failingOver)
	r := serving(t, Config{Handler: f})
	f.first, f.second = r.Upstream(HTTP, first), r.Upstream(HTTP, second)
	v := dial(t, r.address)
	if _, body := v.get("/"); body != "first" {
		t.Fatalf("got %q", body)
	}
	close(disconnected)
	v.send("GET / HTTP/1.1\r\nHost: h\r\nX-Removed: 1\r\n\r\n")
	if _, body := v.response(http.MethodGet); body != "second" {
		t.Errorf("got %q", body)
	}
}

func (stamping) Accepts(int) bool { return true }
