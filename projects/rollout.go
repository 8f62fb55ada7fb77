package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// retire removes the containers that others serve in the place of, once they have drained.
const retire plan.Kind = "retire"

// rollout is a deployment whose new containers run beside those that they replace, until the gateway switches to them
// (gateway/proxy/discovery says how). Its containers carry its id.
type rollout struct {
	Life
	name Name
	id   string
	// replaces are the full ids of the containers that go.
	replaces []string
}

// newRollout is a rollout with an id of its own.
func newRollout(l Life, name Name, replaces []string) rollout {
	return rollout{l, name, strconv.FormatInt(time.Now().UnixNano(), 36), replaces}
}

// run makes the new containers, waits until they can serve, and switches to them. Until then nothing that serves is touched.
func (r rollout) run(ctx context.Context, p Project, changes compose.Rollout) error {
	err := r.prepare(ctx, p.Dir, changes)
	if err == nil {
		err = plan.Point(ctx, "before the switch")
	}
	if err == nil {
		err = r.toSwitch(ctx)
	}
	if err == nil {
		err = plan.Point(ctx, "after the switch")
	}
	if err == nil {
		err = r.Ready(ctx, r.name, p.keys())
	}
	if err == nil {
		return KeepRunning(ctx, r.Engine, r.name, true)
	}
	mine, _ := r.mine(context.WithoutCancel(ctx))
	failure := explain(ctx, r.Engine, fmt.Errorf("deploying project %s: %w", r.name, err), mine)
	failure.Served = true
	return failure
}

// prepare makes the new containers and returns when they can serve.
func (r rollout) prepare(ctx context.Context, dir string, changes compose.Rollout) error {
	if err := r.Compose.Beside(ctx, dir, string(r.name), changes, r.id); err != nil {
		return err
	}
	mine, err := r.mine(ctx)
	if err != nil {
		return err
	}
	for _, c := range mine {
		if err := plan.Point(ctx, "before "+c.Name+" is held"); err != nil {
			return err
		}
		if err := r.Engine.Rename(ctx, c.ID, c.Name+label.Next); err != nil {
			return err
		}
	}
	if mine, err = r.mine(ctx); err != nil {
		return err
	}
	ctx, cancel, err := r.bounded(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	begun := map[string]bool{}
	for _, c := range mine {
		if err := r.begin(ctx, ServiceOf(c), mine, begun); err != nil {
			return err
		}
	}
	for _, c := range mine {
		if err := r.awaits(ctx, c, conditionOf(c, mine)); err != nil {
			return err
		}
	}
	return r.answering(ctx, r.name, mine)
}

// bounded is the time that the new containers get to become healthy.
func (r rollout) bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	times, err := r.Engine.Times(ctx, label.Rollout+"="+r.id)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout+times.Start, errLate)
	return ctx, cancel, nil
}

// rolloutPoll is how often a deployment looks at what it waits for; tests have a fast engine.
var rolloutPoll = 100 * time.Millisecond

// startTimeout is how long new containers may take to become healthy, beside what their health checks say.
const startTimeout = 2 * time.Minute

var errLate = errors.New("it took too long")

// mine are the containers of the rollout, in no particular order.
func (r rollout) mine(ctx context.Context) ([]docker.Container, error) {
	return r.Engine.Containers(ctx, composeProject+"="+string(r.name), label.Rollout+"="+r.id)
}

// conditionOf is what a new container has to come to: that of a job is its end.
func conditionOf(c docker.Container, mine []docker.Container) string {
	for _, other := range mine {
		if waitsFor(other, ServiceOf(c)) == label.ServiceCompleted {
			return label.ServiceCompleted
		}
	}
	return label.ServiceHealthy
}

// waitsFor is the condition on which a container's service waits for another, empty for none.
func waitsFor(c docker.Container, service string) string {
	for _, d := range label.Dependencies(c.Labels) {
		if d.Service == service {
			return d.Condition
		}
	}
	return ""
}

