// Package request serves one request: it finds its route in the current state, passes it through the route's filters, sends
// it to one target after the other until one responds, and accounts for it. It knows nothing of listeners or connections.
// The policy worth stating: all waiting, for a pause, a table or a target, is done in one way, and a request goes on with
// the state that is current when its turn comes.
package request

import (
	"crypto/x509"
	"log/slog"
	"sync/atomic"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/filter"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/peer"
	"gateway/proxy/traffic"
)

// Handler serves the requests of an engine. It implements engine.Handler. Its fields do not change once it serves.
type Handler struct {
	// Current is never nil.
	Current *atomic.Pointer[live.State]
	Pauses  *live.Pauses
	// Tables is where requests wait for another table.
	Tables *live.Waitlist
	// Orders tells the agent of apps to start.
	Orders *live.Signal
	// Trusted are the proxies in front of this one; Admission counts the requests of the clients behind them.
	Trusted   *peer.Networks
	Admission *limit.Admission
	Traffic   *traffic.Registry
	// AccessLog may be nil.
	AccessLog *accesslog.Log
	Log       *slog.Logger
	// Challenge is that of certificate.Manager, nil without one.
	Challenge func(host, token string) (authorization string, found bool)
	// Serves is that of certificate.Manager, nil without one.
	Serves func(serverName, host string) bool
	// Unrouted is the filters of requests without a route.
	Unrouted *filter.Chain
	// Root is the root certificate that is served at /.gateway/, nil for none; it may return nil.
	Root func() *x509.Certificate
	// Started is when the gateway began to wait for its first table.
	Started time.Time
	// Hold is how long a request waits while no target of its route can be reached, Wake how long for an app to start, and
	// Total how long an exchange may take, 0 for no limit.
	Hold, Wake, Total time.Duration
	// Hurry is how long a target may take to accept a connection if the route has others.
	Hurry time.Duration
}
