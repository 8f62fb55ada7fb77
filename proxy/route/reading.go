package route

import (
	"slices"
	"strings"
)

// maxReadings bounds how many places of a table one path may be for at a time while it is read, and maxSteps how many
// steps it takes to read it: more than any path of a client, and less than a millisecond.
const (
	maxReadings = 32
	maxSteps    = 1 << 14
)

// Readings returns the routes that an app could take the path for, when it reads paths more freely than Match does:
// apps decode escapes (also twice, and overlong UTF-8), take a backslash for a slash, collapse slashes, resolve dot
// segments before or after all that or not at all, cut parameters ("admin;x"), trailing dots and blanks, what follows
// a NUL, "?" or "#", and take what follows "//" for a host. Letter case is never ignored. The routes come in no order
// and may include that of Match.
//
// An ordinary path has no second reading: for one, nothing is returned and nothing allocated. It reports false when
// there are more ways to read the path than it follows; no client builds such a path by accident.
func (t *Table) Readings(host string, path Path) (routes []*Route, ok bool) {
	if !path.odd {
		return nil, true
	}
	elsewhere := true
	if tree := t.trees[host]; tree != nil && host != "" {
		found, ok := tree.read(path.Raw)
		if !ok {
			return nil, false
		}
		routes, elsewhere = owners(nil, found)
	}
	if tree := t.trees[""]; tree != nil && elsewhere {
		found, ok := tree.read(path.Raw)
		if !ok {
			return nil, false
		}
		routes, _ = owners(routes, found)
	}
	return routes, true
}

// Odd reports whether Readings may return anything for the path.
func (p Path) Odd() bool { return p.odd }

// owners adds the routes that hold the branches. It reports whether there is a branch that none holds.
func owners(routes []*Route, found []*branch) (_ []*Route, unowned bool) {
	for _, b := range found {
		for b != nil && b.routes == nil {
			b = b.parent
		}
		if b == nil {
			unowned = true
			continue
		}
		for _, r := range b.routes {
			if !slices.Contains(routes, r) {
				routes = append(routes, r)
			}
		}
	}
	return routes, unowned
}

// branch is a path of decoded segments that the prefix of a route begins with or is.
type branch struct {
	parent   *branch
	children map[string]*branch
	// routes are those with exactly this prefix. They are several when only their escapes differ.
	routes []*Route
}

// plant adds a route to the tree.
func (b *branch) plant(r *Route) {
	if !r.Prefix.Root() {
		for segment := range strings.SplitSeq(r.Prefix.path[1:], "/") {
			name := unescape(segment)
			child := b.children[name]
			if child == nil {
				child = &branch{parent: b}
				if b.children == nil {
					b.children = map[string]*branch{}
				}
				b.children[name] = child
			}
			b = child
		}
	}
	b.routes = append(b.routes, r)
}

// spot is where a reading of the first part of a path has led: so many segments beyond a branch, which has no child of
// the first of their names.
type spot struct {
	at     *branch
	beyond int
}

// reader follows all readings of a path at once, part by part.
type reader struct {
	spots, next []spot
	found       []*branch
	// climbs is how many ".." may still come, and steps how many were taken.
	climbs, steps int
	// host reports that the next part comes behind "//", where some look for a host.
	host bool
}

// read returns the branches that readings of the path end at or beyond. It reports false when there are too many.
func (b *branch) read(raw string) ([]*branch, bool) {
	r := reader{spots: []spot{{at: b}}, climbs: climbs(raw)}
	for part := range strings.SplitSeq(raw[1:], "/") {
		r.part(part)
		if r.tooMany() {
			return nil, false
		}
		if len(r.spots) == 0 {
			break
		}
	}
	r.keep()
	return r.found, true
}

// tooMany reports that there are more readings, or longer ones, than are followed.
func (r *reader) tooMany() bool { return len(r.spots) > maxReadings || r.steps > maxSteps }

// climbs is how often a path may climb at most.
func climbs(s string) int { return strings.Count(liberal(s), "..") }

// keep notes that readings may end where they are.
func (r *reader) keep() {
	for _, s := range r.spots {
		r.end(s.at)
	}
}

func (r *reader) end(b *branch) {
	if !slices.Contains(r.found, b) {
		r.found = append(r.found, b)
	}
}

// part goes on with what stands between two plain slashes.
func (r *reader) part(part string) {
	host := r.host
	r.host = part == ""
	if host {
		r.next = append(r.next, r.spots...)
	}
	if part != "" && !ambiguous(part) {
		for _, s := range r.spots {
			r.enter(s, part)
		}
		r.turn()
		return
	}
	once, free := unescape(part), liberal(part)
	if pieces := strings.Split(strings.ReplaceAll(free, `\`, "/"), "/"); len(pieces) > 1 {
		r.pieces(once, pieces, host)
		r.host = pieces[len(pieces)-1] == ""
	} else {
		for _, s := range r.spots {
			r.segment(s, once, free)
		}
		r.turn()
	}
	r.climbs -= strings.Count(free, "..")
	if strings.ContainsAny(free, "\x00?#") {
		r.keep()
	}
}

// ambiguous reports whether a part may be other than one segment of that name to somebody.
func ambiguous(part string) bool {
	for i := range len(part) {
		if c := part[i]; c >= 0x80 || strings.IndexByte(`%\;#. `, c) >= 0 {
			return true
		}
	}
	return false
}

// pieces goes on with a part that some servers take for several segments, and others for one or fewer.
func (r *reader) pieces(whole string, pieces []string, host bool) {
	before := r.next
	r.next = nil
	start := slices.Clone(r.spots)
	for i, piece := range pieces {
		for _, s := range r.spots {
			r.segment(s, piece, piece)
			r.leave(s)
			if i > 0 || host {
				r.add(s)
			}
		}
		r.turn()
		if r.tooMany() {
			return
		}
	}
	r.next = append(before, r.spots...)
	for _, s := range start {
		r.enter(s, whole)
	}
	r.turn()
}

// segment goes on with one segment, as it reads when decoded once and when decoded freely.
func (r *reader) segment(s spot, once, free string) {
	name := bare(free)
	switch strings.TrimRight(name, " \t") {
	case "", ".":
		r.add(s)
		r.leave(s)
	case "..":
		r.climb(s)
		r.leave(s)
	default:
		r.enter(s, once, free, name, strings.TrimRight(name, ". \t"))
	}
}

// enter goes down to the children of those names. Who takes the first name for what it is may find none.
func (r *reader) enter(s spot, names ...string) {
	if s.beyond > 0 {
		r.leave(s)
		return
	}
	for _, name := range names {
		if child := s.at.children[name]; child != nil {
			r.add(spot{at: child})
		}
	}
	if s.at.children[names[0]] == nil {
		r.leave(s)
	}
}

// leave goes on with a segment that no branch has.
func (r *reader) leave(s spot) { r.add(spot{s.at, s.beyond + 1}) }

// climb goes back by one segment.
func (r *reader) climb(s spot) {
	switch {
	case s.beyond > 0:
		r.add(spot{s.at, s.beyond - 1})
	case s.at.parent != nil:
		r.add(spot{at: s.at.parent})
	default:
		r.add(s)
	}
}

// add notes where a reading has led. One that can never come back to its branch ends there.
func (r *reader) add(s spot) {
	r.steps++
	switch {
	case s.beyond > r.climbs:
		r.end(s.at)
	case !slices.Contains(r.next, s):
		r.next = append(r.next, s)
	}
}

// turn goes on from what was added.
func (r *reader) turn() { r.spots, r.next = r.next, r.spots[:0] }
