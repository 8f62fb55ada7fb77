package label

import "strings"

// Next ends the name of a container that a deployment has not switched to yet.
const Next = ".next"

// Holding tells which deployments are held: the name of one of their containers ends in Next, or none of them was ever
// started. K identifies a deployment. The zero value knows no container.
type Holding[K comparable] struct{ waiting, started map[K]bool }

// Add adds a container of a deployment, with its name and its state.
func (h *Holding[K]) Add(of K, name, state string) {
	if h.waiting == nil {
		h.waiting, h.started = map[K]bool{}, map[K]bool{}
	}
	h.waiting[of] = h.waiting[of] || strings.HasSuffix(name, Next)
	h.started[of] = h.started[of] || state != "created"
}

// None reports that no container was added.
func (h *Holding[K]) None() bool { return h.started == nil }

// Held reports whether a deployment with a container is held.
func (h *Holding[K]) Held(of K) bool { return h.waiting[of] || !h.started[of] }
