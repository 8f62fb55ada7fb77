package proxy

import (
	"fmt"
	"os"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/balance"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

// The proxy is what its admin API shows.
var _ admin.Gateway = (*Server)(nil)

// Status describes the proxy, its sources and the current table.
func (s *Server) Status() admin.Status {
	listeners := []string{}
	if open := s.listeners.Load(); open != nil {
		listeners = *open
	}
	return admin.Status{
		Proxy: admin.Proxy{
			Version:   s.config.Version,
			Boot:      s.boot,
			PID:       os.Getpid(),
			Started:   s.started,
			Uptime:    time.Since(s.started).Milliseconds(),
			Listeners: listeners,
			Requests:  s.traffic.Requests(),
			Inflight:  s.traffic.Inflight(),

			Connections: boundedOf(s.limiter.admission.Conns, s.limiter.admission.CountConns()),
			UnderWay:    boundedOf(s.limiter.admission.Requests, s.limiter.admission.CountRequests()),
		},
		Sources: s.describeSources(),
		Table:   describeTable(s.current.Load()),
	}
}

func boundedOf(b limit.Bounds, now limit.Counts) admin.Bounded {
	return admin.Bounded{
		Open: now.Open, Max: b.All, MaxPerClient: b.PerClient,
		Refused: now.FullRefusals, RefusedPerClient: now.ClientRefusals,
	}
}

// describeTable is the current table as the admin API shows it; one without a table has revision 0 and no digest.
func describeTable(s *live.State) admin.Table {
	if s.Table == nil {
		return admin.Table{}
	}
	return admin.Table{
		Revision: s.Version.Revision,
		Digest:   s.Table.Digest(),
		Since:    s.Version.Since,
		Routes:   len(s.Table.Routes()),
		Problems: len(s.Table.Problems()),
		Restored: s.Version.Restored,
	}
}

// Routes describes the routes of the current table with their traffic.
func (s *Server) Routes() admin.Routes {
	current := s.current.Load()
	shown := admin.Routes{Table: describeTable(current), Routes: []admin.Route{}, Problems: []admin.Problem{}}
	if current.Table == nil {
		return shown
	}
	now := time.Now()
	current.Probe(now)
	certificates := s.certificatesByName()
	for _, r := range current.Routes() {
		added := describeRoute(r, now)
		added.Certificate = certificateOf(r.Route.Host, certificates)
		if p := s.pauses.Of(r.Route.Key, now); p != nil {
			paused := p.Describe()
			added.Paused = &paused
		}
		shown.Routes = append(shown.Routes, added)
	}
	for _, p := range current.Table.Problems() {
		shown.Problems = append(shown.Problems, admin.Problem(p))
	}
	return shown
}

func describeRoute(known *live.Route, now time.Time) admin.Route {
	r, standing := known.Route, known.Standing(now)
	shown := admin.Route{
		Key:     r.Key.String(),
		Host:    r.Host,
		Path:    r.Prefix.String(),
		Service: r.Service,
		Project: r.Project,
		Source:  r.Source,
		Mount:   string(r.Mount),
		State:   string(standing.State),
		Reason:  standing.Reason,
		LastLog: standing.LastLog,
		Owner:   r.Owner,
		Expires: r.Expires,
		Idle:    known.Sleeper.Describe(),
		Targets: make([]admin.Target, len(r.Targets)),
		Traffic: known.Traffic.Figures(now),
	}
	if r.Redirect != "" {
		shown.State, shown.Reason = string(route.Ready), "redirects to "+r.Redirect
	}
	for i := range r.Targets {
		shown.Targets[i] = describeTarget(known, &r.Targets[i], now)
	}
	return shown
}

// healths are what checks find, as the admin API shows it.
var healths = map[balance.Health]string{
	balance.Unchecked: "unchecked", balance.Passing: "passing", balance.Failing: "failing",
}

func describeTarget(r *live.Route, t *route.Target, now time.Time) admin.Target {
	standing := r.TargetStanding(t, now)
	shown := admin.Target{
		ID: t.ID, Name: t.Name, Address: t.Address, Scheme: string(t.Scheme),
		State: string(standing.State), Reason: standing.Reason, LastLog: standing.LastLog,
	}
	ready := r.Target(t)
	if ready == nil {
		return shown
	}
	state := ready.Balance.State(now)
	if r.Route.Check.Path != "" {
		shown.Health = healths[state.Health]
	}
	// One that refused connections and accepts them again is tried by the next request.
	shown.Ejected = state.Ejected && (state.Cause != balance.Refused || ready.Contact.Why() != "")
	shown.Inflight = ready.Balance.Inflight()
	if shown.Ejected && state.Left > 0 {
		shown.EjectedUntil = now.Add(state.Left)
	}
	return shown
}

// Requests returns the last requests of the route with that key, newest first. The error is admin.ErrNoRoute when the
// current table has no such route.
func (s *Server) Requests(key string) ([]admin.Request, error) {
	parsed, err := route.ParseKey(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	known := s.traffic.Route(parsed.String())
	if known == nil {
		return nil, fmt.Errorf("%w: %s", admin.ErrNoRoute, parsed)
	}
	return known.Last(), nil
}
