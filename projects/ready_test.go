package projects

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/projects/compose"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// table is a gateway whose table changes.
type table struct {
	seen      func() Table
	probe     func() error
	listening func() ([]netip.AddrPort, error)
}

func (g *table) Table(context.Context) (Table, error) { return g.seen(), nil }

func (g *table) Probe(ctx context.Context, _ route.Key) error {
	if g.probe == nil {
		return nil
	}
	return errors.Join(g.probe(), ctx.Err())
}

func (g *table) Listening(context.Context, string) ([]netip.AddrPort, error) {
	if g.listening == nil {
		return nil, errors.New("that is not seen from here")
	}
	return g.listening()
}

// listed is an engine with containers of a project.
type listed struct {
	Lister
	containers []docker.Container
}

func (l listed) Containers(context.Context, ...string) ([]docker.Container, error) {
	return l.containers, nil
}

func (l listed) Networks(context.Context) ([]docker.Network, error) { return nil, nil }

func awaiting(seen func() Table, containers []docker.Container) Readiness {
	return Readiness{
		Gateway: &table{seen: seen}, Engine: listed{containers: containers},
		Emit: func(compose.Event) {}, Tick: func() {}, Note: func(string) {},
		Advise: func(port uint16) string { return fmt.Sprintf("set %d", port) },
	}
}

func TestReadiness_WaitsUntilTheRouteIsServed(t *testing.T) {
	robots := Route{Key: route.Key{Prefix: prefix(t, "/robots")}, Project: "robots", State: "ready"}
	starting, stolen, refused, closed := robots, robots, robots, robots
	closed.Paused = true
	refused.State, refused.Reason = "unreachable", "it refuses connections"
	starting.State, stolen.Project = "starting", "thief"
	crash := docker.Container{Name: "robots-site-1", State: "restarting", Status: "Restarting (1) 1 second ago"}
	db := docker.Container{Name: "robots-db-1", State: "running", Status: "Up 3 seconds"}
	done := docker.Container{Name: "robots-job-1", State: "exited", Status: "Exited (0) 2 seconds ago"}
	slow := docker.Container{Name: "robots-site-1", State: "running", Labels: map[string]string{
		composeProject: "robots", label.Path: "/robots", label.HealthPath: "/up", label.HealthStart: "3m",
	}}
	problem := Problem{Subject: "robots-site-1", Project: "robots", Route: "/robots", Message: "its path is taken", Fix: "choose another"}
	for name, c := range map[string]struct {
		// seen are the tables in the order in which they come; the last one stays.
		seen      []Table
		container []docker.Container
		probe     error
		want      string
		// atMost bounds the wait, atLeast is what has to pass before something wrong is believed.
		atLeast, atMost time.Duration
	}{
		"ready":           {seen: []Table{{Routes: []Route{robots}}}, atMost: 0},
		"after a while":   {seen: []Table{{}, {Routes: []Route{starting}}, {Routes: []Route{robots}}}, atMost: time.Second},
		"never":           {seen: []Table{{Routes: []Route{starting}}}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"slow":            {seen: []Table{{Routes: []Route{starting}}}, container: []docker.Container{slow}, want: "after 3m: route /robots is starting", atLeast: 3 * time.Minute, atMost: 3 * time.Minute},
		"found well":      {seen: []Table{{Routes: []Route{refused}}}, atMost: 0},
		"unreachable":     {seen: []Table{{Routes: []Route{refused}}}, probe: errors.New("502"), want: "route /robots is unreachable: it refuses connections", atLeast: readyTimeout, atMost: readyTimeout},
		"another's":       {seen: []Table{{Routes: []Route{stolen}}}, want: "not in the table", atLeast: readyTimeout, atMost: readyTimeout},
		"paused":          {seen: []Table{{Routes: []Route{closed}}}, probe: errors.New("503"), atMost: 0},
		"silent":          {seen: []Table{{Routes: []Route{robots}}}, probe: errors.New("502"), want: "502", atLeast: readyTimeout, atMost: readyTimeout},
		"crashing":        {seen: []Table{{}}, container: []docker.Container{crash}, want: "does not keep running (Restarting (1)", atLeast: wrongFor, atMost: 2 * wrongFor},
		"a problem":       {seen: []Table{{Problems: []Problem{problem}}}, want: "its path is taken; choose another", atLeast: wrongFor, atMost: 2 * wrongFor},
		"one of several":  {seen: []Table{{}}, container: []docker.Container{crash, db}, want: "does not keep running (Restarting (1)", atLeast: crashFor, atMost: 2 * crashFor},
		"one-shot":        {seen: []Table{{Routes: []Route{starting}}}, container: []docker.Container{done}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"a short problem": {seen: []Table{{Problems: []Problem{problem}}, {Routes: []Route{robots}}}, atMost: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			r := awaiting(func() Table {
				calls++
				return c.seen[min(calls, len(c.seen))-1]
			}, c.container)
			r.Gateway.(*table).probe = func() error { return c.probe }
			start := time.Now()
			err := r.Await(t.Context(), "robots", []route.Key{{Prefix: prefix(t, "/robots")}})
			took := time.Since(start)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if took < c.atLeast || took > c.atMost {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
}

func TestReadiness_EndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := awaiting(func() Table { cancel(); return Table{} }, nil)
	if err := r.Await(ctx, "robots", []route.Key{{Prefix: prefix(t, "/robots")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
