package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// house is an engine whose containers sleep and wake.
type house struct {
	mu         sync.Mutex
	containers []docker.Container
	calls      []string
	// refuse are the errors of calls, slow is how long each takes; healthyAfter is when one that was started is healthy.
	refuse             map[string]error
	slow, healthyAfter time.Duration
}

func (h *house) add(name, state, restart string, labels ...string) {
	set := map[string]string{}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		set[key] = value
	}
	h.containers = append(h.containers, docker.Container{ID: "id-" + name, Name: name, State: state, Restart: restart, Labels: set})
}

func (h *house) Containers(_ context.Context, labels ...string) ([]docker.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.containers), func(c docker.Container) bool {
		return slices.ContainsFunc(labels, func(l string) bool {
			key, value, _ := strings.Cut(l, "=")
			return c.Labels[key] != value
		})
	}), nil
}

func (h *house) Container(_ context.Context, id string) (docker.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.containers {
		if c.ID == id {
			return c, nil
		}
	}
	return docker.Container{}, docker.ErrNotFound
}

func (h *house) Start(ctx context.Context, id string) error {
	return h.change(ctx, "start", id, func(c *docker.Container) {
		c.State = "running"
		if h.healthyAfter > 0 {
			c.Health = "starting"
			time.AfterFunc(h.healthyAfter, func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				c.Health = "healthy"
			})
		}
	})
}

func (h *house) Sleep(ctx context.Context, id string) error {
	return h.change(ctx, "stop", id, func(c *docker.Container) { c.State, c.Restart, c.Health = "exited", "always", "" })
}

func (h *house) change(ctx context.Context, what, id string, edit func(*docker.Container)) error {
	pause(ctx, h.slow)
	h.mu.Lock()
	defer h.mu.Unlock()
	call := what + " " + strings.TrimPrefix(id, "id-")
	h.calls = append(h.calls, call)
	if err := h.refuse[call]; err != nil {
		return err
	}
	for i := range h.containers {
		if h.containers[i].ID == id {
			edit(&h.containers[i])
			return nil
		}
	}
	return docker.ErrNotFound
}

// called returns the calls so far.
func (h *house) called() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// office gives the orders, one set after the other.
type office struct {
	mu      sync.Mutex
	orders  admin.Orders
	changed chan struct{}
	reports []string
	// refuse is the answer to a phase; after changes the orders upon a report.
	refuse map[string]error
	after  func(phase string)
}

func newOffice() *office { return &office{changed: make(chan struct{}), refuse: map[string]error{}} }

// give replaces the orders: "wake blog", or "wake /hello" for a container.
func (o *office) give(orders ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.orders = admin.Orders{Digest: strings.Join(orders, ",")}
	for _, order := range orders {
		do, name, _ := strings.Cut(order, " ")
		if container, is := strings.CutPrefix(name, "/"); is {
			o.orders.Orders = append(o.orders.Orders, admin.Order{Do: do, Container: container})
		} else {
			o.orders.Orders = append(o.orders.Orders, admin.Order{Do: do, Project: name})
		}
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *office) Orders(ctx context.Context, _, seen string, wait time.Duration) (admin.Orders, error) {
	late := time.After(wait)
	for {
		o.mu.Lock()
		now, changed := o.orders, o.changed
		o.mu.Unlock()
		if now.Digest != seen {
			return now, nil
		}
		select {
		case <-changed:
		case <-late:
			return now, nil
		case <-ctx.Done():
			return admin.Orders{}, ctx.Err()
		}
	}
}

func (o *office) Report(_ context.Context, r admin.SleepReport) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reports = append(o.reports, strings.TrimSuffix(fmt.Sprintf("%s%s %s: %s", r.Project, r.Container, r.Phase, r.Reason), ": "))
	if err := o.refuse[r.Phase]; err != nil {
		return err
	}
	if o.after != nil {
		o.mu.Unlock()
		o.after(r.Phase)
		o.mu.Lock()
	}
	return nil
}

// said returns the reports so far.
func (o *office) said() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.reports)
}

// work runs a sleeper until the test ends.
func work(t *testing.T, h *house, o *office) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &sleeper{engine: h, proxy: o, log: slog.New(slog.DiscardHandler), busy: map[admin.Order]bool{}}
	var over sync.WaitGroup
	over.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		over.Wait()
	})
}

