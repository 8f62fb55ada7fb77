package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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

// answering returns when all routes of a project's containers answer, each at the container's own address. Redirects need
// none.
func (l Life) answering(ctx context.Context, name Name, containers []docker.Container) error {
	for _, c := range containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			if claim.Policy.Redirect != "" {
				continue // The gateway answers by itself.
			}
			if err := l.answersAt(ctx, name, c, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

// answersAt returns when one route of a container answers. One that stops and is started again may get another address.
func (l Life) answersAt(ctx context.Context, name Name, c docker.Container, claim label.Claim) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startsIn(claim), errLate)
	defer cancel()
	var failing, crashed time.Time
	why := "it has no address"
	for begun := time.Now(); ; {
		running, err := Look(ctx, l.Engine, name)
		if err != nil && ctx.Err() == nil {
			return err
		}
		now := c
		for _, one := range running.Containers {
			if one.ID == c.ID {
				now = one
			}
		}
		switch {
		case strings.HasPrefix(now.Status, "Exited (0)"):
			return nil // What is to end did, or somebody else says so.
		case stopped(now) && crashed.IsZero():
			crashed = time.Now()
		}
		if !crashed.IsZero() && time.Since(crashed) > running.patience() {
			return fmt.Errorf("container %s does not keep running (%s)", ShortName(now), now.Status)
		}
		var answers bool
		addresses := addressesOf(now, claim, running.Networks)
		if answers, why, err = l.ask(ctx, claim, addresses, &failing, why); answers || errors.Is(err, ErrNoChecks) {
			return nil
		}
		if time.Since(begun) > deafFor && len(addresses) > 0 {
			if err := l.deafAt(ctx, now, addresses[0].Port()); err != nil {
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

// startsIn is how long the app of a route may take to answer.
func startsIn(claim label.Claim) time.Duration {
	return cmp.Or(claim.Policy.Check.Start, readyTimeout)
}

// ask asks a route at addresses until one answers, and reports whether that is an answer of an app that works. Else it says
// why not. Failing is since when it answers with errors.
func (l Life) ask(ctx context.Context, claim label.Claim, addresses []netip.AddrPort, failing *time.Time, before string) (ok bool, why string, err error) {
	why = before
	for _, address := range addresses {
		check := checkOf(claim, address)
		status, err := l.Gateway.Check(ctx, check)
		if errors.Is(err, ErrNoChecks) {
			return false, why, err
		}
		if err != nil {
			why = err.Error()
			continue
		}
		if failing.IsZero() {
			*failing = time.Now()
		}
		checked := claim.Policy.Check.Path != ""
		ok = checked && status >= 200 && status < 400 ||
			!checked && (status < 500 || status == 500 && time.Since(*failing) > answerFor)
		return ok, fmt.Sprintf("GET %s answers %d", check.Path, status), nil
	}
	return false, why, nil
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
