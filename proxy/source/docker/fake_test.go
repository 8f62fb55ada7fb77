package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

var discard = slog.New(slog.DiscardHandler)

var errGone = errors.New("the engine is gone")

// fake is an engine of maps, in the bubble of a synctest.
type fake struct {
	mu         sync.Mutex
	version    docker.Engine
	down       bool
	containers map[string]*docker.Container
	networks   map[string]*docker.Network
	// refuse is the error for networks that cannot be joined, slow how long every listing and joining takes.
	refuse         map[string]error
	slow, joinSlow time.Duration
	calls          []string
	logs           map[string]string // by full ids
	streams        map[chan docker.Event]struct{}
	breaks         chan struct{}
}

func newFake() *fake {
	f := &fake{
		version:    docker.Engine{Version: "20.10.24", APIVersion: "1.41"},
		containers: map[string]*docker.Container{}, networks: map[string]*docker.Network{},
		refuse: map[string]error{}, streams: map[chan docker.Event]struct{}{}, breaks: make(chan struct{}),
	}
	f.network("bridge", nil)
	return f
}

func (f *fake) network(name string, labels map[string]string) *docker.Network {
	n := &docker.Network{ID: "id-" + name, Name: name, Driver: "bridge", Labels: labels, Created: born}
	f.networks[name] = n
	return n
}

// born is when everything in the fake came to be.
var born = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// add puts a running container on networks. What it is given is kept.
func (f *fake) add(name string, labels map[string]string, networks ...string) *docker.Container {
	c := &docker.Container{
		ID: "0123456789ab-" + name, Name: name, Labels: labels, State: "running", Status: "Up 3 seconds", Created: born,
	}
	for i, n := range networks {
		c.Networks = append(c.Networks, docker.Attachment{
			Network: n, NetworkID: "id-" + n, Address: netip.AddrFrom4([4]byte{10, 0, byte(i), byte(len(f.containers) + 2)}),
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.containers[name] = c
	return c
}

// withProxy adds the proxy's own container.
func (f *fake) withProxy(networks ...string) {
	f.network(HomeNetwork, nil)
	f.add("gateway-proxy", map[string]string{label.Role: label.RoleProxy}, append([]string{HomeNetwork}, networks...)...)
}

// change edits a container and tells the streams.
func (f *fake) change(name string, edit func(*docker.Container), action string) {
	f.mu.Lock()
	c := f.containers[name]
	edit(c)
	f.mu.Unlock()
	f.emit(docker.Event{Type: "container", Action: action, ID: c.ID})
}

func (f *fake) kill(name, signal string) {
	f.emit(docker.Event{
		Type: "container", Action: "kill", ID: f.containers[name].ID, Attributes: map[string]string{"signal": signal},
	})
}

func (f *fake) emit(e docker.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for stream := range f.streams {
		stream <- e
	}
}

// stop makes the engine refuse and breaks its streams; start undoes it.
func (f *fake) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	close(f.breaks)
}

func (f *fake) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.breaks = false, make(chan struct{})
}

// log notes a call and says whether it is answered.
func (f *fake) log(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	if f.down {
		return errGone
	}
	return nil
}

func (f *fake) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fake) Engine(context.Context) (docker.Engine, error) {
	return f.version, f.log("engine")
}

func (f *fake) Containers(ctx context.Context, _ ...string) ([]docker.Container, error) {
	if err := f.log("containers"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	var list []docker.Container
	for _, c := range f.containers {
		one := *c
		one.Networks = slices.Clone(c.Networks)
		list = append(list, one)
	}
	f.mu.Unlock()
	return list, sleep(ctx, f.slow)
}

func (f *fake) Container(_ context.Context, id string) (docker.Container, error) {
	if err := f.log("inspect"); err != nil {
		return docker.Container{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.ID == id {
			return *c, nil
		}
	}
	return docker.Container{}, docker.ErrNotFound
}

func (f *fake) Logs(_ context.Context, id string, _ int) (string, error) {
	if err := f.log("logs"); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logs[id], nil
}

func (f *fake) Networks(context.Context) ([]docker.Network, error) {
	if err := f.log("networks"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []docker.Network
	for _, n := range f.networks {
		list = append(list, *n)
	}
	return list, nil
}

func (f *fake) Events(ctx context.Context, emit func(docker.Event)) error {
	if err := f.log("events"); err != nil {
		return err
	}
	stream := make(chan docker.Event, 100)
	f.mu.Lock()
	breaks := f.breaks
	f.streams[stream] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.streams, stream)
		f.mu.Unlock()
	}()
	emit(docker.Event{Type: "stream", Action: "open"})
	for {
		select {
		case e := <-stream:
			emit(e)
		case <-breaks:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Connect(ctx context.Context, network, container string, aliases []string) error {
	if err := f.log("connect %s %v", network, aliases); err != nil {
		return err
	}
	if err := sleep(ctx, f.joinSlow); err != nil {
		return err
	}
	return f.attach(network, container, func(c *docker.Container, a docker.Attachment) {
		c.Networks = append(c.Networks, a)
	})
}

func (f *fake) Disconnect(_ context.Context, network, container string) error {
	if err := f.log("disconnect %s", network); err != nil {
		return err
	}
	return f.attach(network, container, func(c *docker.Container, a docker.Attachment) {
		c.Networks = slices.DeleteFunc(c.Networks, func(b docker.Attachment) bool { return a.Network == b.Network })
	})
}

func (f *fake) attach(network, container string, edit func(*docker.Container, docker.Attachment)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refuse[network]; err != nil {
		return err
	}
	for _, c := range f.containers {
		if c.ID == container {
			edit(c, docker.Attachment{Network: network[len("id-"):], NetworkID: network})
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watched is a running source with what it published and reported.
type watched struct {
	mu       sync.Mutex
	listings source.Listings
	tables   []*route.Table
	times    []time.Time
	statuses []source.Status
}

// watch runs a source on f until the test ends.
func watch(t *testing.T, f Engine, edit func(*Config)) *watched {
	t.Helper()
	w := &watched{}
	c := Config{Name: "docker", Engine: f, Logger: discard}
	if edit != nil {
		edit(&c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- New(c).Run(ctx, source.Listing{}, source.Receiver{Publish: w.publish, Report: w.report})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return w
}

// publish keeps the listings that differ from the one before, as tables.
func (w *watched) publish(l source.Listing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listings.Put("docker", l, time.Now()) {
		w.tables, w.times = append(w.tables, w.listings.Of("docker")), append(w.times, time.Now())
	}
}

func (w *watched) report(s source.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statuses = append(w.statuses, s)
}

// table is the table of what the observation lists.
func (o *observation) table(m marks) *route.Table {
	l := o.listing("docker", m)
	return route.Build(l.Routes, l.Problems)
}

func joining(c *Config) { c.Join, c.Hosts = true, []string{"example.org"} }

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.tables)
}

// table is the last one published, the empty one before the first.
func (w *watched) table() *route.Table {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tables) == 0 {
		return &route.Table{}
	}
	return w.tables[len(w.tables)-1]
}

func (w *watched) status() source.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.statuses[len(w.statuses)-1]
}

// state is that of one route in the last table, empty when it has no such route.
func (w *watched) state(t *testing.T, path string) route.State {
	t.Helper()
	key, err := route.ParseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.table().Lookup(key); r != nil {
		return r.State()
	}
	return ""
}

func path(p string) map[string]string { return map[string]string{label.Path: p} }

// pass lets that much of the bubble's time go by, and all that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