// blog is a project of an app that depends on a database, with a job that is done.
func blog(state, restart string) *house {
	h := &house{refuse: map[string]error{}}
	h.add("blog-web-1", state, restart, label.ComposeProject+"=blog", label.ComposeService+"=web", label.Idle+"=10m", label.ComposeDependsOn+"=db:service_healthy:false,job:service_completed_successfully:false")
	h.add("blog-db-1", state, restart, label.ComposeProject+"=blog", label.ComposeService+"=db")
	h.add("blog-job-1", "exited", "no", label.ComposeProject+"=blog", label.ComposeService+"=job")
	h.add("shop-web-1", state, restart, label.ComposeProject+"=shop", label.ComposeService+"=web", label.Idle+"=10m")
	h.add("hello", state, restart, label.Idle+"=10m")
	h.add("bank-web-1", state, restart, label.ComposeProject+"=bank", label.ComposeService+"=web")
	h.add("gateway-agent", state, restart, label.Role+"=agent", label.Idle+"=10m")
	return h
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestSleeper_StopsAndStartsInTheOrderOfDependencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("running", "unless-stopped"), newOffice()
		h.healthyAfter = 30 * time.Second
		o.after = func(string) { o.give() }
		work(t, h, o)
		o.give("sleep blog")
		pass(time.Second)
		expect(t, "calls", h.called(), "stop blog-web-1", "stop blog-db-1")
		o.give("wake blog")
		pass(29 * time.Second)
		expect(t, "calls before the database is healthy", h.called()[2:], "start blog-db-1")
		pass(2 * time.Second)
		expect(t, "calls", h.called()[2:], "start blog-db-1", "start blog-web-1")
		expect(t, "reports", o.said(), "blog sleep", "blog asleep", "blog started")
		o.give("sleep /hello")
		pass(time.Second)
		expect(t, "calls", h.called()[4:], "stop hello")
	})
}

func TestSleeper_TouchesNothingThatMayNotSleep(t *testing.T) {
	for _, state := range []string{"running", "exited"} {
		synctest.Test(t, func(t *testing.T) {
			h, o := blog(state, "always"), newOffice()
			work(t, h, o)
			o.give("sleep bank", "wake /gateway-agent", "sleep /gateway-agent", "wake bank", "sleep /bank-web-1", "sleep ", "wake ")
			pass(time.Minute)
			expect(t, "calls", h.called())
		})
	}
}

func TestSleeper_RepeatsNoOrderAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("exited", "always"), newOffice()
		h.refuse["start blog-db-1"] = errors.New("no such image")
		work(t, h, o)
		o.give("wake blog")
		pass(time.Minute)
		if said := o.said(); len(said) < 3 || len(said) > 5 {
			t.Errorf("in a minute, with an order every %v: %q", orderWait, said)
		}
	})
}

func TestSleeper_LeavesWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("running", "always"), newOffice()
		o.refuse[admin.PhaseSleep] = admin.ErrInUse
		work(t, h, o)
		o.give("sleep blog")
		pass(5 * orderWait)
		if len(h.called()) != 0 || len(o.said()) < 3 || len(o.said()) > 10 {
			t.Errorf("calls %q, reports %q", h.called(), o.said())
		}
	})
}

func TestSleeper_WakesWhatIsWantedWhileItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("running", "always"), newOffice()
		h.slow = 10 * time.Second
		o.after = func(phase string) {
			if phase == admin.PhaseStarted {
				o.give()
			}
		}
		work(t, h, o)
		o.give("sleep blog")
		pass(5 * time.Second)
		o.give("wake blog")
		pass(time.Minute)
		expect(t, "calls", h.called(), "stop blog-web-1", "stop blog-db-1", "start blog-db-1", "start blog-web-1")
		expect(t, "reports", o.said(), "blog sleep", "blog asleep", "blog started")
	})
}

func TestSleeper_SaysWhyItCannotWake(t *testing.T) {
	for _, test := range []struct {
		name, order, want string
		house             func(h *house)
	}{
		{"stopped by a person", "wake blog", "blog failed: " + errStopped.Error(), func(h *house) {
			for i := range h.containers {
				h.containers[i].Restart = "unless-stopped"
			}
		}},
		{"no image", "wake blog", "blog failed: no such image", func(h *house) { h.refuse["start blog-db-1"] = errors.New("no such image") }},
		{"removed", "wake /nobody", "nobody failed: it has no containers any more", func(*house) {}},
		{"unhealthy", "wake blog", "blog failed: container blog-db-1 is not healthy after 2m0s", func(h *house) { h.healthyAfter = time.Hour }},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, o := blog("exited", "always"), newOffice()
			test.house(h)
			o.after = func(string) { o.give() }
			work(t, h, o)
			o.give(test.order)
			pass(3 * time.Minute)
			expect(t, test.name, o.said(), test.want)
			if slices.Contains(h.called(), "start blog-web-1") {
				t.Errorf("%s: calls %q", test.name, h.called())
			}
		})
	}
}

func TestSleeper_StartsAgainWhatItCannotStopWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("running", "always"), newOffice()
		h.refuse["stop blog-db-1"] = errors.New("it is removed when it stops")
		o.after = func(string) { o.give() }
		work(t, h, o)
		o.give("sleep blog")
		pass(time.Second)
		expect(t, "calls", h.called(), "stop blog-web-1", "stop blog-db-1", "start blog-web-1")
		expect(t, "reports", o.said(), "blog sleep", "blog kept")
	})
}

func TestSleeper_CarriesOutWhatAnotherAgentLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := blog("running", "always"), newOffice()
		h.containers[0].State = "exited" // The app; its database runs.
		o.after = func(string) { o.give() }
		o.give("wake blog", "sleep shop")
		work(t, h, o)
		pass(time.Second)
		expect(t, "calls", slices.Sorted(slices.Values(h.called())), "start blog-web-1", "stop shop-web-1")
	})
}
