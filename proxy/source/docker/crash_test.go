package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// crashing edits a container into one that the engine restarts.
func crashing(exit, restarts int, oom bool) func(*docker.Container) {
	return func(c *docker.Container) {
		c.State, c.Status = "restarting", fmt.Sprintf("Restarting (%d) 3 seconds ago", exit)
		c.ExitCode, c.Restarts, c.OOMKilled = exit, restarts, oom
	}
}

func (w *watched) target(t *testing.T, path string) route.Target {
	t.Helper()
	key, err := route.ParseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return w.table().Lookup(key).Targets[0]
}

func TestSource_TellsHowContainersCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := f.add("web", path("/web"), "bridge")
		f.logs = map[string]string{c.ID: "starting\npanic: no database\n\n"}
		w := watch(t, f, nil)
		pass(time.Second)
		for _, test := range []struct {
			edit   func(*docker.Container)
			state  route.State
			reason string
		}{
			{crashing(1, 1, false), route.Crashing, "crashes: exit 1, 1 restart"},
			{crashing(1, 22, false), route.Crashing, "crashes: exit 1, 22 restarts"},
			{crashing(0, 3, false), route.Crashing, "crashes: exit 0, 3 restarts"},
			{crashing(137, 4, true), route.Crashing, "crashes: exit 137 (out of memory), 4 restarts"},
			{crashing(137, 5, false), route.Crashing, "crashes: exit 137 (killed), 5 restarts"},
			{crashing(139, 6, false), route.Crashing, "crashes: exit 139 (segmentation fault), 6 restarts"},
			{func(c *docker.Container) { c.State, c.Status = "exited", "Exited (127) 1 second ago" }, route.Stopped, "exited (127): its command was not found"},
		} {
			f.change("web", test.edit, "die")
			pass(time.Second)
			got := w.target(t, "/web")
			if got.State != test.state || got.Reason != test.reason || got.LastLog != "panic: no database" {
				t.Errorf("%+v, want %s: %s", got, test.state, test.reason)
			}
		}
		f.change("web", func(c *docker.Container) { c.State, c.Status = "running", "Up 1 second" }, "start")
		pass(time.Second)
		if got := w.target(t, "/web"); got.State != route.Ready || got.Reason != "" || got.LastLog != "" {
			t.Errorf("once it runs: %+v", got)
		}
	})
}

func TestSource_LooksOnlyIntoThoseThatEndedByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		for i := range 1000 {
			f.add(fmt.Sprintf("app%d", i), path(fmt.Sprintf("/app%d", i)), "bridge")
		}
		f.change("app1", func(c *docker.Container) { c.State, c.Status = "exited", "Exited (0) 3 seconds ago" }, "die")
		f.change("app2", func(c *docker.Container) { c.State, c.Status = "exited", "Exited (143) 3 seconds ago" }, "die")
		f.change("app3", func(c *docker.Container) { c.State, c.Status = "exited", "Exited (1) 3 seconds ago" }, "die")
		crashing(1, 1, false)(f.add("unlabelled", nil, "bridge"))
		watch(t, f, nil)
		pass(10 * resync)
		if n := f.count("inspect"); n != 1 {
			t.Errorf("%d inspections of one that ended once", n)
		}
		for i := range 100 {
			f.change(fmt.Sprintf("app%d", i), crashing(1, 1, false), "die")
		}
		before := f.count("inspect")
		pass(300 * time.Millisecond)
		if n := f.count("inspect") - before; n > 2*mostInspected {
			t.Errorf("%d inspections at once", n)
		}
	})
}

