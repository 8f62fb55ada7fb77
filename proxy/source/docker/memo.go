package docker

import (
	"maps"
	"reflect"
	"slices"

	"gateway/proxy/docker"
)

// memo keeps what was found out about containers for as long as neither they nor the networks change: of a thousand
// containers one event concerns one. A nil memo remembers nothing.
type memo struct {
	view *view
	// before is what the last listing had, now what this one has so far, by full ids.
	before, now map[string]remembered
}

type remembered struct {
	container docker.Container
	crash     crash
	examined  examined
}

// begin starts a listing.
func (m *memo) begin(v *view) {
	if m == nil {
		return
	}
	if m.view == nil || !m.view.same(v) {
		clear(m.before)
	}
	m.view = v
	if m.now == nil {
		m.now = make(map[string]remembered, len(m.before))
	}
}

// end forgets what was not in the listing.
func (m *memo) end() {
	if m == nil {
		return
	}
	m.before, m.now = m.now, m.before
	clear(m.now)
}

// lookup returns what was found out about a container that did not change.
func (m *memo) lookup(c *docker.Container, x crash) (examined, bool) {
	if m == nil {
		return examined{}, false
	}
	old, known := m.before[c.ID]
	if !known || old.crash != x || !alike(&old.container, c) {
		return examined{}, false
	}
	return old.examined, true
}

func (m *memo) keep(c *docker.Container, x crash, e examined) {
	if m != nil {
		m.now[c.ID] = remembered{*c, x, e}
	}
}

// alike reports whether two listings of one container say the same, as far as the rules ask. The status of one that
// runs is only how long it does.
func alike(a, b *docker.Container) bool {
	return a.State == b.State && a.Health == b.Health && a.Name == b.Name && a.Created.Equal(b.Created) &&
		(a.State == "running" || words(a) == words(b)) &&
		slices.Equal(a.Networks, b.Networks) && slices.Equal(a.Ports, b.Ports) && alikeLabels(a.Labels, b.Labels)
}

// alikeLabels takes the short way when both are one map, as they are when the engine said the same twice.
func alikeLabels(a, b map[string]string) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() || maps.Equal(a, b)
}
