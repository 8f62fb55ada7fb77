// Package proxy faces the clients: it listens, finds the route of each request in the current table, carries the
// request to one of the route's targets and the answer back, and answers itself where no app does. It knows nothing of
// Docker; tables are given to it. The one policy worth stating: a table is replaced whole and atomically, and the last
// good one is kept on disk, so that neither the loss of the agent nor that of the engine loses a route.
package proxy

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/health"
	"gateway/proxy/limit"
	"gateway/proxy/peer"
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
	door    doorman
	// rate bounds each client on all routes, by what memory remembers.
	rate   *limit.Rate
	memory *limit.Memory
	// compressors are those of all routes.
	compressors filter.Compressors
	book        traffic.Book
	store       store

	// current is read by every request and never nil.
	current   atomic.Pointer[snapshot]
	agent     atomic.Pointer[admin.Agent]
	listeners atomic.Pointer[[]string]
	// pauses are also what implements Pauser.
	pauses *pauses
	admin.Pauser

	// tables is where requests wait for another table.
	tables waitingRoom

	// sleeps is where the agent waits for orders.
	sleeps sleeps

	// mu serialises those who replace current, and guards what is below it.
	mu sync.Mutex
	// signing has what signs the cookies by which clients stay with a target.
	signing signing
	// kept is what was last written to the store; unkept reports that the last try failed.
	kept   *snapshot
	unkept bool
}

// New prepares a proxy with the last good table, if there is one. It listens nowhere yet. A table that cannot be read
// is no error: it is logged and set aside, and the proxy waits for its agent. An error says what is wrong with the
// configuration.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if len(c.TLSListen)+len(c.Inherited.HTTPS) > 0 && c.TLS == nil {
		return nil, errors.New("serving with TLS: there is no certificate")
	}
	s := &Server{
		config:  c,
		log:     c.Logger,
		boot:    rand.Text(),
		started: time.Now(),
		store:   store{folder: c.StateDir},
	}
	s.pauses = &pauses{
		changed: make(chan struct{}, 1),
		log:     c.Logger,
		store:   s.store,
		table:   func() *route.Table { return s.current.Load().table },
	}
	s.Pauser = s.pauses
	s.door.trusted = c.Trusted
	s.door.admission.Conns = limit.Bounds{All: c.MaxConns, PerClient: c.MaxClientConns}
	s.door.admission.Requests = limit.Bounds{All: c.MaxRequests, PerClient: c.MaxClientRequests}
	s.memory = limit.NewMemory(0)
	s.rate = s.memory.Rate("", c.Rate.Requests, c.Rate.Per, c.Rate.Burst)
	var announced *peer.Networks
	if c.ProxyProtocol {
		announced = c.Trusted
	}
	s.engine = engine.New(engine.Config{
		Handler: handler{s}, TLS: c.TLS, Log: c.Logger, Timeouts: c.Timeouts, Limits: c.Limits,
		ConnLimiter: &s.door, Announced: announced,
	})
	s.signing = signing{store: s.store, log: c.Logger}
	s.checker = health.New(health.Config{Report: s.checked, Log: c.Logger})
	s.current.Store(&snapshot{})
	s.restore()
	s.pauses.restore(s.started)
	return s, nil
}

// restore applies the last good table.
func (s *Server) restore() {
	saved, err := s.store.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case errors.Is(err, errCorrupt):
		s.log.Warn("the last good table cannot be read and was set aside; the proxy starts without one", "file", s.store.aside(tableFile), "error", err)
		return
	case err != nil:
		s.log.Warn("the last good table cannot be read; the proxy starts without one", "error", err)
		return
	}
	s.replace(saved.asOf(machineBoot()), version{saved.Revision, saved.Since, true}, saved.Gone)
	s.kept = s.current.Load()
	s.log.Info("restored the last good table", "revision", saved.Revision, "routes", len(saved.Table.Routes()))
}

// SetTable applies a table. Requests under way are not touched; new ones see the new table at once. When it
// returns, the table is on disk, or a warning says why not. A nil table is ignored.
func (s *Server) SetTable(t *route.Table) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	old := s.current.Load()
	next := version{old.version.revision + 1, now.UTC(), false}
	if old.table != nil && old.table.Digest() == t.Digest() {
		next.revision, next.since = old.version.revision, old.version.since
	}
	if old.table == nil || old.version != next {
		s.replace(t, next, nowGone(old, t, now))
	}
	s.keep()
}

// replace swaps the table. The caller holds mu or is alone.
func (s *Server) replace(t *route.Table, v version, gone []gone) {
	routes := t.Routes()
	keys := make([]string, len(routes))
	for i := range routes {
		keys[i] = routes[i].Key.String()
	}
	s.book.Keep(keys, time.Now())
	c := s.succeed(t, v, gone)
	s.current.Store(c.next)
	s.checker.Set(c.next.checks)
	c.release()
	s.tables.release()
	s.sleeps.poke()
}

// keep writes the current state to disk, unless it is there. The caller holds mu.
func (s *Server) keep() {
	current := s.current.Load()
	if s.store.folder == "" || current.table == nil || s.kept.sameOnDisk(current) {
		return
	}
	err := s.store.write(saved{
		Revision: current.version.revision,
		Since:    current.version.since,
		Gone:     current.gone,
		Table:    current.table,
		Boot:     machineBoot(),
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

// stateMode is that of the folder of the last good table: its routes are nobody else's business.
const stateMode os.FileMode = 0o750
