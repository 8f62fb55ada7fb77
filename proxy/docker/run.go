package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// cleanup bounds what is done after a failure, when the caller's context may have ended.
const cleanup = 30 * time.Second

// Run creates and starts a container; its volumes are created when they are not there, its image is never pulled. When
// it does not start it is removed again. The error wraps ErrNameTaken, ErrPortTaken, ErrOpenFiles, or ErrNotFound when
// the image or network is not there.
func (c *Client) Run(ctx context.Context, spec Spec) (string, error) {
	var id string
	err := c.link.do(ctx, "creating container "+spec.Name, func(s *session) error {
		created, err := s.sdk.ContainerCreate(ctx, creation(spec, s))
		id = created.ID
		return err
	})
	if err != nil {
		return "", err
	}
	err = c.Write(ctx, id, spec.Files...)
	if err == nil {
		err = c.link.do(ctx, "starting container "+spec.Name, func(s *session) error {
			_, err := s.sdk.ContainerStart(ctx, id, client.ContainerStartOptions{})
			return err
		})
	}
	if err == nil {
		return id, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	return "", errors.Join(err, c.Remove(ctx, id, 0))
}

// creation hardens what a Spec describes.
func creation(spec Spec, s *session) client.ContainerCreateOptions {
	config := &container.Config{
		Image: spec.Image, Cmd: spec.Command, User: spec.User, Labels: spec.Labels,
		ExposedPorts: network.PortSet{}, Healthcheck: healthcheck(spec.Health),
	}
	if spec.StopTimeout > 0 {
		config.StopTimeout = new(seconds(spec.StopTimeout))
	}
	host := &container.HostConfig{
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		RestartPolicy:  container.RestartPolicy{Name: restart(spec)},
		NetworkMode:    container.NetworkMode(spec.Network),
		Mounts:         mounts(spec.Mounts),
		PortBindings:   network.PortMap{},
		Resources:      container.Resources{Memory: spec.MemoryBytes},
	}
	if spec.Pids > 0 {
		host.PidsLimit = &spec.Pids
	}
	if spec.OpenFiles > 0 {
		host.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: spec.OpenFiles, Hard: spec.OpenFiles}}
	}
	for _, p := range spec.Publish {
		port, _ := network.PortFrom(p.ContainerPort, network.IPProtocol(p.protocol()))
		config.ExposedPorts[port] = struct{}{}
		host.PortBindings[port] = append(host.PortBindings[port], network.PortBinding{
			HostIP: bindAddress(p.IP), HostPort: strconv.Itoa(int(p.HostPort)),
		})
	}
	return client.ContainerCreateOptions{Name: spec.Name, Config: config, HostConfig: host, NetworkingConfig: networking(spec, s)}
}

func restart(spec Spec) container.RestartPolicyMode {
	if spec.once {
		return container.RestartPolicyDisabled
	}
	return container.RestartPolicyAlways
}

// bindAddress leaves an address that means all to the engine, which then binds IPv6 too where it can.
func bindAddress(ip netip.Addr) netip.Addr {
	if !ip.IsValid() || ip.IsUnspecified() {
		return netip.Addr{}
	}
	return ip
}

// networking makes the first network the one with the default gateway for good: networks joined later have priority 0.
func networking(spec Spec, s *session) *network.NetworkingConfig {
	if spec.Network == "" || spec.Network == "none" || strings.HasPrefix(spec.Network, "container:") || !s.least("1.48") {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
		spec.Network: {GwPriority: math.MaxInt32},
	}}
}

func healthcheck(h *Health) *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test:     append([]string{"CMD"}, h.Command...),
		Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
}

