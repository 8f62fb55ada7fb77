package project

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/cmd/cli"
	"gateway/cmd/cli/clitest"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/route"
)

func TestReadiness_WaitsUntilTheRouteIsServed(t *testing.T) {
	robots := admin.Route{Key: "/robots", Project: "robots", State: "ready"}
	starting, stolen, refused := robots, robots, robots
	refused.State, refused.Reason = "unreachable", "it refuses connections"
	starting.State, stolen.Project = "starting", "thief"
	crash := docker.Container{Name: "robots-site-1", State: "restarting", Status: "Restarting (1) 1 second ago"}
	db := docker.Container{Name: "robots-db-1", State: "running", Status: "Up 3 seconds"}
	done := docker.Container{Name: "robots-job-1", State: "exited", Status: "Exited (0) 2 seconds ago"}
	problem := admin.Problem{Subject: "robots-site-1", Project: "robots", Route: "/robots", Message: "its path is taken", Mend: "choose another"}
	for name, c := range map[string]struct {
		// seen are the tables in the order in which they come; the last one stays.
		seen      []admin.Routes
		container []docker.Container
		probe     error
		want      string
		// atMost bounds the wait, atLeast is what has to pass before something wrong is believed.
		atLeast, atMost time.Duration
	}{
		"ready":           {seen: []admin.Routes{{Routes: []admin.Route{robots}}}, atMost: 0},
		"after a while":   {seen: []admin.Routes{{}, {Routes: []admin.Route{starting}}, {Routes: []admin.Route{robots}}}, atMost: time.Second},
		"never":           {seen: []admin.Routes{{Routes: []admin.Route{starting}}}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"found well":      {seen: []admin.Routes{{Routes: []admin.Route{refused}}}, atMost: 0},
		"unreachable":     {seen: []admin.Routes{{Routes: []admin.Route{refused}}}, probe: errors.New("502"), want: "route /robots is unreachable: it refuses connections", atLeast: readyTimeout, atMost: readyTimeout},
		"another's":       {seen: []admin.Routes{{Routes: []admin.Route{stolen}}}, want: "not in the table", atLeast: readyTimeout, atMost: readyTimeout},
		"silent":          {seen: []admin.Routes{{Routes: []admin.Route{robots}}}, probe: errors.New("502"), want: "502", atLeast: readyTimeout, atMost: readyTimeout},
		"crashing":        {seen: []admin.Routes{{}}, container: []docker.Container{crash}, want: "does not keep running (Restarting (1)", atLeast: wrongFor, atMost: 2 * wrongFor},
		"a problem":       {seen: []admin.Routes{{Problems: []admin.Problem{problem}}}, want: "its path is taken; choose another", atLeast: wrongFor, atMost: 2 * wrongFor},
		"one of several":  {seen: []admin.Routes{{}}, container: []docker.Container{crash, db}, want: "does not keep running (Restarting (1)", atLeast: crashFor, atMost: 2 * crashFor},
		"one-shot":        {seen: []admin.Routes{{Routes: []admin.Route{starting}}}, container: []docker.Container{done}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"a short problem": {seen: []admin.Routes{{Problems: []admin.Problem{problem}}, {Routes: []admin.Route{robots}}}, atMost: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			r := readiness{
				routes: func(context.Context) (admin.Routes, error) {
					calls++
					return c.seen[min(calls, len(c.seen))-1], nil
				},
				running:  func(context.Context) ([]docker.Container, error) { return c.container, nil },
				probe:    func(context.Context, route.Key) error { return c.probe },
				progress: cli.NewProgress(&cli.Env{Err: new(bytes.Buffer)}),
			}
			start := time.Now()
			err := r.await(t.Context(), "robots", []route.Key{clitest.Key(t, "/robots")})
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
	r := readiness{
		routes:   func(context.Context) (admin.Routes, error) { cancel(); return admin.Routes{}, nil },
		running:  func(context.Context) ([]docker.Container, error) { return nil, nil },
		progress: cli.NewProgress(&cli.Env{Err: new(bytes.Buffer)}),
	}
	if err := r.await(ctx, "robots", []route.Key{clitest.Key(t, "/robots")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
