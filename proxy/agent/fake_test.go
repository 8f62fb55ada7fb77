package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/route"
	dockersource "gateway/proxy/source/docker"
)

// engine is an engine with hello containers on the default bridge.
type engine struct {
	mu     sync.Mutex
	paths  []string
	err    error
	events chan docker.Event
	breaks chan struct{}
}

func newEngine(paths ...string) *engine {
	return &engine{paths: paths, events: make(chan docker.Event), breaks: make(chan struct{})}
}

// set changes what runs and says so.
func (e *engine) set(paths ...string) {
	e.mu.Lock()
	e.paths = paths
	e.mu.Unlock()
	e.events <- docker.Event{Type: "container", Action: "start"}
}

// stop lets every call fail with err from now on; nil lets them succeed again.
func (e *engine) stop(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
	if err != nil {
		close(e.breaks)
		e.breaks = make(chan struct{})
	}
}

func (e *engine) failing() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *engine) Engine(context.Context) (docker.Engine, error) {
	return docker.Engine{Version: "20.10.24", APIVersion: "1.41"}, e.failing()
}

func (e *engine) Containers(context.Context, ...string) ([]docker.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []docker.Container
	for i, p := range e.paths {
		list = append(list, docker.Container{
			ID: fmt.Sprintf("0123456789ab%d", i), Name: fmt.Sprintf("app%d", i), State: "running",
			Labels:   map[string]string{"gateway.path": p},
			Networks: []docker.Attachment{{Network: "bridge", Address: netip.MustParseAddr("172.17.0.2")}},
		})
	}
	return list, e.err
}

func (e *engine) Container(context.Context, string) (docker.Container, error) {
	return docker.Container{}, e.failing()
}

func (e *engine) Logs(context.Context, string, int) (string, error) { return "", e.failing() }

func (e *engine) Networks(context.Context) ([]docker.Network, error) { return nil, e.failing() }

func (e *engine) Events(ctx context.Context, emit func(docker.Event)) error {
	e.mu.Lock()
	breaks := e.breaks
	e.mu.Unlock()
	emit(docker.Event{Type: "stream", Action: "open"})
	for {
		select {
		case event := <-e.events:
			emit(event)
		case <-breaks:
			return e.failing()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *engine) Connect(context.Context, string, string, []string) error { return nil }
func (e *engine) Disconnect(context.Context, string, string) error        { return nil }

var errAway = errors.New("no such file or directory")

// proxy remembers what it received.
type proxy struct {
	mu     sync.Mutex
	err    error
	slow   time.Duration
	boot   string
	digest string
	received
}

// received are tables and reports, each report's time, and how often anything was tried.
type received struct {
	tables  []*route.Table
	reports []admin.Source
	at      []time.Time
	tries   int
}

// seen returns what the proxy received so far.
func (p *proxy) seen() received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received
}

func (p *proxy) PutTable(ctx context.Context, _ string, raw admin.RawTable) (admin.Pushed, error) {
	if err := p.enter(ctx); err != nil {
		return admin.Pushed{}, err
	}
	t := new(route.Table)
	if err := json.Unmarshal(raw, t); err != nil {
		return admin.Pushed{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tables, p.digest = append(p.tables, t), t.Digest()
	return admin.Pushed{Boot: p.boot, Digest: p.digest, Revision: uint64(len(p.tables))}, nil
}

func (p *proxy) PutSource(ctx context.Context, s admin.Source) (admin.Pushed, error) {
	if err := p.enter(ctx); err != nil {
		return admin.Pushed{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports, p.at = append(p.reports, s), append(p.at, time.Now())
	return admin.Pushed{Boot: p.boot, Digest: p.digest}, nil
}

func (p *proxy) enter(ctx context.Context) error {
	p.mu.Lock()
	p.tries++
	err, slow := p.err, p.slow
	p.mu.Unlock()
	select {
	case <-time.After(slow):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *proxy) set(edit func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit(p)
}

// paths are those of the last table that the proxy got.
func (p *proxy) paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tables) == 0 {
		return nil
	}
	var list []string
	for _, r := range p.tables[len(p.tables)-1].Routes() {
		list = append(list, r.Key.String())
	}
	return list
}

func (p *proxy) serves(t *testing.T, paths ...string) {
	t.Helper()
	if got := p.paths(); !slices.Equal(got, paths) {
		t.Errorf("the proxy serves %v, not %v", got, paths)
	}
}

// config is that of an agent on e.
func config(e *engine, p *proxy, exitWhenLost bool) Config {
	logger := slog.New(slog.DiscardHandler)
	return Config{
		Name: "docker", Source: dockersource.New(dockersource.Config{Name: "docker", Engine: e, Logger: logger}),
		Proxy: p, ExitWhenLost: exitWhenLost, Version: "v1", Logger: logger,
	}
}

// start runs an agent until the test ends, and returns what Run returns.
func start(t *testing.T, e *engine, p *proxy, exitWhenLost bool) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := New(config(e, p, exitWhenLost))
	done, over := make(chan error, 1), make(chan struct{})
	go func() {
		done <- a.Run(ctx)
		close(over)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return done
}

// pass lets that much of the bubble's time go by, and all that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
