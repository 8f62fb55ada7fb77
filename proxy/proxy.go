// Package proxy faces the clients: it has the configuration, the listeners and the life cycle of a proxy, and shows and
// changes its state through the admin API. It knows nothing of Docker; sources list its routes. The policy worth stating: the
// table is replaced whole and atomically, and the last good listings are kept on disk, so that neither the loss of an agent
// nor that of an engine loses a route.
//
// A request passes these functions, which call one another in this order:
//
//	engine.Engine.Serve        accepts the connection and reads the request
//	request.Handler.Serve      has the steps of a request
//	filter.Request.Identify    finds out who the client is
//	request.Request.challenge  answers a certificate authority that checks a host
//	request.Request.match      finds the route that the connection may ask for, or waits for a table that has it
//	filter.Chain.Request       answers what must not or need not get to the app
//	request.Request.pause      waits while the route is paused
//	request.Request.reach      retries, and waits for a target
//	request.Request.pick       chooses a target
//	engine.Exchange.Forward    sends the request, with filter.Chain.Forward for its header
//	filter.Chain.Response      edits the response on its way back
//	request.Request.end        accounts for the request
package proxy

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/health"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/peer"
	"gateway/proxy/request"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// Server is one proxy. Its methods are safe for concurrent use; Serve is called once.
type Server struct {
	config  Config
	log     *slog.Logger
	boot    string
	started time.Time
	engine  *engine.Engine
	checker *health.Checker
	limiter connLimiter
	traffic traffic.Registry
	store   live.Store

	// current is read by every request and never nil.
	current   atomic.Pointer[live.State]
	listeners atomic.Pointer[[]string]
	// pauses are also what implements Pauser.
	pauses *live.Pauses
	admin.Pauser

	// tables is where requests wait for another table, and orders where the agent waits for orders.
	tables live.Waitlist
	orders live.Signal

	// mu serialises replacing current, and guards what is below it.
	mu      sync.Mutex
	sources sources
	builder live.Builder
	// kept is what was last written to the store; unkept reports that the last try failed.
	kept   *live.State
	unkept bool
}

// New prepares a proxy with the last good table, if there is one. It listens nowhere yet. A table that cannot be read
// is no error: it is logged and set aside, and the proxy waits for its sources. An error says what is wrong with the
// configuration.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if len(c.TLSListen)+len(c.Inherited.HTTPS) > 0 && c.Certificates == nil {
		return nil, errors.New("serving with TLS: there is no certificate")
	}
	if err := c.checkHTTP3(); err != nil {
		return nil, fmt.Errorf("serving HTTP/3: %w", err)
	}
	s := &Server{
		config:  c,
		log:     c.Logger,
		boot:    rand.Text(),
		started: time.Now(),
		store:   live.Store{Folder: c.StateDir},
		sources: newSources(c.Sources, c.Await),
	}
	s.current.Store(&live.State{})
	s.pauses = live.NewPauses(c.Logger, s.store, func() *route.Table { return s.current.Load().Table })
	s.Pauser = s.pauses
	s.limiter.trusted = c.Trusted
	s.limiter.admission.Conns = limit.Bounds{All: c.MaxConns, PerClient: c.MaxClientConns}
	s.limiter.admission.Requests = limit.Bounds{All: c.MaxRequests, PerClient: c.MaxClientRequests}
	var announced *peer.Networks
	if c.ProxyProtocol {
		announced = c.Trusted
	}
	var secure *tls.Config
	if c.Certificates != nil {
		secure = c.Certificates.TLS()
	}
	s.engine = engine.New(engine.Config{
		Handler: s.handler(), TLS: secure, Log: c.Logger, Timeouts: c.Timeouts, Limits: c.Limits,
		ConnLimiter: &s.limiter, Announced: announced,
	})
	memory := limit.NewMemory(0)
	s.builder = live.Builder{
		Engine: s.engine, Traffic: &s.traffic, Log: c.Logger, Signing: &live.Signing{Store: s.store, Log: c.Logger},
		Rate: memory.Rate("", c.Rate.Requests, c.Rate.Per, c.Rate.Burst), Memory: memory,
		Drain: c.Drain, BodyMax: c.BodyMax, Forwarded: c.Forwarded, Via: c.Via, HTTPS: c.https(), AccessLog: c.AccessLog != nil,
	}
	s.checker = health.New(health.Config{Report: s.checked, Log: c.Logger})
	s.restore()
	s.pauses.Restore(s.started)
	return s, nil
}