// begin starts the new containers of a service, after those that it waits for.
func (r rollout) begin(ctx context.Context, service string, mine []docker.Container, begun map[string]bool) error {
	if begun[service] {
		return nil
	}
	begun[service] = true
	for _, c := range mine {
		if ServiceOf(c) != service {
			continue
		}
		for _, other := range mine {
			condition := waitsFor(c, ServiceOf(other))
			if condition == "" {
				continue
			}
			if err := r.begin(ctx, ServiceOf(other), mine, begun); err != nil {
				return err
			}
			if condition != label.ServiceHealthy && condition != label.ServiceCompleted {
				continue
			}
			if err := r.awaits(ctx, other, condition); err != nil {
				return err
			}
		}
		if err := plan.Point(ctx, "before "+c.Name+" starts"); err != nil {
			return err
		}
		r.tell(c, "Starting", compose.Working)
		if err := r.Engine.Start(ctx, c.ID); err != nil {
			r.tell(c, "Failed", compose.Failed)
			return err
		}
	}
	return nil
}

// awaits returns when a new container is healthy, or has ended well if that is the condition.
func (r rollout) awaits(ctx context.Context, c docker.Container, condition string) error {
	// When nobody answers it counts as alone, and the next question says why.
	running, _ := Look(ctx, r.Engine, r.name)
	var crashed time.Time
	for {
		now, err := r.Engine.Container(ctx, c.ID)
		if err != nil {
			return r.inTime(ctx, c, err)
		}
		crashing := now.State == "restarting" || now.State == "running" && now.Restarts > 0 && now.Health == ""
		switch {
		case now.State == "exited" && condition == label.ServiceCompleted && now.ExitCode == 0:
			r.tell(c, "Ended", compose.Done)
			return nil
		case now.State == "exited" || now.State == "dead" || now.Health == "unhealthy":
			r.tell(c, "Failed", compose.Failed)
			return fmt.Errorf("container %s is %s", ShortName(now), stateWords(now))
		case crashing && crashed.IsZero():
			crashed = time.Now()
		case crashing && time.Since(crashed) > running.patience():
			r.tell(c, "Failed", compose.Failed)
			return fmt.Errorf("container %s does not keep running (%s)", ShortName(now), now.Status)
		case now.State == "running" && now.Health != "starting" && condition != label.ServiceCompleted && (!crashing || time.Since(crashed) > settleTime):
			r.tell(c, "Up", compose.Done)
			return nil
		}
		select {
		case <-ctx.Done():
			return r.inTime(ctx, c, ctx.Err())
		case <-time.After(rolloutPoll):
		}
	}
}

// stateWords is the state of a container that failed.
func stateWords(c docker.Container) string {
	if c.Health == "unhealthy" {
		return "unhealthy"
	}
	return strings.TrimSpace(c.Status)
}

// inTime puts what did not come in time in the place of an error that came of that.
func (r rollout) inTime(ctx context.Context, c docker.Container, err error) error {
	if errors.Is(context.Cause(ctx), errLate) {
		return fmt.Errorf("container %s is not healthy in time; give its healthcheck a longer start_period, or see its log", ShortName(c))
	}
	return err
}

func (r rollout) tell(c docker.Container, text string, status compose.Status) {
	if r.Emit != nil {
		r.Emit(compose.Event{ID: "Container " + c.Name, Text: text, Status: status})
	}
}

