// Package mapping translates URLs in header fields between the client's view and the app's. The client reaches the app by
// the scheme and the host of its request, below the prefix of the route. The app may assume that it is mounted at "/", that
// there is no TLS, or that clients use its own host or port. The package edits raw text and never rebuilds a value, so that
// all that it does not know passes byte for byte. Mapping a mapped value changes nothing. Package header lists what each
// field contains.
//
// The policy worth stating: only what is provably an address of the app changes. A URL with a host is one when the host is
// the client's or a name of the target, and the port is the client's or the target's.
package mapping

import (
	"strings"
	"unsafe"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// Routes looks up the other routes of the table.
type Routes interface {
	// Foreign reports whether a root-relative path, without its query, belongs to a route of another app. A route at "/"
	// does not count.
	Foreign(path string) bool
	// Inner returns the app's path for a path of the client, both without their query. It reports false when that path
	// belongs to another app, or leaves its route through dot segments.
	Inner(path string) (string, bool)
}

// Map maps the URLs of one app for one client. It is used by one goroutine at a time, and may be used again for another app
// and client after Reset. Mapped values may be borrowed from its memory: they are valid until Reset.
type Map struct {
	// App is the part that does not depend on the client.
	App *App
	// Secure reports that the client uses TLS. Host is the Host field as the client sent it, which the app gets too.
	Secure bool
	Host   string
	// Port is the client's as a trusted proxy says, empty if that of Host is right.
	Port string
	// Path is the path of the request as the client sent it, Asked the path of the request to the app.
	Path, Asked string
	// Routes may be nil: every path belongs to the app then.
	Routes Routes

	// buf is where mapped values are written. Bytes below its length never change.
	buf []byte
}

// maxBuf is the most memory that Reset keeps.
const maxBuf = 16 << 10

// Reset clears the Map, and keeps its memory for later use.
func (m *Map) Reset() {
	buf := m.buf[:0]
	if cap(buf) > maxBuf {
		buf = nil
	}
	*m = Map{buf: buf}
}

// join concatenates the parts.
func (m *Map) join(parts ...string) string {
	start := len(m.buf)
	for _, part := range parts {
		m.buf = append(m.buf, part...)
	}
	return m.written(start)
}

// written is what was written from start on. When buf grows, values in the old one keep it alive.
func (m *Map) written(start int) string {
	return unsafe.String(unsafe.SliceData(m.buf[start:]), len(m.buf)-start)
}

// URL maps one URL reference of the app to that for the client. Relative references, those of other sites, and paths that
// belong to another route do not change.
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
	scheme, host := m.origin(authority, secure)
	return m.site(u, scheme, host, m.absolutePath(rest, whose), authority, rest)
}

// origin returns the client's scheme and host for an authority of the app.
func (m *Map) origin(authority string, secure bool) (scheme, host string) {
	switch {
	case m.Secure:
		return "https://", m.hostFor(authority)
	case secure && !m.App.Secure && m.Host != "" && sameName(hostOf(authority), hostOf(m.Host)):
		// The app upgrades the client to https. Mapped to http, that would never end.
		if samePort(portOf(authority), portOf(m.Host)) {
			return "https://", m.Host
		}
		return "https://", hostOf(m.Host)
	}
	return "http://", m.hostFor(authority)
}

// hostFor is the client's host. The authority stays if it has the port that a trusted proxy says the client uses.
func (m *Map) hostFor(authority string) string {
	if m.Port != "" && portOf(authority) == m.Port && sameName(hostOf(authority), hostOf(m.Host)) {
		return authority
	}
	return m.Host
}

// site is the URL u, of that authority and rest, with a new scheme, host and path. A client without a Host gets a
// root-relative URL.
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

// path maps a root-relative reference to one of the owner.
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

// slashed reports whether the path is that of the request to the app with a slash appended: it belongs to the app, even if
// another route has the same prefix.
func (m *Map) slashed(path string) bool {
	return m.Asked != "" && len(path) == len(m.Asked)+1 && path[len(path)-1] == '/' && path[:len(m.Asked)] == m.Asked
}

// under reports whether the path is below the prefix already, on a segment boundary and however it is escaped.
func (m *Map) under(path string) bool {
	if parsed, err := route.ParsePath(path); err == nil {
		return m.App.Prefix.Contains(parsed.Normal)
	}
	return m.App.Prefix.Contains(path)
}

// page maps the URL of the client's page, as in Referer: it removes the prefix from URLs of this site. Scheme and host stay,
// since apps compare them with X-Forwarded-Proto and -Host.
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

// below is the path without the prefix. It reports false when the path is not below it.
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

// resource maps the URL of another resource of this site to that of a request to the app for it, with its scheme, host and
// path (RFC 4918 section 10.3). A path without a host stays one. URLs that are not the app's do not change.
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

// here returns the path of a URL of this site, and reports whether it is one.
func (m *Map) here(u string) (path string, absolute, is bool) {
	authority, rest, _, absolute := splitURL(u)
	if absolute {
		return rest, true, m.client(authority)
	}
	return u, false, strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//")
}

// inner splits a reference before its query and maps the path to the app's.
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

// ForeignDestination reports whether the Destination of a request is a resource of another app of this site. RFC 4918
// sections 9.8.5 and 9.9.4 have 502 for that; the app might take it for one of its own.
func (m *Map) ForeignDestination(h header.Header) bool {
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
