// Package mapping translates the headers of an app that believes it lives at "/" to the prefix under which visitors
// see it, and the few headers of visitors that name such addresses back. It edits raw text and never parses and rebuilds
// a value, so what it does not know passes byte for byte. Mapping what is mapped already changes nothing.
package mapping

import (
	"strings"
	"unsafe"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// Others knows the routes beside the one that a Map is of.
type Others interface {
	// Own reports that a root-relative path, without its query, belongs to another route than this one or the one at "/".
	Own(path string) bool
}

// Map is where one app is mounted, as one visitor sees it. It is used by one goroutine at a time, and again for another
// app and visitor after Reset. What it maps may be borrowed from memory of its own: it is valid until then.
type Map struct {
	// Prefix is the app's; for "/" only addresses of the container itself change.
	Prefix route.Prefix
	// Scheme and Host are the visitor's: "http" or "https", and the Host header as it was sent.
	Scheme, Host string
	// Target is the container's host:port.
	Target string
	// Others may be nil: no path belongs to another route then.
	Others Others

	// room is where mapped values are written. Only the part behind its length is ever written to.
	room []byte
}

// roomMost is the most memory that is kept for another use.
const roomMost = 16 << 10

// Reset forgets everything but the memory of what was mapped, which is used again.
func (m *Map) Reset() {
	room := m.room[:0]
	if cap(room) > roomMost {
		room = nil
	}
	*m = Map{room: room}
}

// join writes the parts behind each other.
func (m *Map) join(parts ...string) string {
	start := len(m.room)
	for _, part := range parts {
		m.room = append(m.room, part...)
	}
	return m.written(start)
}

// written is what is in the room from start on. When the room moves, what was mapped before keeps the old one alive.
func (m *Map) written(start int) string {
	return unsafe.String(unsafe.SliceData(m.room[start:]), len(m.room)-start)
}

// URL maps one URL reference of the app. Relative ones, those of other sites, and what belongs to another route stay
// as they are.
func (m *Map) URL(u string) string {
	switch {
	case strings.HasPrefix(u, "//"):
		authority, rest := splitAuthority(u[2:])
		if m.ours(authority) {
			return m.site(u, "//", authority, rest)
		}
	case strings.HasPrefix(u, "/"):
		return m.path(u)
	default:
		return m.absolute(u)
	}
	return u
}

// absolute maps a URL that has a scheme, if it is http or https and names this site or the container.
func (m *Map) absolute(u string) string {
	scheme, rest, found := strings.Cut(u, "://")
	secure := strings.EqualFold(scheme, "https")
	if !found || !secure && !strings.EqualFold(scheme, "http") {
		return u
	}
	authority, rest := splitAuthority(rest)
	if !m.ours(authority) {
		return u
	}
	outer := m.Scheme
	if secure && sameHost(authority, m.Host) {
		// An app that sends visitors of this very host to https means it: mapped to http it would do so forever.
		outer = "https"
	}
	if outer == "https" {
		return m.site(u, "https://", authority, rest)
	}
	return m.site(u, "http://", authority, rest)
}

// site is u, which is an address of the app, as the visitor knows it. One who gave no name of the site gets a
// root-relative address.
func (m *Map) site(u, scheme, authority, rest string) string {
	path := m.absolutePath(rest)
	switch {
	case m.Host == "":
		return path
	case authority == m.Host && path == rest && strings.HasPrefix(u, scheme):
		return u
	}
	return m.join(scheme, m.Host, path)
}

// splitAuthority cuts what follows "//" before its path, query or fragment.
func splitAuthority(s string) (authority, rest string) {
	for i := range len(s) {
		if c := s[i]; c == '/' || c == '?' || c == '#' || c == '\\' {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// ours reports whether the authority is that of the site or of the container.
func (m *Map) ours(authority string) bool {
	return plainHost(authority) != "" && (sameHost(authority, m.Host) || sameHost(authority, m.Target))
}

// sameHost compares host and port; the default ports count as none, since apps behind a gateway mix them up.
func sameHost(a, b string) bool { return header.EqualFold(plainHost(a), plainHost(b)) }

func plainHost(authority string) string {
	host := strings.TrimSuffix(authority, ":80")
	host = strings.TrimSuffix(host, ":443")
	return strings.TrimSuffix(strings.TrimSuffix(host, ":"), ".")
}

// absolutePath maps what follows an authority.
func (m *Map) absolutePath(rest string) string {
	if strings.HasPrefix(rest, "/") {
		return m.path(rest)
	}
	if strings.HasPrefix(rest, "\\") {
		return rest
	}
	if m.Prefix.Root() {
		return m.join("/", rest)
	}
	return m.join(m.Prefix.String(), "/", rest)
}

// path maps a root-relative reference.
func (m *Map) path(ref string) string {
	if m.Prefix.Root() {
		return ref
	}
	path, _ := splitPath(ref)
	if m.under(path) || m.Others != nil && m.Others.Own(path) {
		return ref
	}
	return m.join(m.Prefix.String(), ref)
}

// splitPath cuts a reference before its query or fragment.
func splitPath(ref string) (path, rest string) {
	for i := range len(ref) {
		if ref[i] == '?' || ref[i] == '#' {
			return ref[:i], ref[i:]
		}
	}
	return ref, ""
}

// under reports whether the path lies under the prefix already, on a segment boundary and however it is escaped.
func (m *Map) under(path string) bool {
	if parsed, err := route.ParsePath(path); err == nil {
		return m.Prefix.Contains(parsed.Normal)
	}
	return m.Prefix.Contains(path)
}

// inner maps a URL of a visitor to what the app knows: this site's addresses under the prefix lose it.
func (m *Map) inner(u string) string {
	start := 0
	if scheme, rest, found := strings.Cut(u, "://"); found && !strings.HasPrefix(u, "/") {
		authority, path := splitAuthority(rest)
		if !sameHost(authority, m.Host) {
			return u
		}
		start = len(scheme) + len("://") + len(u[len(scheme)+len("://"):]) - len(path)
	}
	path, rest := splitPath(u[start:])
	parsed, err := route.ParsePath(path)
	if err != nil || m.Prefix.Root() || !m.Prefix.Contains(parsed.Normal) {
		return u
	}
	below := parsed.After(m.Prefix.Depth())
	if below == "" {
		below = "/"
	}
	return m.join(u[:start], below, rest)
}
