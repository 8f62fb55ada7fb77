package docker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gateway/proxy/docker"
)

// watcher collects events.
type watcher struct {
	t    *testing.T
	mu   sync.Mutex
	seen []docker.Event
}

// watch watches the engine's events until the test ends, and returns once it does.
func watch(t *testing.T, l *lane) *watcher {
	w := &watcher{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	open := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		err := l.client.Events(ctx, func(e docker.Event) {
			if e.Type == "stream" {
				close(open)
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, e)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("watching ended with %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	select {
	case <-open:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream of events does not open")
	}
	return w
}

// of returns a container's events, those of networks with it included, as short words.
func (w *watcher) of(id string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var words []string
	for _, e := range w.seen {
		switch {
		case e.Type == "network" && e.Attributes["container"] == id:
			words = append(words, e.Action)
		case e.ID == id && e.Action == "kill":
			words = append(words, "kill "+e.Attributes["signal"])
		case e.ID == id:
			words = append(words, e.Action)
		}
	}
	return words
}

// until waits for a container's event and returns all that came.
func (w *watcher) until(id, action string) []string {
	w.t.Helper()
	until(w.t, action+" of "+id, func() bool { return slices.Contains(w.of(id), action) })
	return w.of(id)
}

func TestEvents_TellALifeInOrder(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		w := watch(t, l)
		network, networkID := l.network(t, docker.NetworkSpec{})
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Network: network, Labels: map[string]string{"gateway.path": "/x"}})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		l.raw(t, "POST", "/containers/"+c.ID+"/start")
		l.raw(t, "POST", "/containers/"+c.ID+"/kill?signal=KILL")
		until(t, "the end", func() bool { return l.listed(t, c.ID).State == "exited" })
		if err := l.client.Remove(t.Context(), c.ID, 0); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"create", "connect", "start", "kill 15", "die", "disconnect", "stop",
			"connect", "start", "kill 9", "die", "disconnect", "destroy",
		}
		got := w.until(c.ID, "destroy")
		if len(got) == len(want) {
			// What follows a kill comes in this order from 20.10, and with the death last from 28.5.
			slices.Sort(got[4:7])
			slices.Sort(got[10:12])
		}
		if !slices.Equal(got, want) {
			t.Errorf("it went %q, not %q", got, want)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.seen {
			if age := time.Since(e.Time); age < -time.Minute || age > time.Minute {
				t.Errorf("%+v is %v old", e, age)
			}
			if e.Type == "container" && e.ID == c.ID && (e.Attributes["gateway.path"] != "/x" || e.Attributes["name"] != c.Name) {
				t.Errorf("%s has the attributes %v", e.Action, e.Attributes)
			}
			if e.Type == "network" && e.Attributes["container"] == c.ID && (e.ID != networkID || e.Attributes["name"] != network) {
				t.Errorf("%+v is not of %s", e, network)
			}
		}
	})
}

func TestEvents_TellNetworks(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		w := watch(t, l)
		name, id := l.network(t, docker.NetworkSpec{})
		if err := errors.Join(
			l.client.Connect(t.Context(), name, c.ID, nil), l.client.Disconnect(t.Context(), name, c.ID), l.client.RemoveNetwork(t.Context(), name),
		); err != nil {
			t.Fatal(err)
		}
		until(t, "the network's end", func() bool { return slices.Contains(w.of(id), "destroy") })
		// Old engines tell twice that a running container left.
		if got := slices.Compact(w.of(id)); !slices.Equal(got, []string{"create", "connect", "disconnect", "destroy"}) {
			t.Errorf("the network went %q", got)
		}
	})
}

func TestEvents_TellHealthWithoutItsNoise(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		w := watch(t, l)
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Health: &docker.Health{
			Command: []string{"/probe", "exit", "0"}, Interval: time.Second, Retries: 1,
		}})
		if conn, err := l.client.Exec(t.Context(), c.ID, []string{"/probe", "exit", "0"}); err == nil {
			defer conn.Close()
		}
		if got := w.until(c.ID, "health_status"); !slices.Equal(got, []string{"create", "connect", "start", "health_status"}) {
			t.Errorf("it went %q", got)
		}
	})
}

func TestEvents_TellPauses(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		w := watch(t, l)
		l.raw(t, "POST", "/containers/"+c.ID+"/pause")
		if got := l.listed(t, c.ID); got.State != "paused" {
			t.Errorf("it is %s (%s)", got.State, got.Status)
		}
		l.raw(t, "POST", "/containers/"+c.ID+"/unpause")
		// The events of the second before the watch may come too.
		if got := w.until(c.ID, "unpause"); !slices.Equal(got[max(len(got)-2, 0):], []string{"pause", "unpause"}) {
			t.Errorf("it went %q", got)
		}
	})
}
