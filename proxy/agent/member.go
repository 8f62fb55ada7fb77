package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	dockersource "gateway/proxy/source/docker"
)

// errStopped says that a person stopped a project.
var errStopped = errors.New("it was stopped by a person; start it with gateway start, or docker start")

// errMayNot says that an order is about what may not sleep. Whoever takes over the proxy can stop nothing else.
var errMayNot = errors.New("none of its containers has the label " + label.Idle)

// members are the containers that an order is about, sorted by name.
func (s *sleeper) members(ctx context.Context, o admin.Order) ([]docker.Container, error) {
	var filter []string
	if o.Project != "" {
		filter = append(filter, label.ComposeProject+"="+o.Project)
	}
	listed, err := s.engine.Containers(ctx, filter...)
	if err != nil {
		return nil, err
	}
	var all []docker.Container
	for _, c := range listed {
		_, ours := c.Labels[label.Role]
		mine := c.Labels[label.ComposeProject] == o.Project && (o.Project != "" || c.Name == o.Container)
		if mine && c.Labels[label.ComposeOneOff] != "True" && !ours && c.Name != dockersource.ProxyName && c.Name != dockersource.AgentName {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b docker.Container) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case len(all) == 0:
		return nil, errors.New("it has no containers any more")
	case !slices.ContainsFunc(all, func(c docker.Container) bool { return label.MaySleep(c.Labels) }):
		return nil, errMayNot
	}
	return all, nil
}

// ordered returns the containers of one project so that each comes behind those that it depends on. Within a circle, which
// Compose does not allow, they stay as they are.
func ordered(all []docker.Container) []docker.Container {
	var sorted []docker.Container
	placed := map[string]bool{}
	var place func(c docker.Container)
	place = func(c docker.Container) {
		if placed[c.ID] {
			return
		}
		placed[c.ID] = true
		for _, d := range label.Dependencies(c.Labels) {
			for _, other := range all {
				if other.Labels[label.ComposeService] == d.Service {
					place(other)
				}
			}
		}
		sorted = append(sorted, c)
	}
	for _, c := range all {
		place(c)
	}
	return sorted
}

// start starts those of the containers that are asleep, in the given order, each when those are healthy on whose health
// it depends. The error is errStopped when none runs then.
func (s *sleeper) start(ctx context.Context, all []docker.Container) error {
	runs := len(all) == 0
	for _, c := range all {
		now, err := s.engine.Container(ctx, c.ID)
		if errors.Is(err, docker.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if now.State == "running" || now.State == "restarting" {
			runs = true
			continue
		}
		if !now.Asleep() {
			continue
		}
		for _, d := range label.Dependencies(c.Labels) {
			if err := s.awaitHealth(ctx, d, all); err != nil {
				return err
			}
		}
		if err := s.engine.Start(ctx, c.ID); err != nil {
			return err
		}
		runs = true
	}
	if !runs {
		return errStopped
	}
	return nil
}

// awaitHealth waits until a service is healthy, if that is what it is depended on for.
func (s *sleeper) awaitHealth(ctx context.Context, d label.Dependency, all []docker.Container) error {
	if d.Condition != label.ServiceHealthy {
		return nil
	}
	begun := time.Now()
	for _, c := range all {
		for c.Labels[label.ComposeService] == d.Service {
			now, err := s.engine.Container(ctx, c.ID)
			if err != nil {
				return err
			}
			if now.State != "running" && now.State != "restarting" || now.Health == "healthy" || now.State == "running" && now.Health == "" {
				break // One that does not run was stopped by a person, or has done what it is for.
			}
			if time.Since(begun) > healthTimeout {
				return fmt.Errorf("container %s is not healthy after %s", c.Name, healthTimeout)
			}
			pause(ctx, healthPoll)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}
