package projects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gateway/projects/policy"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// How long containers of a build get to end, and how long the agent may hold on to a network that goes.
const (
	stopTimeout    = 5 * time.Second
	networkPatient = 15 * time.Second
)

// teardown removes everything that the engine has of a project. It is right to call it when there is nothing, and
// again after it failed.
func teardown(ctx context.Context, engine Engine, compose Composer, name Name) error {
	downErr := compose.Down(ctx, string(name))
	left, err := Look(ctx, engine, name)
	if err != nil {
		return errors.Join(downErr, err)
	}
	for _, c := range left.Containers {
		if err := engine.Remove(ctx, c.ID, docker.OwnTimeout); err != nil {
			return fmt.Errorf("removing container %s: %w", c.Name, err)
		}
	}
	for _, n := range left.Networks {
		if err := RemoveNetwork(ctx, engine, n); err != nil {
			return fmt.Errorf("removing network %s: %w", n.Name, err)
		}
	}
	if downErr != nil {
		// What Compose stumbled over may have been the network; only it knows the volumes.
		if err := compose.Down(ctx, string(name)); err != nil {
			return err
		}
	}
	return removeBuilt(ctx, engine, name)
}

// removeBuilt removes the images that were built for a project.
func removeBuilt(ctx context.Context, engine Engine, name Name) error {
	return engine.RemoveImages(ctx, ComposeLabel(name), func(image string, labels map[string]string) bool {
		return builtHere(name, image, labels) || strings.HasPrefix(image, policy.StagedImage+":")
	})
}

// builtHere reports whether an image's name is the one that Compose derives for the service that it was built for. Others
// may have given it further names.
func builtHere(name Name, image string, labels map[string]string) bool {
	service := labels[composeService]
	return service != "" && policy.ServiceOfImage(string(name), image) == service
}

// RemoveNetwork removes a network after taking the proxy off it. The agent may put the proxy back for as long as it has
// not seen that the containers are gone, so this is tried again for a while; then the error wraps docker.ErrInUse, as it
// does when other containers are on the network.
func RemoveNetwork(ctx context.Context, engine Engine, n docker.Network) error {
	wait, cancel := context.WithTimeout(ctx, networkPatient)
	defer cancel()
	for {
		err := tryRemoveNetwork(wait, engine, n)
		if !errors.Is(err, docker.ErrInUse) {
			return err
		}
		select {
		case <-wait.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tryRemoveNetwork(ctx context.Context, engine Engine, n docker.Network) error {
	proxies, err := engine.Containers(ctx, label.Role+"="+label.RoleProxy)
	if err != nil {
		return err
	}
	for _, proxy := range proxies {
		if err := engine.Disconnect(ctx, n.ID, proxy.ID); err != nil {
			return err
		}
	}
	return engine.RemoveNetwork(ctx, n.ID)
}
