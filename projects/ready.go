package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/projects/compose"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// How long a route may take to be served, how often it is looked at, and how long something has to be wrong before it
// is believed: a container that starts passes through states that are wrong for a moment.
const (
	readyTimeout = route.CheckStart
	readyPoll    = 100 * time.Millisecond
	wrongFor     = 3 * time.Second
	// crashFor is how long a service of several may stop and be restarted: many wait for others in that way.
	crashFor = 15 * time.Second
	// deafFor is how long an app that runs may listen elsewhere than it is asked, since some open a port for
	// themselves first. One that listens nowhere is still starting, and has the time of readyTimeout.
	deafFor = 15 * time.Second
)

// Readiness waits until the routes of projects are served.
type Readiness struct {
	Gateway Gateway
	Engine  Lister
	// Advise says how to name another port of the app.
	Advise func(port uint16) string
	// Emit is told what is waited for, Tick that it goes on.
	Emit func(e compose.Event)
	Tick func()
	// Note tells people that there is no gateway, and so nothing to wait for.
	Note func(text string)
}

// Await returns when every key of the project is served, or with the reason why not. Without a gateway it does not wait.
func (r Readiness) Await(ctx context.Context, name Name, keys []route.Key) error {
	if _, err := r.Gateway.Table(ctx); errors.Is(err, ErrNoGateway) {
		r.Note(fmt.Sprintf("%v: the project runs and is not served; start the gateway with: gateway up", err))
		return nil
	}
	for _, key := range keys {
		id := "Route " + key.String()
		r.Emit(compose.Event{ID: id, Text: "Waiting"})
		if err := r.one(ctx, name, key); err != nil {
			r.Emit(compose.Event{ID: id, Text: "Not served", Status: compose.Failed})
			return err
		}
		r.Emit(compose.Event{ID: id, Text: "Ready", Status: compose.Done})
	}
	return nil
}

func (r Readiness) one(ctx context.Context, name Name, key route.Key) error {
	most := r.patience(ctx, name, key)
	wait, cancel := context.WithTimeout(ctx, most)
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
			return r.late(ctx, name, key, most, last)
		case <-tick.C:
			r.Tick()
		}
	}
}

// patience is how long a route may take to be served, by the labels of the containers that are behind it.
func (r Readiness) patience(ctx context.Context, name Name, key route.Key) time.Duration {
	most := readyTimeout
	running, err := Look(ctx, r.Engine, name)
	if err != nil {
		return most // Whoever asks next says so.
	}
	for _, c := range running.Containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			if claim.Key == key {
				most = startsIn(claim)
			}
		}
	}
	return most
}

// crashError says that a container ended, and how long that may be before it is a reason to give up. It is seen now and
// then: in between the container is restarted and runs.
type crashError struct {
	text     string
	patience time.Duration
}

func (e *crashError) Error() string { return e.text }

// late is the reason why a route was not served in time.
func (r Readiness) late(ctx context.Context, name Name, key route.Key, most time.Duration, last error) error {
	deaf := r.deaf(ctx, name, key)
	switch {
	case errors.Is(deaf, errListensNowhere):
		return fmt.Errorf("after %s %w; see why with its logs, or give an app that takes longer the labels %s and %s", label.Brief(most), deaf, label.HealthPath, label.HealthStart)
	case deaf != nil:
		return deaf
	}
	return fmt.Errorf("after %s: %w", label.Brief(most), last)
}

// deaf says why a target of the route that runs does not answer, nil when nothing is known.
func (r Readiness) deaf(ctx context.Context, name Name, key route.Key) error {
	table, err := r.Gateway.Table(ctx)
	if err != nil {
		return nil
	}
	running, err := Look(ctx, r.Engine, name)
	if err != nil {
		return nil
	}
	for _, found := range table.of(name) {
		for _, target := range found.Targets {
			i := slices.IndexFunc(running.Containers, func(c docker.Container) bool { return c.Name == target.Name && c.State == "running" })
			if found.Key != key || !target.Address.IsValid() || i < 0 {
				continue
			}
			all, err := r.Gateway.Listening(ctx, running.Containers[i].ID)
			if err != nil {
				return nil
			}
			if deaf := (deafness{ShortName(running.Containers[i]), target.Address.Port(), r.Advise}).of(all); deaf != nil {
				return deaf
			}
		}
	}
	return nil
}

// look returns nil when the key is served. Otherwise it says why not, and whether that is wrong and not just early.
func (r Readiness) look(ctx context.Context, name Name, key route.Key) (wrong bool, err error) {
	table, err := r.Gateway.Table(ctx)
	if err != nil {
		return false, err
	}
	state := "not in the table"
	for _, found := range table.of(name) {
		if found.Key != key {
			continue
		}
		switch found.State {
		case ready:
			if found.Paused {
				return false, nil
			}
			return false, r.Gateway.Probe(ctx, key)
		case string(route.Unreachable):
			// That is what the last requests found; this one may find it well.
			if r.Gateway.Probe(ctx, key) == nil {
				return false, nil
			}
		}
		state = found.State
		if why := found.Reason; why != "" {
			state += ": " + why
		}
	}
	for _, p := range table.Problems {
		if p.Project == string(name) && (p.Route == "" || p.Route == key.String()) {
			return true, fmt.Errorf("route %s: %s: %s; %s", key, p.Subject, p.Message, p.Fix)
		}
	}
	running, err := Look(ctx, r.Engine, name)
	if err != nil {
		return false, err
	}
	for _, c := range running.Containers {
		if !slices.Contains([]string{"exited", "restarting", "dead"}, c.State) || strings.HasPrefix(c.Status, "Exited (0)") {
			continue
		}
		crash := &crashError{text: fmt.Sprintf("container %s does not keep running (%s)", c.Name, c.Status), patience: crashFor}
		if c.State != "restarting" || len(running.Containers) == 1 {
			crash.patience = wrongFor
		}
		return false, crash
	}
	return false, fmt.Errorf("route %s is %s", key, state)
}