func TestSource_LooksIntoThoseThatEndedBesideManyThatRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.logs = map[string]string{}
		exit := func(name string) {
			f.logs[f.add(name, path("/"+name), "bridge").ID] = "no database"
			f.change(name, func(c *docker.Container) { c.State, c.Status = "exited", "Exited (1) 3 seconds ago" }, "die")
		}
		exit("first")
		for i := range 2 * mostInspected {
			name := fmt.Sprintf("app%d", i)
			f.add(name, path("/"+name), "bridge")
			f.change(name, crashing(1, 1, false), "die")
		}
		exit("last")
		w := watch(t, ordered{f}, nil)
		pass(10 * resync)
		for _, path := range []string{"/first", "/last"} {
			if got := w.target(t, path); got.LastLog != "no database" {
				t.Errorf("%s: %+v", path, got)
			}
		}
	})
}

// ordered is an engine that lists in one order, as the real one does.
type ordered struct{ *fake }

func (o ordered) Containers(ctx context.Context, labels ...string) ([]docker.Container, error) {
	list, err := o.fake.Containers(ctx, labels...)
	slices.SortFunc(list, func(a, b docker.Container) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func TestSource_ServesWithoutInspections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		crashing(1, 2, false)(f.add("web", path("/web"), "bridge"))
		w := watch(t, blind{f}, nil)
		pass(time.Second)
		if got := w.target(t, "/web"); got.State != route.Crashing || got.Reason != "crashes: exit 1" {
			t.Errorf("%+v", got)
		}
	})
}

// blind is an engine that cannot be asked of one container.
type blind struct{ *fake }

func (blind) Container(context.Context, string) (docker.Container, error) {
	return docker.Container{}, docker.ErrNotFound
}

// sleeping edits a container into one that was stopped and has that restart policy.
func sleeping(restart, status string) func(*docker.Container) {
	return func(c *docker.Container) {
		c.State, c.Status, c.Restart, c.Networks[0].Address = "exited", status, restart, netip.Addr{}
	}
}

func TestSource_TellsAsleepFromStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := func(route string) map[string]string { return map[string]string{label.Path: route, label.Idle: "10m"} }
		f := newFake()
		sleeping("always", "Exited (0) 3 minutes ago")(f.add("web", idle("/web"), "bridge"))
		sleeping("always", "Exited (137) 3 minutes ago")(f.add("killed", idle("/killed"), "bridge"))
		sleeping("unless-stopped", "Exited (0) 3 minutes ago")(f.add("stopped", idle("/stopped"), "bridge"))
		sleeping("always", "Exited (0) 3 minutes ago")(f.add("other", path("/other"), "bridge"))
		sleeping("no", "Exited (1) 3 minutes ago")(f.add("failed", idle("/failed"), "bridge"))
		w := watch(t, f, nil)
		pass(time.Second)
		for key, want := range map[string]route.State{
			"/web": route.Asleep, "/killed": route.Asleep, "/stopped": route.Stopped, "/other": route.Stopped, "/failed": route.Stopped,
		} {
			if got := w.target(t, key); got.State != want || want == route.Asleep && got.Reason != "" {
				t.Errorf("%s: %+v, want %s", key, got, want)
			}
		}
		f.change("web", func(c *docker.Container) { c.Restart = "unless-stopped" }, "update")
		pass(time.Second)
		if got := w.target(t, "/web"); got.State != route.Stopped {
			t.Errorf("once a person stopped it: %+v", got)
		}
	})
}

func TestSource_AsksAgainWhetherOneIsAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		for i := range 3 * mostInspected {
			name := fmt.Sprintf("app%d", i)
			sleeping("always", "Exited (0) 3 minutes ago")(f.add(name, map[string]string{label.Path: "/" + name, label.Idle: "10m"}, "bridge"))
		}
		w := watch(t, f, nil)
		pass(time.Second)
		for i := range 3 * mostInspected {
			if got := w.target(t, fmt.Sprintf("/app%d", i)); got.State != route.Asleep {
				t.Fatalf("%s: %+v", got.Name, got)
			}
		}
		asked := len(f.calls)
		f.change("app1", func(*docker.Container) {}, "rename")
		pass(time.Second)
		if again := len(f.calls); again-asked > 2 {
			t.Errorf("%d further calls: %v", again-asked, f.calls[asked:])
		}
	})
}
