// Package request carries one request: it finds the route of each request in the current state, passes it through the
// route's filters, sends it to one target after the other until one answers, and accounts for it. It knows nothing of
// tables, listeners or how connections are served. The policy worth stating: what waits, waits in one way, for a pause, for
// a table or for a target, and each request goes on with the state that is current when its turn comes.
package request

import (
	"log/slog"
	"sync/atomic"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/peer"
	"gateway/proxy/traffic"
)

// Handler carries the requests of an engine. It implements engine.Handler. Its fields do not change once it serves.
type Handler struct {
	// Current is never nil.
	Current *atomic.Pointer[live.State]
	Pauses  *live.Pauses
	// Tables is where requests wait for another table.
	Tables *live.Waitlist
	// Orders wakes the agent, which starts apps.
	Orders *live.Signal
	// Trusted are the proxies before this one; Admission counts the requests of the clients behind them.
	Trusted   *peer.Networks
	Admission *limit.Admission
	Traffic   *traffic.Registry
	// AccessLog may be nil.
	AccessLog *accesslog.Log
	Log       *slog.Logger
	// Challenge is that of certificate.Manager, nil without one.
	Challenge func(host, token string) (authorization string, found bool)
	// Started is since when the gateway waits for its first table.
	Started time.Time
	// Hold is how long a request waits when no target of its route can be reached, Wake how long for an app to start, and
	// Total how long an exchange may take, 0 for any time.
	Hold, Wake, Total time.Duration
	// Hurry is how long a target may take to accept a connection while there are others to ask.
	Hurry time.Duration
}