// toSwitch makes the gateway serve the new containers, and returns when it does.
func (r rollout) toSwitch(ctx context.Context) error {
	mine, err := r.mine(ctx)
	if err != nil {
		return err
	}
	for _, c := range mine {
		if err := plan.Point(ctx, "before "+c.Name+" is released"); err != nil {
			return err
		}
		if err := r.Engine.Rename(ctx, c.ID, strings.TrimSuffix(c.Name, label.Next)); err != nil {
			return fmt.Errorf("switching to container %s: %w", c.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, switchTimeout)
	defer cancel()
	for {
		table, err := r.Gateway.Table(ctx)
		if err == nil && r.switched(table, mine) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the gateway does not serve the new containers; see why with: gateway routes")
		case <-time.After(rolloutPoll):
		}
	}
}

// switchTimeout is how long the gateway may take to notice the switch.
const switchTimeout = 15 * time.Second

// switched reports whether a table has the new containers in the place of the old ones.
func (r rollout) switched(t Table, mine []docker.Container) bool {
	names := map[string]bool{}
	for _, c := range mine {
		names[strings.TrimSuffix(c.Name, label.Next)] = true
	}
	for _, found := range t.of(r.name) {
		for _, target := range found.Targets {
			isReady := target.State == ready
			if isReady && slices.ContainsFunc(r.replaces, target.is) || !isReady && names[target.Name] {
				return false
			}
		}
	}
	return true
}

// takeBack removes containers of rollouts. They are held first, so that the gateway goes back to what they replace at once.
func (l Life) takeBack(ctx context.Context, containers []docker.Container) error {
	for _, c := range containers {
		if strings.HasSuffix(c.Name, label.Next) {
			continue
		}
		if err := l.Engine.Rename(ctx, c.ID, c.Name+label.Next); err != nil && !errors.Is(err, docker.ErrNotFound) {
			return err
		}
	}
	for _, c := range containers {
		if err := plan.Point(ctx, "before "+c.Name+" is removed"); err != nil {
			return err
		}
		if err := l.Engine.Remove(ctx, c.ID, docker.OwnTimeout); err != nil {
			return fmt.Errorf("removing container %s: %w", c.Name, err)
		}
	}
	return nil
}

// forget removes what rollouts that nobody finishes left of the project.
func (l Life) forget(ctx context.Context, name Name) error {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	return l.takeBack(ctx, running.held())
}

// held are the containers that the gateway was not switched to.
func (r Running) held() []docker.Container {
	var deployments label.Holding[string]
	for _, c := range r.Containers {
		deployments.Add(c.Labels[label.Rollout], c.Name, c.State)
	}
	return slices.DeleteFunc(slices.Clone(r.Containers), func(c docker.Container) bool {
		id := c.Labels[label.Rollout]
		return id == "" || !deployments.Held(id)
	})
}

// replaced are the containers that others serve in the place of.
func (r Running) replaced() []docker.Container {
	held := r.held()
	var gone []string
	for _, c := range r.Containers {
		isHeld := slices.ContainsFunc(held, func(h docker.Container) bool { return h.ID == c.ID })
		if ids := c.Labels[label.Replaces]; ids != "" && !isHeld {
			gone = append(gone, strings.Split(ids, ",")...)
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Containers), func(c docker.Container) bool { return !slices.Contains(gone, c.ID) })
}

// retire removes what was replaced, when it has drained.
func (l Life) retire(ctx context.Context, name Name) error {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	old := running.replaced()
	if len(old) == 0 {
		return nil
	}
	l.drained(ctx, name, old, running.drain())
	for _, c := range old {
		if err := plan.Point(ctx, "before "+c.Name+" is retired"); err != nil {
			return err
		}
		if err := l.Engine.Remove(ctx, c.ID, docker.OwnTimeout); err != nil {
			return fmt.Errorf("removing container %s, which was replaced: %w", c.Name, err)
		}
	}
	return nil
}

// defaultDrain is how long a gateway lets targets drain unless it is told otherwise.
const defaultDrain = 30 * time.Second

// drain is the longest time for which containers keep the requests that they have.
func (r Running) drain() time.Duration {
	longest := time.Duration(0)
	for _, c := range r.Containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			drain := claim.Policy.Drain
			if drain == 0 {
				drain = defaultDrain
			}
			longest = max(longest, drain)
		}
	}
	return longest
}

// drained returns when containers have no request any more, and after a time at the latest.
func (l Life) drained(ctx context.Context, name Name, containers []docker.Container, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for quiet := 0; quiet < 2; {
		table, err := l.Gateway.Table(ctx)
		if err != nil {
			return
		}
		quiet++
		for _, found := range table.of(name) {
			for _, target := range found.Targets {
				if target.Inflight > 0 && slices.ContainsFunc(containers, func(c docker.Container) bool { return target.is(c.ID) }) {
					quiet = 0
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rolloutPoll):
		}
	}
}