func mounts(list []Mount) []mount.Mount {
	var to []mount.Mount
	for _, m := range list {
		if m.Volume != "" {
			to = append(to, mount.Mount{Type: mount.TypeVolume, Source: m.Volume, Target: m.Target, ReadOnly: m.ReadOnly})
			continue
		}
		to = append(to, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return to
}

// seconds rounds up, so that a short timeout does not become none.
func seconds(d time.Duration) int { return int((max(d, 0) + time.Second - 1) / time.Second) }

// OwnTimeout is the time that a container gets to end by its own word, or its image's.
const OwnTimeout time.Duration = -1

// Remove stops a container with its stop signal, and after the timeout with SIGKILL, and removes it and its anonymous
// volumes; that it is not there is no error.
func (c *Client) Remove(ctx context.Context, nameOrID string, timeout time.Duration) error {
	if given("container", nameOrID) != nil {
		return nil
	}
	return absent(c.link.do(ctx, "removing container "+nameOrID, func(s *session) error {
		var options client.ContainerStopOptions
		if timeout != OwnTimeout {
			options.Timeout = new(seconds(timeout))
		}
		_, stopped := s.sdk.ContainerStop(ctx, nameOrID, options)
		if stopped != nil && (ctx.Err() != nil || broken(stopped) || outdated(stopped)) {
			return stopped
		}
		// What else stopping may say matters only if the removal, which kills, fails too.
		_, err := s.sdk.ContainerRemove(ctx, nameOrID, client.ContainerRemoveOptions{RemoveVolumes: true, Force: true})
		if err != nil && containsAll(err.Error(), []string{"removal of container", "is already in progress"}) {
			return removed(ctx, s, nameOrID)
		}
		return err
	}))
}

// Start starts a container that does not run; that it runs is no error. The error wraps ErrNotFound when there is none.
func (c *Client) Start(ctx context.Context, nameOrID string) error {
	return c.link.do(ctx, "starting container "+nameOrID, func(s *session) error {
		_, err := s.sdk.ContainerStart(ctx, nameOrID, client.ContainerStartOptions{})
		return err
	})
}

// Rename gives a container another name; one that has the name already keeps it.
func (c *Client) Rename(ctx context.Context, nameOrID, name string) error {
	return c.link.do(ctx, "renaming container "+nameOrID, func(s *session) error {
		_, err := s.sdk.ContainerRename(ctx, nameOrID, client.ContainerRenameOptions{NewName: name})
		if err != nil && strings.Contains(err.Error(), "Renaming a container with the same name as its current name") {
			return nil
		}
		return err
	})
}

// removed waits for the end of a removal that somebody else began.
func removed(ctx context.Context, s *session, nameOrID string) error {
	wait := s.sdk.ContainerWait(ctx, nameOrID, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// VolumeLabels are the labels of a named volume. The error wraps ErrNotFound when there is none.
func (c *Client) VolumeLabels(ctx context.Context, name string) (map[string]string, error) {
	what := "inspecting volume " + name
	if err := given("volume", name); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var found struct{ Labels map[string]string }
	err := c.link.do(ctx, what, func(s *session) error { return c.link.get(ctx, s, "/volumes/"+name, &found) })
	return found.Labels, err
}

// RemoveVolume removes a named volume; that it is not there is no error. The error wraps ErrInUse when a container has it.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	if given("volume", name) != nil {
		return nil
	}
	return absent(c.link.do(ctx, fmt.Sprintf("removing volume %s", strings.TrimSpace(name)), func(s *session) error {
		_, err := s.sdk.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
		return err
	}))
}

// KeepRunning makes a container that is to run until it is stopped outlive its engine's death too, or takes that back.
// An engine that died without stopping its containers stops those it finds when it starts again, counts that as a stop
// by hand, and so leaves down what has the restart policy unless-stopped; always is free of that, but brings back what
// people stopped. So the first becomes the second while it is kept running, and the second the first when it no longer
// is. Other policies are left as they are.
func (c *Client) KeepRunning(ctx context.Context, nameOrID string, keep bool) error {
	from, to := container.RestartPolicyAlways, container.RestartPolicyUnlessStopped
	if keep {
		from, to = to, from
	}
	what := "changing the restart policy of container " + nameOrID
	return c.link.do(ctx, what, func(s *session) error {
		var found struct {
			HostConfig struct{ RestartPolicy container.RestartPolicy }
		}
		if err := c.link.get(ctx, s, "/containers/"+url.PathEscape(nameOrID)+"/json", &found); err != nil {
			return err
		}
		if found.HostConfig.RestartPolicy.Name != from {
			return nil
		}
		_, err := s.sdk.ContainerUpdate(ctx, nameOrID, client.ContainerUpdateOptions{RestartPolicy: &container.RestartPolicy{Name: to}})
		return err
	})
}
