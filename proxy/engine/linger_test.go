package engine

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// telling tells when an exchange has ended.
type telling struct {
	carrier
	served chan struct{}
}

func (h *telling) Serve(x *Exchange) {
	h.carrier.Serve(x)
	h.served <- struct{}{}
}

// A connection that is closed with unread bytes is reset, and what the visitor has not read yet is lost.
func TestLinger_LeavesTheLastAnswerToVisitorsWhoSentMore(t *testing.T) {
	for name, ask := range map[string]string{
		"GET":     "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"counted": "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000),
		"chunked": "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	} {
		for _, drains := range []bool{false, true} {
			t.Run(name, func(t *testing.T) { lingers(t, ask, drains) })
		}
	}
}

func lingers(t *testing.T, ask string, drains bool) {
	if drains {
		ask = strings.Replace(ask, "Connection: close\r\n", "", 1)
	}
	body := pattern(500 << 10)
	h := &telling{carrier{hooks: none{}}, make(chan struct{}, 1)}
	asked, more := make(chan struct{}), make(chan struct{})
	r, p := before(t, Config{Handler: h}, func(p *peer, _ int) {
		if _, err := http.ReadRequest(p.in); err != nil {
			return
		}
		close(asked)
		<-more
		p.say("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		_, _ = p.rest()
	})
	h.to = p.to
	v := dial(t, r.address)
	v.say("%s%s", ask, strings.Repeat("GET /more HTTP/1.1\r\nHost: h\r\n\r\n", 2000))
	closed(t, "the target is asked", asked)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if drains {
			r.Drain(context.Background())
		}
	}()
	if drains {
		eventually(t, r.draining.Load)
	}
	close(more)
	closed(t, "it is answered", h.served)
	if resp, got := v.answer(http.MethodGet); got != body || !resp.Close {
		t.Errorf("%d bytes, close %v", len(got), resp.Close)
	}
	if rest, err := v.rest(); rest != "" || err != nil {
		t.Errorf("%d bytes follow, %v", len(rest), err)
	}
	_ = v.Close()
	<-drained
}
