package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/limit"
	"gateway/proxy/page"
	"gateway/proxy/peer"
)

// doorman bounds the connections of clients and what they have under way. It implements engine.Doorman.
type doorman struct {
	admission limit.Admission
	trusted   *peer.Networks
}

// What clients are refused for.
var (
	manyConns    = &engine.Refusal{Status: http.StatusTooManyRequests, Reason: "the client has too many connections"}
	fullConns    = &engine.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many connections"}
	manyRequests = &engine.Refusal{Status: http.StatusTooManyRequests, Reason: "the client has too many requests under way"}
	fullRequests = &engine.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many requests under way"}
)

// refusal is what the client is told who hit a bound.
func refusal(hit limit.Bound, perClient, inAll *engine.Refusal) *engine.Refusal {
	switch hit {
	case limit.PerClient:
		return perClient
	case limit.InAll:
		return inAll
	case limit.None:
	}
	return nil
}

// Enter implements engine.Doorman.
func (d *doorman) Enter(address string) (engine.Admitted, *engine.Refusal) {
	conn, hit := d.admission.Enter(d.client(address))
	if hit != limit.None {
		return nil, refusal(hit, manyConns, fullConns)
	}
	return admitted{conn}, nil
}

// admitted is a connection. It implements engine.Admitted.
type admitted struct{ conn *limit.Conn }

// Begin implements engine.Admitted.
func (a admitted) Begin() *engine.Refusal {
	return refusal(a.conn.Begin(), manyRequests, fullRequests)
}

// End implements engine.Admitted.
func (a admitted) End() { a.conn.End() }

// Leave implements engine.Admitted.
func (a admitted) Leave() { a.conn.Leave() }

// client is who a connection counts for: nobody, if it is of a trusted proxy, which speaks for many. Its requests count
// for who is behind it.
func (d *doorman) client(address string) string {
	if d.trusted.Empty() {
		return address
	}
	if parsed, err := netip.ParseAddr(address); err == nil && d.trusted.Contains(parsed) {
		return ""
	}
	return address
}

// identify finds out who the client is, behind the proxies that are trusted. What they say of the scheme and of the host
// that was asked for is believed too.
func (v *visit) identify() {
	r := &v.exchange.Request
	v.peer = r.Peer
	if !v.server.door.trusted.Contains(r.Addr) {
		return
	}
	v.lines = linesOf(v.lines[:0], r.Header, "X-Forwarded-For")
	v.trail = peer.Follow(v.server.door.trusted, r.Peer, v.lines...)
	r.Peer, r.Addr = v.trail.Client, v.trail.Addr
	hops := v.trail.Hops()
	for i := range peer.Schemes {
		field := &peer.Schemes[i]
		if lines := v.said(field.Name); len(lines) > 0 {
			if scheme := field.Read(hops, lines...); scheme != "" {
				r.Secure = scheme == "https"
			}
			break
		}
	}
	if host := peer.Host(hops, v.said("X-Forwarded-Host")...); host != "" {
		r.Host = host
	}
	if portIn(r.Host) == "" {
		v.port = peer.Port(r.Secure, hops, v.said("X-Forwarded-Port")...)
	}
}

// said are the values of a field that only trusted proxies may send. The trail keeps its lines, so these come behind them.
func (v *visit) said(name string) []string {
	followed := len(v.lines)
	v.lines = linesOf(v.lines, v.exchange.Request.Header, name)
	return v.lines[followed:]
}

// linesOf collects the values of a field that clients cannot set.
func linesOf(to []string, h header.Header, name string) []string {
	for i := range h {
		if f := &h[i]; f.Kind == header.Forged && header.EqualFold(f.Name, name) {
			to = append(to, f.Value)
		}
	}
	return to
}

// claim counts a request of who is behind a trusted proxy. It reports whether it may go on; if not, it is answered.
func (v *visit) claim() bool {
	r := &v.exchange.Request
	if r.Peer == v.peer {
		return true
	}
	account, hit := v.server.door.admission.Claim(r.Addr, r.Peer)
	if v.account = account; hit == limit.None {
		return true
	}
	v.page(page.TooMany)
	return false
}

// admit answers the requests that go beyond a limit. It reports whether the request may go on.
func (v *visit) admit() bool {
	if wait := v.serving.rates.ahead(v.server.memory, &v.exchange.Request, v.began); wait > 0 {
		v.show(page.Page{Kind: page.TooMany, RequestID: v.id, Service: v.serving.app(), Retry: wait})
		return false
	}
	most := v.serving.bodyMax
	if most <= 0 {
		return true
	}
	switch length := v.exchange.Request.Length; {
	case length > most:
		v.page(page.LargeBody)
		return false
	case length < 0:
		v.exchange.Receive(func(body io.Reader) io.Reader { return &measured{body, most} })
	}
	return true
}

// rates are those that a request may hit: the gateway's and the route's. Either may be nil.
type rates [2]*limit.Rate

// ahead is how much later a request should have come for all of them, 0 if it may come now.
func (r rates) ahead(m *limit.Memory, q *engine.Request, now time.Time) time.Duration {
	if r == (rates{}) {
		return 0
	}
	client := m.Client(q.Addr, q.Peer)
	for _, rate := range r {
		if ok, wait := rate.Allow(client, now); !ok {
			return wait
		}
	}
	return 0
}

// errLarge says that a body is larger than it may be.
var errLarge = errors.New("the body is larger than the limit")

// measured is a body that may have only so many bytes more.
type measured struct {
	io.Reader
	left int64
}

// Read implements io.Reader.
func (b *measured) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLarge
	}
	return n, err
}

// refusedPage is the page for what the engine refused.
func refusedPage(r *engine.Refusal) page.Kind {
	switch r.Status {
	case http.StatusTooManyRequests:
		return page.TooMany
	case http.StatusServiceUnavailable:
		return page.Crowded
	}
	return page.Refused(r.Status)
}
