package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gateway/proxy/socket"
)

// Engine serves exchanges. Its methods are safe for concurrent use.
type Engine struct {
	config Config
	log    *slog.Logger
	watch  *socket.Watch
	http2  http2Server
	http3  http3Server
	// exchanges are reused with their memory, and so are large buffers.
	exchanges, large sync.Pool
	// base ends when everything is cut off.
	base context.Context //nolint:containedctx // It is the life of the engine, not that of a call.
	cut  context.CancelFunc

	draining atomic.Bool
	// accepting is the number of loops that accept connections, awaited that of connections whose first request has not
	// arrived.
	accepting, awaited atomic.Int64
	// busy is the number of exchanges under way, without upgraded ones, and of connections that are being closed.
	busy atomic.Int64
	// bodyMemory is the memory of buffered bodies.
	bodyMemory atomic.Int64
	refusals   refusalBudget
	// altSvc is the value of Alt-Svc, empty for none.
	altSvc atomic.Pointer[string]

	mu        sync.Mutex
	listeners []io.Closer
	conns     map[*conn]struct{}
	// late reports that first requests are no longer awaited.
	late      bool
	upstreams map[*Upstream]struct{}
}

// New returns an engine. It serves nothing until Serve.
func New(c Config) *Engine {
	c = c.withDefaults()
	base, cut := context.WithCancel(context.Background())
	e := &Engine{
		config: c,
		log:    c.Log,
		watch:  socket.NewWatch(c.tick()),
		base:   base,
		cut:    cut,
		conns:  map[*conn]struct{}{},

		upstreams: map[*Upstream]struct{}{},
	}
	e.exchanges.New = func() any { return &Exchange{engine: e} }
	e.large.New = func() any { return new([largeBuffer]byte) }
	e.http2.prepare(e)
	e.http3.prepare(e)
	return e
}

const (
	// largeBuffer is the size of buffers for bodies that do not fit into an exchange's memory.
	largeBuffer = 32 << 10
	// acceptPause is how long to wait when there are no file descriptors for a new connection, drainPause how often to
	// check whether all exchanges have ended.
	acceptPause = 50 * time.Millisecond
	drainPause  = 5 * time.Millisecond
	// awaitTime is how long Drain waits for the first requests of open connections: they are probably on the way, and a
	// client could not tell whether a lost one was processed.
	awaitTime = time.Second
	// acceptErrorEvery is how often such errors are logged at most.
	acceptErrorEvery = 10 * time.Second
)

// Serve accepts connections until Drain closes the listener, and returns once all of them have ended. It may run for
// several listeners at once; with secure, all connections use TLS. If the listener breaks, Serve calls broke at once,
// and the open connections continue.
func (e *Engine) Serve(l net.Listener, secure bool, broke func(error)) {
	if !e.open(l) {
		_ = l.Close()
		return
	}
	watching, rest := context.WithCancel(context.Background())
	var watch, conns sync.WaitGroup
	watch.Go(func() { e.watch.Run(watching) })
	defer watch.Wait()
	defer rest()
	defer conns.Wait()
	defer e.accepting.Add(-1)
	scarce, in := acceptErrors{log: e.log}, acceptor{engine: e, secure: secure}
	for {
		accepted, err := l.Accept()
		switch {
		case err == nil:
			if c := in.admit(accepted); c != nil {
				e.awaited.Add(1)
				conns.Go(c.serve)
			}
		case e.draining.Load():
			return
		case exhausted(err):
			scarce.report(err)
			e.pause(acceptPause)
		case !temporary(err):
			broke(err)
			return
		}
	}
}

// acceptErrors logs that no connections can be accepted, but not each time.
type acceptErrors struct {
	log   *slog.Logger
	tries int
	next  time.Time
}

func (s *acceptErrors) report(err error) {
	s.tries++
	now := time.Now()
	if now.Before(s.next) {
		return
	}
	s.log.Warn("no connection can be accepted; the limit of open files may be too low", "error", err, "tries", s.tries)
	s.tries, s.next = 0, now.Add(acceptErrorEvery)
}

// exhausted reports that the system has no resources for a new connection for now.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// temporary reports that one connection broke before it was accepted.
func temporary(err error) bool { return errors.Is(err, syscall.ECONNABORTED) }

// open adds a listener. It returns false if the engine drains.
func (e *Engine) open(l io.Closer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining.Load() {
		return false
	}
	e.listeners = append(e.listeners, l)
	e.accepting.Add(1)
	return true
}

// add and remove keep track of the clients' connections. A connection that Drain could not see ends.
func (e *Engine) add(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns[c] = struct{}{}
	if e.late {
		c.retire(stateNew)
	}
}

func (e *Engine) remove(c *conn) {
	c.leaveLimiter()
	e.firstArrived(c)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
}

// firstArrived notes that a connection's first request has arrived, or is no longer awaited.
func (e *Engine) firstArrived(c *conn) {
	if !c.arrived {
		c.arrived = true
		e.awaited.Add(-1)
	}
}

// Drain closes the listeners and the idle connections, waits for the exchanges under way until the context ends, and
// then cuts off the rest and the upgraded connections. It waits up to a second for the first requests of open
// connections.
func (e *Engine) Drain(ctx context.Context) {
	e.mu.Lock()
	e.draining.Store(true)
	for _, l := range e.listeners {
		_ = l.Close()
	}
	e.mu.Unlock()
	e.retire(stateIdle)
	e.http2.drain()
	e.http3.drain()
	for until := time.Now().Add(awaitTime); e.awaitsFirst() && time.Now().Before(until) && ctx.Err() == nil; {
		e.pause(drainPause)
	}
	e.retire(stateNew)
	for (e.busy.Load() > 0 || e.http2.leaving() || e.http3.leaving()) && ctx.Err() == nil {
		e.pause(drainPause)
	}
	e.cut()
	e.http3.cutAll()
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		c.sock.Cut()
	}
}

// awaitsFirst reports that a first request may come.
func (e *Engine) awaitsFirst() bool { return e.accepting.Load() > 0 || e.awaited.Load() > 0 }

// retire ends the connections in that state.
func (e *Engine) retire(state int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.late = e.late || state == stateNew
	for c := range e.conns {
		c.retire(state)
	}
}

// pause waits for d, or until everything is cut off.
func (e *Engine) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.base.Done():
	}
}

// Close closes the unused connections to targets. It is called once nothing is served any more.
func (e *Engine) Close() {
	e.cut()
	e.mu.Lock()
	all := slices.Collect(maps.Keys(e.upstreams))
	e.mu.Unlock()
	for _, u := range all {
		u.Close()
	}
}
