package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// inspection is what we read of a container's inspection.
type inspection struct {
	ID, Name, Image string
	Created         time.Time
	RestartCount    int
	State           struct {
		Status                string
		ExitCode              int
		OOMKilled             bool
		Pid                   int
		Error                 string
		StartedAt, FinishedAt time.Time
		Health                *healthState
	}
	Config struct {
		Image        string
		Tty          bool
		Labels       map[string]string
		ExposedPorts map[string]struct{}
		StopTimeout  *int
		Healthcheck  *struct {
			Test                           []string
			Interval, Timeout, StartPeriod time.Duration
			Retries                        int
		}
	}
	HostConfig      struct{ RestartPolicy struct{ Name string } }
	NetworkSettings struct {
		Ports    map[string][]struct{ HostIP, HostPort string }
		Networks map[string]*endpointSummary
	}
}

type healthState struct {
	Status string
	Log    []struct{ Output string }
}

// Container inspects one container, by name or id. Unlike in a listing, the ports are known of a stopped container too.
// The error wraps ErrNotFound when there is none.
func (c *Client) Container(ctx context.Context, nameOrID string) (Container, error) {
	what := "inspecting container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return Container{}, fmt.Errorf("%s: %w", what, err)
	}
	var found Container
	err := c.link.do(ctx, what, func(s *session) error {
		i, err := c.link.inspect(ctx, s, nameOrID)
		if err != nil {
			return err
		}
		found = i.container(time.Now())
		return nil
	})
	return found, err
}

func (l *link) inspect(ctx context.Context, s *session, nameOrID string) (*inspection, error) {
	i := new(inspection)
	return i, l.get(ctx, s, "/containers/"+nameOrID+"/json", i)
}

// given refuses an empty name, with which a path of the API would be that of something else.
func given(kind, name string) error {
	if name == "" || strings.ContainsAny(name, "/?#") || name == "." || name == ".." {
		return failed(fmt.Sprintf("no such %s: %q is no name and no id", kind, name), ErrNotFound)
	}
	return nil
}

func (i *inspection) container(now time.Time) Container {
	c := Container{
		ID: i.ID, Name: strings.TrimPrefix(i.Name, "/"), Image: i.Config.Image, ImageID: i.Image, Labels: i.Config.Labels,
		State: i.State.Status, Status: i.status(now), Created: i.Created.Truncate(time.Second),
		Networks: attachments(i.NetworkSettings.Networks),
		ExitCode: i.State.ExitCode, Restarts: i.RestartCount, OOMKilled: i.State.OOMKilled, Restart: i.HostConfig.RestartPolicy.Name,
	}
	c.Run = i.run()
	if i.State.Health != nil && i.State.Status == "running" {
		c.Health = knownHealth(i.State.Health.Status)
	}
	for text := range i.Config.ExposedPorts {
		if port, udp, ok := parsePort(text); ok && !udp {
			c.Ports = append(c.Ports, port)
		}
	}
	for text, bindings := range i.NetworkSettings.Ports {
		port, udp, ok := parsePort(text)
		if !ok {
			continue
		}
		if !udp {
			c.Ports = append(c.Ports, port)
		}
		for _, b := range bindings {
			if host, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil && host != 0 {
				c.Published = append(c.Published, Publish{IP: hostAddress(b.HostIP), HostPort: uint16(host), ContainerPort: port, UDP: udp})
			}
		}
	}
	c.Ports, c.Published = sortPorts(c.Ports), sortPublished(c.Published)
	return c
}

func (i *inspection) run() Run {
	run := Run{PID: i.State.Pid, Fault: i.State.Error}
	if i.State.FinishedAt.After(i.Created) {
		run.Ended = i.State.FinishedAt
	}
	if i.State.Status != "running" && !i.State.StartedAt.IsZero() && i.State.FinishedAt.After(i.State.StartedAt) {
		run.Length = i.State.FinishedAt.Sub(i.State.StartedAt)
	}
	if i.State.Health != nil && len(i.State.Health.Log) > 0 {
		run.Check = i.State.Health.Log[len(i.State.Health.Log)-1].Output
	}
	return run
}

// status words the state as a listing does; an inspection has no words.
func (i *inspection) status(now time.Time) string {
	up := "Up " + units.HumanDuration(now.Sub(i.State.StartedAt))
	since := units.HumanDuration(now.Sub(i.State.FinishedAt)) + " ago"
	switch i.State.Status {
	case "running":
		if i.State.Health == nil || knownHealth(i.State.Health.Status) == "" {
			return up
		}
		if i.State.Health.Status == "starting" {
			return up + " (health: starting)"
		}
		return up + " (" + i.State.Health.Status + ")"
	case "paused":
		return up + " (Paused)"
	case "restarting":
		return fmt.Sprintf("Restarting (%d) %s", i.State.ExitCode, since)
	case "exited":
		return fmt.Sprintf("Exited (%d) %s", i.State.ExitCode, since)
	case "created":
		return "Created"
	case "dead":
		return "Dead"
	case "removing":
		return "Removal In Progress"
	}
	return i.State.Status
}

// parsePort reads "80/tcp", "80" or "443/udp". Other protocols are none.
func parsePort(text string) (port uint16, udp, ok bool) {
	number, protocol, _ := strings.Cut(text, "/")
	value, err := strconv.ParseUint(number, 10, 16)
	udp = strings.EqualFold(protocol, "udp")
	known := udp || protocol == "" || strings.EqualFold(protocol, "tcp")
	return uint16(value), udp, err == nil && value != 0 && known
}
