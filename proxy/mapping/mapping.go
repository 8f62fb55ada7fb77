// Package mapping knows how a client and an app call the same addresses, and translates them in the fields of requests
// and responses. The client calls the app by the scheme and the host of its request, below the prefix of the route. The
// app may believe that it lives at "/", that it is asked without TLS, or that clients reach it by its own host or port.
// The package edits raw text and never parses and rebuilds a value, so what it does not know passes byte for byte.
// Mapping what is mapped already changes nothing. Which field holds what is listed in package header.
//
// The policy: only what is provably an address of the app changes. A URL with a host is one when the host is the
// client's or a name of the target, and the port is the client's or the target's.
package mapping

import (
	"strings"
	"unsafe"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// Routes knows the table around the route that a Map is of.
type Routes interface {
	// Foreign reports whether a root-relative path, without its query, belongs to a route of another app. The one at "/"
	// is not another's.
	Foreign(path string) bool
	// Inner returns the path by which the app is asked for what clients call path, without its query. It reports false
	// when that path belongs to another app, or leaves its route through dot segments.
	Inner(path string) (string, bool)
}

// Map is where one app is mounted, as one client sees it. It is used by one goroutine at a time, and again for another
// app and client after Reset. What it maps may be borrowed from memory of its own: it is valid until then.
type Map struct {
	// App is what does not depend on the client.
	App *App
	// Secure reports that the client uses TLS. Host is the Host field as the client sent it, which the app gets too.
	Secure bool
	Host   string
	// Port is the one that a trusted proxy says the client uses, empty when the port of Host holds.
	Port string
	// Path is the path of the request as the client sent it, Asked the one that the app was asked for.
	Path, Asked string
	// Routes may be nil: every path belongs to the app then.
	Routes Routes

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

// URL maps one URL reference of the app to what the client calls it. Relative references, those of other sites, and
// paths that belong to another route stay as they are.
func (m *Map) URL(u string) string {
	switch {
	case strings.HasPrefix(u, "//"):
		authority, rest := splitAuthority(u[2:])
		if whose := m.whose(authority, rest, m.Secure); whose != foreign {
			return m.site(u, "//", m.Host, m.absolutePath(rest, whose), authority, rest)
		}
	case strings.HasPrefix(u, "/"):
		return m.path(u, site)
	default:
		return m.absolute(u)
	}
	return u
}

// absolute maps a URL that has a scheme, if it is http or https and names the app.
func (m *Map) absolute(u string) string {
	authority, rest, secure, is := splitURL(u)
	if !is {
		return u
	}
	whose := m.whose(authority, rest, secure)
	if whose == foreign {
		return u
	}
	scheme, host := m.place(authority, secure)
	return m.site(u, scheme, host, m.absolutePath(rest, whose), authority, rest)
}

// place returns the scheme and the host by which the client reaches what the app calls by this authority.
func (m *Map) place(authority string, secure bool) (scheme, host string) {
	switch {
	case m.Secure:
		return "https://", m.hostFor(authority)
	case secure && !m.App.Secure && m.Host != "" && sameName(hostOf(authority), hostOf(m.Host)):
		// An app that sends clients of this very host to https means it: mapped to http it would do so forever.
		if samePort(portOf(authority), portOf(m.Host)) {
			return "https://", m.Host
		}
		return "https://", hostOf(m.Host)
	}
	return "http://", m.hostFor(authority)
}

// hostFor is the client's host. Where a trusted proxy names the client's port and the app repeats it, it stays.
func (m *Map) hostFor(authority string) string {
	if m.Port != "" && portOf(authority) == m.Port && sameName(hostOf(authority), hostOf(m.Host)) {
		return authority
	}
	return m.Host
}

// site is the URL u, of the given authority and rest, with its new scheme, host and path. A client that named no host
// gets a root-relative address.
func (m *Map) site(u, scheme, host, path, authority, rest string) string {
	switch {
	case m.Host == "" && path == "":
		return "/"
	case m.Host == "":
		return path
	case authority == host && path == rest && strings.HasPrefix(u, scheme):
		return u
	}
	return m.join(scheme, host, path)
}

// absolutePath maps what follows an authority.
func (m *Map) absolutePath(rest string, whose owner) string {
	switch {
	case strings.HasPrefix(rest, "/"):
		return m.path(rest, whose)
	case strings.HasPrefix(rest, "\\"), rest == "" && !m.App.strips():
		return rest
	case !m.App.strips():
		return m.join("/", rest)
	}
	return m.join(m.App.Prefix.String(), "/", rest)
}

// path maps a root-relative reference to an address of the owner.
func (m *Map) path(ref string, whose owner) string {
	if !m.App.strips() {
		return ref
	}
	path, _ := splitPath(ref)
	if m.under(path) || whose == site && !m.slashed(path) && m.Routes != nil && m.Routes.Foreign(path) {
		return ref
	}
	return m.join(m.App.Prefix.String(), ref)
}

// slashed reports whether the path is the one that the app was asked for with a slash behind it: such an address is the
// app's own, whatever other route has the same name.
func (m *Map) slashed(path string) bool {
	return m.Asked != "" && len(path) == len(m.Asked)+1 && path[len(path)-1] == '/' && path[:len(m.Asked)] == m.Asked
}

// under reports whether the path lies under the prefix already, on a segment boundary and however it is escaped.
func (m *Map) under(path string) bool {
	if parsed, err := route.ParsePath(path); err == nil {
		return m.App.Prefix.Contains(parsed.Normal)
	}
	return m.App.Prefix.Contains(path)
}

// page maps the URL of a page that the client was on: this site's addresses under the prefix lose it. Scheme and host
// stay, since apps compare them with what X-Forwarded-Proto and -Host say.
func (m *Map) page(u string) string {
	start := 0
	if authority, path, _, is := splitURL(u); is {
		if !m.client(authority) {
			return u
		}
		start = len(u) - len(path)
	}
	path, rest := splitPath(u[start:])
	if below, is := m.below(path); is && m.App.strips() {
		return m.join(u[:start], below, rest)
	}
	return u
}

// below is the path without the prefix, and reports whether it has it.
func (m *Map) below(path string) (string, bool) {
	parsed, err := route.ParsePath(path)
	if err != nil || !m.App.Prefix.Contains(parsed.Normal) {
		return "", false
	}
	if !m.App.strips() {
		return path, true
	}
	if below := parsed.After(m.App.Prefix.Depth()); below != "" {
		return below, true
	}
	return "/", true
}

// resource maps the URL of another resource of this site to the one by which the app would be asked for it: with the
// scheme, the host and the path of such a request (RFC 4918 section 10.3). A path without a host stays one. What is not
// the app's stays as it is.
func (m *Map) resource(u string) string {
	path, absolute, here := m.here(u)
	if !here {
		return u
	}
	inner, tail, is := m.inner(path)
	switch {
	case !is:
		return u
	case !absolute:
		return m.join(inner, tail)
	case m.App.Secure:
		return m.join("https://", m.host(), inner, tail)
	}
	return m.join("http://", m.host(), inner, tail)
}

// here cuts a URL of this site before its path, and reports whether it is one.
func (m *Map) here(u string) (path string, absolute, is bool) {
	authority, rest, _, absolute := splitURL(u)
	if absolute {
		return rest, true, m.client(authority)
	}
	return u, false, strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//")
}

// inner splits a reference before its query and maps the path to what the app is asked for.
func (m *Map) inner(ref string) (path, tail string, is bool) {
	outer, tail := splitPath(ref)
	if outer == "" {
		outer = "/"
	}
	if m.Routes == nil {
		path, is = m.below(outer)
	} else {
		path, is = m.Routes.Inner(outer)
	}
	return path, tail, is
}

// host is the Host that the app gets.
func (m *Map) host() string {
	if m.Host == "" {
		return m.App.address
	}
	return m.Host
}

// Strays reports whether the Destination of a request is a resource of this site that another app has. RFC 4918 sections
// 9.8.5 and 9.9.4 have 502 for that; the app, asked without its prefix, might take it for one of its own.
func (m *Map) Strays(h header.Header) bool {
	destination, found := h.First(header.Destination)
	if !found {
		return false
	}
	path, _, here := m.here(destination)
	if !here {
		return false
	}
	_, _, is := m.inner(path)
	return !is
}
