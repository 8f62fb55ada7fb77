//go:build !portable

package proxy

import (
	"testing"
	"time"

	"gateway/proxy/request"
	"gateway/proxy/route"
)

func TestPause_FreesThePlacesOfClientsThatLeave(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", nil)))
	pauseRoute(t, p.Server, "/a", order("", time.Minute))
	for range 5 {
		conn := p.ask(t, getA)
		p.waiting(t, "/a", 1)
		_ = conn.Close()
		p.waiting(t, "/a", 0)
	}
	for _, r := range p.recorded(t, "/a", 5) {
		if r.Status != request.StatusGone {
			t.Errorf("recorded %+v", r)
		}
	}
}
