package projects

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// Check is one request that the gateway sends by itself, to a container that need not be in its table.
type Check struct {
	Address    netip.AddrPort
	Scheme     route.Scheme
	Host, Path string
	Timeout    time.Duration
}

// ErrNoChecks says that the gateway that runs is of a version that makes no checks.
var ErrNoChecks = errors.New("the gateway that runs makes no checks")

// answerFor is how long an app may answer with a server error until that is taken for how it answers; one that has
// a health path has to pass.
const answerFor = 10 * time.Second

// answering returns when all routes of containers answer, each at the container's own address.
func (l Life) answering(ctx context.Context, containers []docker.Container) error {
	ids := map[string]bool{}
	for _, c := range containers {
		ids[c.ID] = true
	}
	running, err := l.Engine.Containers(ctx)
	if err != nil {
		return err
	}
	networks, err := l.Engine.Networks(ctx)
	if err != nil {
		return err
	}
	for _, c := range running {
		claims, _ := label.Parse(c.Labels)
		if !ids[c.ID] || c.State != "running" {
			continue
		}
		for _, claim := range claims {
			if err := l.answersAt(ctx, c, claim, networks); err != nil {
				return err
			}
		}
	}
	return nil
}

// answersAt returns when one route of a container answers.
func (l Life) answersAt(ctx context.Context, c docker.Container, claim label.Claim, networks []docker.Network) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errLate)
	defer cancel()
	addresses := addressesOf(c, claim, networks)
	begun := time.Now()
	var failing time.Time
	why := "it has no address"
	for {
		for _, address := range addresses {
			status, err := l.Gateway.Check(ctx, checkOf(claim, address))
			if errors.Is(err, ErrNoChecks) {
				return nil
			}
			if err != nil {
				why = err.Error()
				continue
			}
			if claim.Policy.Check.Path == "" && status < 500 || status >= 200 && status < 400 {
				return nil
			}
			if failing.IsZero() {
				failing = time.Now()
			}
			if claim.Policy.Check.Path == "" && status == 500 && time.Since(failing) > answerFor {
				return nil
			}
			why = fmt.Sprintf("GET %s answers %d", checkOf(claim, address).Path, status)
			break
		}
		now, err := l.Engine.Container(ctx, c.ID)
		if err == nil && now.State != "running" {
			return fmt.Errorf("container %s is %s", ShortName(now), stateWords(now))
		}
		if time.Since(begun) > deafFor && len(addresses) > 0 {
			if err := l.deafAt(ctx, c, addresses[0].Port()); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errLate) {
				return ctx.Err()
			}
			return fmt.Errorf("container %s does not answer for %s: %s", ShortName(c), claim.Key, why)
		case <-time.After(rolloutPoll):
		}
	}
}

// deafAt says that a container listens, and not where it is asked.
func (l Life) deafAt(ctx context.Context, c docker.Container, port uint16) error {
	all, err := l.Gateway.Listening(ctx, c.ID)
	if err != nil {
		return nil
	}
	advise := func(port uint16) string { return fmt.Sprintf("set the label %s to %d", label.Port, port) }
	if deaf := (deafness{ShortName(c), port, advise}).of(all); deaf != nil && !errors.Is(deaf, errListensNowhere) {
		return deaf
	}
	return nil
}

// checkOf is the check of a route: its health path, else what clients ask for first.
func checkOf(claim label.Claim, address netip.AddrPort) Check {
	c := Check{Address: address, Scheme: claim.Scheme, Host: claim.Key.Host, Path: claim.Policy.Check.Path, Timeout: claim.Policy.Check.Timeout}
	if c.Path == "" {
		c.Path = "/"
		if claim.Mount == route.Preserve {
			c.Path = claim.Key.Prefix.Slash()
		}
	}
	return c
}

// addressesOf are where the gateway may reach a route of a container, the most likely first: the network that its label
// names, edge networks, and others.
func addressesOf(c docker.Container, claim label.Claim, networks []docker.Network) []netip.AddrPort {
	port := claim.Port
	switch {
	case port != 0:
	case len(c.Ports) == 1:
		port = c.Ports[0]
	default:
		port = 80
	}
	rank := func(a docker.Attachment) int {
		i := slices.IndexFunc(networks, func(n docker.Network) bool { return n.Name == a.Network })
		switch {
		case claim.Network != "" && (a.Network == claim.Network || i >= 0 && networks[i].Labels[composeNetwork] == claim.Network):
			return 0
		case i >= 0 && networks[i].Labels[label.Role] == label.RoleEdge:
			return 1
		case i >= 0 && networks[i].Internal:
			return 3
		}
		return 2
	}
	attached := slices.Clone(c.Networks)
	slices.SortStableFunc(attached, func(a, b docker.Attachment) int { return rank(a) - rank(b) })
	var all []netip.AddrPort
	for _, a := range attached {
		if a.Address.IsValid() {
			all = append(all, netip.AddrPortFrom(a.Address, port))
		}
	}
	return all
}
