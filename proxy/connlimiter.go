package proxy

import (
	"net/http"
	"net/netip"

	"gateway/proxy/engine"
	"gateway/proxy/limit"
	"gateway/proxy/peer"
)

// connLimiter bounds the connections of clients and their requests under way. It implements engine.ConnLimiter.
type connLimiter struct {
	admission limit.Admission
	trusted   *peer.Networks
}

// Why clients are refused.
var (
	manyConns    = &engine.Refusal{Status: http.StatusTooManyRequests, Reason: "the client has too many connections"}
	fullConns    = &engine.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many connections"}
	manyRequests = &engine.Refusal{Status: http.StatusTooManyRequests, Reason: "the client has too many requests under way"}
	fullRequests = &engine.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many requests under way"}
)

// refusal is why a client is refused that hit a bound, nil if it hit none.
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

// Enter implements engine.ConnLimiter.
func (d *connLimiter) Enter(address string) (engine.Admitted, *engine.Refusal) {
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

// client is the client that a connection counts for: none if it is that of a trusted proxy, whose requests count for the
// clients behind it.
func (d *connLimiter) client(address string) string {
	if d.trusted.Empty() {
		return address
	}
	if parsed, err := netip.ParseAddr(address); err == nil && d.trusted.Contains(parsed) {
		return ""
	}
	return address
}
