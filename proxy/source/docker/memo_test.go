package docker

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// edits are what may happen to a container or to its surroundings from one listing to the next.
var edits = []func(l *snapshot, c *docker.Container){
	func(*snapshot, *docker.Container) {},
	func(_ *snapshot, c *docker.Container) { c.State, c.Status = "exited", "Exited (1) 3 minutes ago" },
	func(_ *snapshot, c *docker.Container) { c.State, c.Status = "exited", "Exited (137) 3 minutes ago" },
	func(_ *snapshot, c *docker.Container) { c.State, c.Status = "running", "Up 3 seconds" },
	func(_ *snapshot, c *docker.Container) { c.Health = "unhealthy" },
	func(_ *snapshot, c *docker.Container) { c.Name += "x" },
	func(_ *snapshot, c *docker.Container) { c.Created = c.Created.AddDate(0, 0, 1) },
	func(_ *snapshot, c *docker.Container) { c.Ports = []uint16{8080} },
	func(_ *snapshot, c *docker.Container) { c.Ports = []uint16{8080, 9090} },
	func(_ *snapshot, c *docker.Container) { c.Networks = c.Networks[:1] },
	func(_ *snapshot, c *docker.Container) {
		c.Networks = slices.Clone(c.Networks)
		c.Networks[0].Address = netip.MustParseAddr("10.9.9.9")
	},
	func(_ *snapshot, c *docker.Container) {
		c.Labels = maps.Clone(c.Labels)
		c.Labels[label.Path] = "/moved"
	},
	func(_ *snapshot, c *docker.Container) {
		c.Labels = maps.Clone(c.Labels)
		delete(c.Labels, label.Path)
	},
	func(l *snapshot, _ *docker.Container) {
		l.networks[5].Labels = map[string]string{label.Role: label.RoleEdge}
	},
	func(l *snapshot, _ *docker.Container) { own(l, "p", "x", "y") },
	func(l *snapshot, _ *docker.Container) { own(l, "p", "x") },
	func(l *snapshot, _ *docker.Container) { own(l, "", "x", "y") },
	func(l *snapshot, _ *docker.Container) { l.networks[6].Created = l.networks[6].Created.AddDate(0, 0, 1) },
	func(l *snapshot, _ *docker.Container) { l.networks = l.networks[:len(l.networks)-1] },
	func(l *snapshot, _ *docker.Container) { l.containers[0].Networks = proxyBox("y").Networks },
	func(l *snapshot, _ *docker.Container) { l.containers = l.containers[:len(l.containers)-1] },
}

func TestMemo_ChangesNothingButTheCost(t *testing.T) {
	fresh := func() *snapshot {
		l := world(proxyBox("x"))
		for _, name := range []string{"a", "b", "c"} {
			c := box(map[string]string{label.Path: "/" + name, composeProject: "p"}, "x", "y")
			c.ID, c.Name = "id-"+name, name
			l.containers = append(l.containers, c)
		}
		return l
	}
	random := rand.New(rand.NewPCG(1, 2))
	var m memo
	l := fresh()
	for round := range 5000 {
		if round%7 == 0 {
			l = fresh()
		}
		// The listing before is still remembered, so its parts must not be changed under it.
		l = &snapshot{networks: slices.Clone(l.networks), containers: slices.Clone(l.containers)}
		if last := len(l.containers) - 1; last > 0 {
			edit := random.IntN(len(edits))
			edits[edit](l, &l.containers[1+random.IntN(last)])
		}
		got, want := newObservation(l, true, &m), newObservation(l, true, nil)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: got %+v, %+v\nwant %+v, %+v", round, got.found, got.problems, want.found, want.problems)
		}
	}
}

func TestMemo_ForgetsWhatIsGone(t *testing.T) {
	var m memo
	newObservation(world(box(nil, "x")), false, &m)
	if len(m.before) != 1 {
		t.Fatalf("it remembers %d", len(m.before))
	}
	for range 2 {
		newObservation(world(), false, &m)
	}
	if len(m.before)+len(m.now) != 0 {
		t.Errorf("it remembers %d", len(m.before)+len(m.now))
	}
}
