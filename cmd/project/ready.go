package project

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway/cmd/cli"
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
	// crashFor is how long a service of several may stop and be restarted: many wait for others in that way.
	crashFor = 15 * time.Second
	// deafFor is how long an app that runs may listen elsewhere than it is asked, since some open a port for
	// themselves first. One that listens nowhere is still starting, and has the time of readyTimeout.
	deafFor = 15 * time.Second
)

// readiness waits until the routes of a project are served.
type readiness struct {
	routes  func(ctx context.Context) (admin.Routes, error)
	running func(ctx context.Context) ([]docker.Container, error)
	// listening are the addresses that a container listens on; nil when that cannot be found out.
	listening func(ctx context.Context, container string) ([]netip.AddrPort, error)
	// advise says how to name another port of the app.
	advise   func(port uint16) string
	probe    func(ctx context.Context, key route.Key) error
	progress *cli.Progress
}

// await returns when every key is served, or with the reason why not.
func (r readiness) await(ctx context.Context, name projects.Name, keys []route.Key) error {
	for _, key := range keys {
		id := "Route " + key.String()
		r.progress.Emit(compose.Event{ID: id, Text: "Waiting"})
		if err := r.one(ctx, name, key); err != nil {
			r.progress.Emit(compose.Event{ID: id, Text: "Not served", Status: compose.Failed})
			return err
		}
		r.progress.Emit(compose.Event{ID: id, Text: "Ready", Status: compose.Done})
	}
	return nil
}

func (r readiness) one(ctx context.Context, name projects.Name, key route.Key) error {
	wait, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	begun := time.Now()
	var wrongSince, crashed, asked time.Time
	var last error
	for {
		wrong, err := r.look(wait, name, key)
		if crash, is := errors.AsType[*crashError](err); is {
			if crashed.IsZero() {
				crashed = time.Now()
			}
			if time.Since(crashed) > crash.patience {
				return err
			}
		}
		if err == nil {
			return nil
		}
		if wait.Err() == nil || last == nil {
			last = err
		}
		switch {
		case !wrong:
			wrongSince = time.Time{}
		case wrongSince.IsZero():
			wrongSince = time.Now()
		case time.Since(wrongSince) > wrongFor:
			return err
		}
		if !wrong && time.Since(begun) > deafFor && time.Since(asked) > wrongFor {
			asked = time.Now()
			if deaf := r.deaf(wait, name, key); deaf != nil && !errors.Is(deaf, errListensNowhere) {
				return deaf
			}
		}
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return r.late(ctx, name, key, last)
		case <-tick.C:
			r.progress.Tick()
		}
	}
}

// crashError says that a container ended, and how long that may be before it is a reason to give up. It is seen now and
// then: in between the container is restarted and runs.
type crashError struct {
	text     string
	patience time.Duration
}

func (e *crashError) Error() string { return e.text }

// late is the reason why a route was not served in time.
func (r readiness) late(ctx context.Context, name projects.Name, key route.Key, last error) error {
	deaf := r.deaf(ctx, name, key)
	switch {
	case errors.Is(deaf, errListensNowhere):
		return fmt.Errorf("after %s %w; see why with its logs, or give an app that takes longer a healthcheck with a start_period", readyTimeout, deaf)
	case deaf != nil:
		return deaf
	}
	return fmt.Errorf("after %s: %w", readyTimeout, last)
}

// deaf says why a target of the route that runs does not answer, nil when nothing is known.
func (r readiness) deaf(ctx context.Context, name projects.Name, key route.Key) error {
	if r.listening == nil {
		return nil
	}
	routes, err := r.routes(ctx)
	if err != nil {
		return nil
	}
	containers, err := r.running(ctx)
	if err != nil {
		return nil
	}
	for _, found := range routesOf(routes, string(name)) {
		for _, target := range found.Targets {
			at, err := netip.ParseAddrPort(target.Address)
			i := slices.IndexFunc(containers, func(c docker.Container) bool { return c.Name == target.Name && c.State == "running" })
			if found.Key != key.String() || err != nil || i < 0 {
				continue
			}
			all, err := r.listening(ctx, containers[i].ID)
			if err != nil {
				return nil
			}
			if deaf := (deafness{projects.ShortName(containers[i]), at.Port(), r.advise}).of(all); deaf != nil {
				return deaf
			}
		}
	}
	return nil
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
		if !slices.Contains([]string{"exited", "restarting", "dead"}, c.State) || strings.HasPrefix(c.Status, "Exited (0)") {
			continue
		}
		crash := &crashError{text: fmt.Sprintf("container %s does not keep running (%s)", c.Name, c.Status), patience: crashFor}
		if c.State != "restarting" || len(containers) == 1 {
			crash.patience = wrongFor
		}
		return false, crash
	}
	return false, fmt.Errorf("route %s is %s", key, state)
}

// routesReady waits for the routes of a project as the running gateway tells of them. Where there is none it says so and
// leaves it at that.
func routesReady(ctx context.Context, s *cli.Session, name projects.Name, keys []route.Key) error {
	return routesReadyOr(ctx, s, name, keys, func(port uint16) string { return fmt.Sprintf("set the label gateway.port to %d", port) })
}

// routesReadyOr is routesReady with advice of its own on how to name another port.
func routesReadyOr(ctx context.Context, s *cli.Session, name projects.Name, keys []route.Key, advise func(port uint16) string) error {
	gateway, err := s.Env.Gateway(ctx)
	if errors.Is(err, cli.ErrNoGateway) {
		s.Env.Notef("%v: the project runs and is not served; start the gateway with: gateway up\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer gateway.Close()
	at, err := s.Address(ctx, gateway)
	if err != nil {
		return err
	}
	return readiness{
		routes: gateway.Routes,
		running: func(ctx context.Context) ([]docker.Container, error) {
			running, err := projects.Look(ctx, s.Engine, name)
			return running.Containers, err
		},
		listening: func(ctx context.Context, container string) ([]netip.AddrPort, error) {
			return listening(ctx, s, container)
		},
		advise:   advise,
		probe:    at.Probe,
		progress: s.Progress,
	}.await(ctx, name, keys)
}
