package docker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
)

// freeSubnet is one of 10.214.0.0/16's /27, so that runs rarely meet.
func freeSubnet() netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("10.214.%d.%d/27", rand.IntN(256), rand.IntN(8)*32))
}

func TestCreateNetwork_KeepsWhatWasAsked(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		subnet := freeSubnet()
		name, id := l.network(t, docker.NetworkSpec{Name: unique("net"), Internal: true, Labels: map[string]string{"gateway.role": "edge"}, Subnet: subnet})
		list, err := l.client.Networks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(list, func(n docker.Network) bool { return n.ID == id })
		if at < 0 {
			t.Fatalf("network %s is not listed", id)
		}
		n := list[at]
		if n.Name != name || n.Driver != "bridge" || !n.Internal || n.Labels["gateway.role"] != "edge" || !slices.Equal(n.Subnets, []netip.Prefix{subnet}) {
			t.Errorf("listed as %+v", n)
		}
		if age := time.Since(n.Created); age < -time.Minute || age > time.Minute {
			t.Errorf("created %v ago", age)
		}
		for _, predefined := range []string{"bridge", "host", "none"} {
			if !slices.ContainsFunc(list, func(n docker.Network) bool { return n.Name == predefined }) {
				t.Errorf("%s is not listed", predefined)
			}
		}
	})
}

func TestCreateNetwork_RefusesTakenNamesAndOverlaps(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		subnet := freeSubnet()
		name, _ := l.network(t, docker.NetworkSpec{Subnet: subnet})
		if _, err := l.client.CreateNetwork(t.Context(), docker.NetworkSpec{Name: name}); !errors.Is(err, docker.ErrNameTaken) {
			t.Errorf("a taken name: %v", err)
		}
		inside := netip.PrefixFrom(subnet.Addr(), 28)
		if _, err := l.client.CreateNetwork(t.Context(), docker.NetworkSpec{Name: unique("net"), Subnet: inside}); !errors.Is(err, docker.ErrOverlap) {
			t.Errorf("an overlap: %v", err)
		}
		// The engine is asked by the address in it, however it was written.
		odd := netip.PrefixFrom(subnet.Addr().Next(), 27)
		if _, err := l.client.CreateNetwork(t.Context(), docker.NetworkSpec{Name: unique("net"), Subnet: odd}); !errors.Is(err, docker.ErrOverlap) {
			t.Errorf("an overlap with host bits: %v", err)
		}
	})
}

func TestRemoveNetwork_SaysInUse(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		name, _ := l.network(t, docker.NetworkSpec{})
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Network: name})
		if err := l.client.RemoveNetwork(t.Context(), name); !errors.Is(err, docker.ErrInUse) {
			t.Errorf("removing a network in use: %v", err)
		}
		if err := l.client.Remove(t.Context(), c.ID, 0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.client.RemoveNetwork(t.Context(), name); err != nil {
				t.Errorf("removing an empty network: %v", err)
			}
		}
		if err := l.client.RemoveNetwork(t.Context(), ""); err != nil {
			t.Error(err)
		}
	})
}

func TestConnect_IsIdempotent(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		name, id := l.network(t, docker.NetworkSpec{})
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		for _, network := range []string{name, id, name} {
			if err := l.client.Connect(t.Context(), network, c.Name, []string{"example.org"}); err != nil {
				t.Fatal(err)
			}
		}
		got := l.listed(t, c.ID)
		if len(got.Networks) != 2 || !slices.ContainsFunc(got.Networks, func(a docker.Attachment) bool {
			return a.Network == name && a.NetworkID == id && a.Address.IsValid()
		}) {
			t.Fatalf("listed on %v", got.Networks)
		}
		var seen struct {
			NetworkSettings struct {
				Networks map[string]struct{ Aliases []string }
			}
		}
		l.look(t, "/containers/"+c.ID+"/json", &seen)
		if aliases := seen.NetworkSettings.Networks[name].Aliases; !slices.Contains(aliases, "example.org") {
			t.Errorf("it answers to %q", aliases)
		}
		for range 2 {
			if err := l.client.Disconnect(t.Context(), name, c.Name); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.listed(t, c.ID); len(got.Networks) != 1 {
			t.Errorf("listed on %v after leaving", got.Networks)
		}
	})
}

func TestConnect_WorksOnAStoppedContainer(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		name, _ := l.network(t, docker.NetworkSpec{})
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		for range 2 {
			if err := l.client.Connect(t.Context(), name, c.ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.client.Connect(t.Context(), unique("none"), c.ID, nil); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a network that is not there: %v", err)
		}
		l.raw(t, "POST", "/containers/"+c.ID+"/start")
		if got := l.listed(t, c.ID); len(got.Networks) != 2 || !got.Networks[0].Address.IsValid() || !got.Networks[1].Address.IsValid() {
			t.Errorf("listed on %v", got.Networks)
		}
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		for range 2 {
			if err := l.client.Disconnect(t.Context(), name, c.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestConnect_SaysNotFound(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		name, _ := l.network(t, docker.NetworkSpec{})
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		for _, pair := range [][2]string{{unique("none"), c.Name}, {name, unique("none")}, {"", c.Name}, {name, ""}} {
			if err := l.client.Connect(t.Context(), pair[0], pair[1], nil); !errors.Is(err, docker.ErrNotFound) {
				t.Errorf("connecting %q: %v", pair, err)
			}
			if err := l.client.Disconnect(t.Context(), pair[0], pair[1]); err != nil {
				t.Errorf("disconnecting %q: %v", pair, err)
			}
		}
	})
}

func TestRun_TakesTheNetworkItIsGiven(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Network: "none"})
		if len(c.Networks) != 1 || c.Networks[0].Network != "none" || c.Networks[0].Address.IsValid() {
			t.Errorf("it runs on %v", c.Networks)
		}
		missing := docker.Spec{Name: unique("box"), Image: l.image, Command: []string{"serve"}, Network: unique("none")}
		if _, err := l.client.Run(t.Context(), missing); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a network that is not there: %v", err)
		}
		if _, err := l.client.Container(context.Background(), missing.Name); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("what did not start is still there: %v", err)
		}
	})
}

func TestRun_SaysWhenANetworkIsFull(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		subnet := netip.PrefixFrom(freeSubnet().Addr(), 30) // the gateway and one more
		name, _ := l.network(t, docker.NetworkSpec{Subnet: subnet})
		first := l.run(t, docker.Spec{Command: []string{"serve"}, Network: name})
		if want := subnet.Addr().Next().Next(); first.Networks[0].Address != want {
			t.Errorf("the first has %v, not %v", first.Networks[0].Address, want)
		}
		if err := l.client.Connect(t.Context(), name, l.run(t, docker.Spec{Command: []string{"serve"}}).ID, nil); err == nil || !strings.Contains(err.Error(), "no available IPv4 addresses") {
			t.Errorf("connecting a second: %v", err)
		}
		second := docker.Spec{Name: unique("box"), Image: l.image, Command: []string{"serve"}, Network: name}
		if _, err := l.client.Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "no available IPv4 addresses") {
			t.Errorf("running a second: %v", err)
		}
		l.raw(t, "POST", "/containers/"+first.ID+"/stop?t=5")
		if c := l.run(t, second); c.Networks[0].Address != subnet.Addr().Next().Next() {
			t.Errorf("the second has %v once the first stopped", c.Networks[0].Address)
		}
	})
}
