package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// How long a route may take to be served, how often it is looked at, and how long something has to be wrong before it
// is believed: a container that starts passes through states that are wrong for a moment.
const (
	readyTimeout = 60 * time.Second
	readyPoll    = 100 * time.Millisecond
	wrongFor     = 3 * time.Second
)

// readiness waits until the routes of a project are served.
type readiness struct {
	routes   func(ctx context.Context) (admin.Routes, error)
	running  func(ctx context.Context) ([]docker.Container, error)
	probe    func(ctx context.Context, key route.Key) error
	progress *progress
}

// await returns when every key is served, or with the reason why not.
func (r readiness) await(ctx context.Context, name projects.Name, keys []route.Key) error {
	for _, key := range keys {
		id := "Route " + key.String()
		r.progress.emit(compose.Event{ID: id, Text: "Waiting"})
		if err := r.one(ctx, name, key); err != nil {
			r.progress.emit(compose.Event{ID: id, Text: "Not served", Status: compose.Failed})
			return err
		}
		r.progress.emit(compose.Event{ID: id, Text: "Ready", Status: compose.Done})
	}
	return nil
}

func (r readiness) one(ctx context.Context, name projects.Name, key route.Key) error {
	wait, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	var wrongSince time.Time
	for {
		wrong, err := r.look(wait, name, key)
		if err == nil {
			return nil
		}
		switch {
		case !wrong:
			wrongSince = time.Time{}
		case wrongSince.IsZero():
			wrongSince = time.Now()
		case time.Since(wrongSince) > wrongFor:
			return err
		}
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("after %s: %w", readyTimeout, err)
		case <-tick.C:
			r.progress.tick()
		}
	}
}

// look returns nil when the key is served. Otherwise it says why not, and whether that is wrong and not just early.
func (r readiness) look(ctx context.Context, name projects.Name, key route.Key) (wrong bool, err error) {
	routes, err := r.routes(ctx)
	if err != nil {
		return false, err
	}
	state := "not in the table"
	for _, found := range routesOf(routes, string(name)) {
		if found.Key != key.String() {
			continue
		}
		switch found.State {
		case admin.Ready:
			return false, r.probe(ctx, key)
		case string(route.Unreachable):
			// That is what the last requests found; this one may find it well.
			if r.probe(ctx, key) == nil {
				return false, nil
			}
		}
		state = found.State
		if why := found.Reason; why != "" {
			state += ": " + why
		}
	}
	for _, p := range routes.Problems {
		if p.Project == string(name) && (p.Route == "" || p.Route == key.String()) {
			return true, fmt.Errorf("route %s: %s: %s; %s", key, p.Subject, p.Message, p.Mend)
		}
	}
	containers, err := r.running(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range containers {
		if slices.Contains([]string{"exited", "restarting", "dead"}, c.State) {
			return true, fmt.Errorf("container %s does not keep running (%s)", c.Name, c.Status)
		}
	}
	return false, fmt.Errorf("route %s is %s", key, state)
}

// ready waits for the routes of a project as the running gateway tells of them. Where there is none it says so and
// leaves it at that.
func (w *workshop) ready(ctx context.Context, name projects.Name, keys []route.Key) error {
	gateway, err := w.env.gateway(ctx)
	if errors.Is(err, errNoGateway) {
		w.env.notef("%v: the project runs and is not served; start the gateway with: gateway up\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer gateway.Close()
	at, err := w.address(ctx, gateway)
	if err != nil {
		return err
	}
	return readiness{
		routes: gateway.Routes,
		running: func(ctx context.Context) ([]docker.Container, error) {
			running, err := projects.Look(ctx, w.engine, name)
			return running.Containers, err
		},
		probe:    at.probe,
		progress: w.progress,
	}.await(ctx, name, keys)
}

// unanswered are the answers that a proxy gives for an app that does not.
var unanswered = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
