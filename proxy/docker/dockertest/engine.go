// Package dockertest is a Docker engine in memory, for tests: the Engine API over HTTP on a unix socket, with
// containers, networks, images, volumes, execs and events, but without processes. It knows what the real engine answers,
// in the real engine's words, as far as gateway depends on it; a contract suite in proxy/docker runs against both. State
// is arranged through methods of Engine, which emit the events that the real engine emits, in its order.
package dockertest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// TB is what an Engine needs of a test or benchmark.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Engine is a running engine. It is safe for concurrent use.
type Engine struct {
	Recorder
	tb     TB
	socket string
	world  *world
}

// Recorder is the part of an Engine that knows the requests.
type Recorder struct{ wire *wire }

// Call is a request that the engine got. Path is without the API version.
type Call struct{ Method, Path, Query, Body string }

// String is the call as "POST /networks/web/connect".
func (c Call) String() string { return c.Method + " " + c.Path }

// wire is the engine's end of the socket.
type wire struct {
	mu       sync.Mutex
	server   *httptest.Server
	hijacked map[net.Conn]struct{}
	down     chan struct{} // closed while down
	calls    []Call
	failures map[string]int
}

// Start starts an engine of version 20.10.24 with the networks bridge, host and none, and no image. It ends with the test.
func Start(tb TB) *Engine {
	tb.Helper()
	dir, err := os.MkdirTemp("", "engine") // not the test's folder: a socket's path must be short
	if err != nil {
		tb.Fatalf("making a folder for the engine's socket: %v", err)
	}
	e := &Engine{
		tb: tb, socket: filepath.Join(dir, "docker.sock"), world: newWorld(),
		Recorder: Recorder{&wire{hijacked: map[net.Conn]struct{}{}, failures: map[string]int{}, down: make(chan struct{})}},
	}
	close(e.wire.down)
	e.Up()
	tb.Cleanup(func() {
		e.Down()
		e.world.end()
		_ = os.RemoveAll(dir)
	})
	return e
}

// Host is the engine's address, as docker.New takes it.
func (e *Engine) Host() string { return "unix://" + e.socket }

// Down makes the engine go away as if killed: connections break, new ones are refused. Its state stays, and its
// containers run on, as with live-restore.
func (e *Engine) Down() {
	w := e.wire
	w.mu.Lock()
	server := w.server
	w.server = nil
	if server != nil {
		close(w.down)
	}
	for conn := range w.hijacked {
		_ = conn.Close()
	}
	w.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// Up brings the engine back.
func (e *Engine) Up() {
	e.tb.Helper()
	w := e.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server != nil {
		return
	}
	_ = os.Remove(e.socket)
	listener, err := net.Listen("unix", e.socket)
	if err != nil {
		e.tb.Fatalf("listening on the engine's socket: %v", err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // a dead engine leaves its socket, which refuses
	w.down = make(chan struct{})
	w.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: (&api{e.world, e.wire}).handler()}}
	w.server.Start()
}

// SetVersion makes the engine another version, such as "29.0.0" with API "1.52".
func (e *Engine) SetVersion(version, api string) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.version, e.world.api = version, api
	for _, b := range e.world.boxes {
		b.changed()
	}
}

// LimitFiles has the engine be one without root, which may not let containers open more files than that.
func LimitFiles(e *Engine, n int64) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.files = n
}

// FailNext makes the next requests fail with status 500 whose method and path begin with prefix, such as
// "GET /containers/json".
func (r Recorder) FailNext(prefix string, times int) {
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	r.wire.failures[prefix] = times
}

// Calls returns the requests so far in order, without _ping.
func (r Recorder) Calls() []Call {
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	return slices.Clone(r.wire.calls)
}

// ForgetCalls empties the log of calls.
func (r Recorder) ForgetCalls() {
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	r.wire.calls = nil
}

// log notes a call and reports whether it is to fail.
func (w *wire) log(c Call) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Path != "/_ping" {
		w.calls = append(w.calls, c)
	}
	for prefix, times := range w.failures {
		if times > 0 && strings.HasPrefix(c.String(), prefix) {
			w.failures[prefix]--
			return refuse(http.StatusInternalServerError, "%s fails by order of the test", c)
		}
	}
	return nil
}

// gone is closed when the engine goes down.
func (w *wire) gone() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down
}

// hold keeps a hijacked connection until release, so that Down breaks it. It fails when the engine is down.
func (w *wire) hold(conn net.Conn) (release func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server == nil {
		return nil, fmt.Errorf("the engine is down")
	}
	w.hijacked[conn] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.hijacked, conn)
	}, nil
}