// checkHTTP3 reports what HTTP/3 lacks.
func (c *Config) checkHTTP3() error {
	switch {
	case !c.HTTP3:
	case len(c.TLSListen)+len(c.Inherited.HTTPS) == 0:
		return errors.New("there is no address for HTTPS, whose port it shares")
	case c.ProxyProtocol:
		return errors.New("QUIC has no PROXY header, so that clients behind a proxy could not be told apart; serve HTTP/3 without the PROXY protocol")
	}
	return nil
}

// handler is what carries the requests.
func (s *Server) handler() *request.Handler {
	c := &s.config
	h := &request.Handler{
		Current: &s.current, Pauses: s.pauses, Tables: &s.tables, Orders: &s.orders,
		Trusted: c.Trusted, Admission: &s.limiter.admission, Traffic: &s.traffic, AccessLog: c.AccessLog, Log: c.Logger,
		Unrouted: filter.Unrouted(new(c.https())), Started: s.started, Hold: c.Hold, Wake: c.Wake, Total: c.Timeouts.Total, Hurry: c.hurry,
	}
	if c.Certificates != nil {
		h.Challenge, h.Serves = c.Certificates.Challenge, c.Certificates.Serves
	}
	if c.ServeRoot {
		h.Root = s.root
	}
	return h
}

// restore applies the last good listings.
func (s *Server) restore() {
	saved, err := s.store.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case errors.Is(err, live.ErrCorrupt):
		s.log.Warn("the last good table cannot be read and was set aside; the proxy starts without one", "file", s.store.Aside(live.TableFile), "error", err)
		return
	case err != nil:
		s.log.Warn("the last good table cannot be read; the proxy starts without one", "error", err)
		return
	}
	dropped := s.sources.restore(saved.AsOf(live.MachineBoot()))
	if len(s.sources.restored) == 0 {
		return
	}
	t := s.sources.listings.Table()
	next := live.Version{Revision: saved.Revision, Since: saved.Since, Restored: true}
	if dropped {
		next.Revision, next.Since = saved.Revision+1, time.Now().UTC()
	}
	s.replace(t, next, saved.Removed)
	if !dropped {
		s.kept = s.current.Load()
	}
	s.log.Info("restored the last good table", "revision", next.Revision, "routes", len(t.Routes()))
}

// apply makes the table of all listings the current one. The first one waits for all awaited sources. The caller holds mu.
func (s *Server) apply() {
	t, old := s.sources.listings.Table(), s.current.Load()
	if old.Table == nil && !s.sources.complete() {
		return
	}
	now := time.Now()
	next := live.Version{Revision: old.Version.Revision + 1, Since: now.UTC(), Restored: len(s.sources.restored) > 0}
	if old.Table != nil && old.Table.Digest() == t.Digest() {
		next.Revision, next.Since = old.Version.Revision, old.Version.Since
	}
	if old.Table == nil || old.Version != next {
		s.replace(t, next, old.RemovedBy(t, now))
	}
	s.keep()
}

// replace swaps the table. The caller holds mu or is alone.
func (s *Server) replace(t *route.Table, v live.Version, removed []live.Tombstone) {
	change := s.builder.Build(s.current.Load(), t, v, removed)
	s.current.Store(change.Next)
	s.checker.Set(change.Next.Checks)
	change.Release()
	s.tables.Release()
	s.orders.Poke()
	if s.config.Certificates != nil {
		s.config.Certificates.SetHosts(hostsOf(t))
	}
}

// hostsOf are the hosts of the routes of a table.
func hostsOf(t *route.Table) []certificate.Host {
	names := t.Hosts()
	hosts := make([]certificate.Host, len(names))
	for i, name := range names {
		hosts[i] = certificate.Host{Name: name, ClientCA: t.ClientCA(name)}
	}
	return hosts
}

// keep writes the current state to disk, unless it is there. The caller holds mu.
func (s *Server) keep() {
	current := s.current.Load()
	if s.store.Folder == "" || current.Table == nil || s.kept != nil && s.kept.Version.Revision == current.Version.Revision {
		return
	}
	err := s.store.Write(live.Saved{
		Revision: current.Version.Revision,
		Since:    current.Version.Since,
		Removed:  current.Removed,
		Listings: s.sources.listings.All(),
		Own:      s.sources.own(),
		Boot:     live.MachineBoot(),
	})
	if err != nil {
		if !s.unkept {
			s.log.Warn("the table is current but not on disk; a restart would lose it", "error", err)
		}
		s.unkept = true
		return
	}
	if s.unkept {
		s.log.Info("the table is on disk again")
	}
	s.kept, s.unkept = current, false
}
