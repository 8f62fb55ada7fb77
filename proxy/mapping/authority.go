package mapping

import (
	"net/netip"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// App is the names and the mount of an app, for one of its targets. It is built once per table, immutable and safe for
// concurrent use.
type App struct {
	// Prefix is the one of the route.
	Prefix route.Prefix
	// Strip reports that the app does not see the prefix.
	Strip bool
	// Secure reports that the target speaks TLS.
	Secure bool
	// Origin reports that the app may send fields that apply to the whole origin.
	Origin bool

	address, host, port string
	service, name, id   string
}

// NewApp returns the App of a route's target.
func NewApp(r *route.Route, t *route.Target) *App {
	a := &App{
		Prefix: r.Prefix, Strip: r.Mount != route.Preserve, Secure: t.Scheme == route.HTTPS, Origin: r.Prefix.Root() || r.KeepOrigin,
		address: t.Address, service: r.Service, name: t.Name, id: t.ID,
	}
	if host, port, ok := splitPort(t.Address); ok {
		a.host, a.port = host, port
	}
	return a
}

// strips reports whether the paths of requests to the app differ from the client's.
func (a *App) strips() bool { return a.Strip && !a.Prefix.Root() }

// named reports whether the host may be the app's own: the target's address, its names on its networks, or the loopback.
// Names with a dot do not count as those of containers, since sites have such names too.
func (a *App) named(host string) bool {
	if sameName(host, a.host) || loopback(host) {
		return true
	}
	if strings.IndexByte(host, '.') >= 0 {
		return false
	}
	return header.EqualFold(host, a.service) || header.EqualFold(host, a.name) || header.EqualFold(host, a.id)
}

// loopback reports whether the host is a loopback or an unspecified address.
func loopback(host string) bool {
	if header.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	if !strings.HasPrefix(host, "127.") && host != "0.0.0.0" && host != "[::1]" && host != "[::]" {
		return false
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}

// owner is whose an authority is.
type owner int

const (
	// foreign is another site.
	foreign owner = iota
	// site is the one that the client sees, with all its routes.
	site
	// app is the app alone, by a host or a port that only it has: all paths there belong to it.
	app
)

// whose returns the owner of an authority in a URL of the app; rest is what follows it.
func (m *Map) whose(authority, rest string, secure bool) owner {
	host, port, ok := splitPort(authority)
	if !ok {
		return foreign
	}
	clients := samePort(port, portOf(m.Host)) || m.Port != "" && port == m.Port
	targets := m.App.port != "" && effective(port, secure) == m.App.port
	switch {
	case m.Host != "" && sameName(host, hostOf(m.Host)):
		switch {
		case clients:
			return site
		case targets:
			return app
		case samePort(port, "") && (m.Secure || !secure):
			// The app dropped the port. From a port without TLS to https may lead to another server.
			return site
		}
	case (clients || targets) && m.App.named(host) && !(loopback(host) && authorizes(rest)):
		return app
	}
	return foreign
}

// authorizes reports whether a URL is an authorization response, for which a program on the client's machine may listen on a
// loopback address (RFC 8252 section 7.3).
func authorizes(rest string) bool {
	for i := range len(rest) {
		if strings.IndexByte("?&#", rest[i]) < 0 {
			continue
		}
		for _, name := range [...]string{"code=", "state=", "access_token=", "id_token="} {
			if strings.HasPrefix(rest[i+1:], name) {
				return true
			}
		}
	}
	return false
}

// client reports whether the authority is that of the client's request.
func (m *Map) client(authority string) bool {
	host, port, ok := splitPort(authority)
	return ok && m.Host != "" && sameName(host, hostOf(m.Host)) && (samePort(port, portOf(m.Host)) || m.Port != "" && port == m.Port)
}

// splitURL cuts an http or https URL behind its scheme and authority.
func splitURL(u string) (authority, rest string, secure, is bool) {
	scheme, after, found := strings.Cut(u, "://")
	secure = header.EqualFold(scheme, "https")
	if !found || !secure && !header.EqualFold(scheme, "http") {
		return "", "", false, false
	}
	authority, rest = splitAuthority(after)
	return authority, rest, secure, true
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

// splitPath cuts a reference before its query or fragment.
func splitPath(ref string) (path, rest string) {
	for i := range len(ref) {
		if ref[i] == '?' || ref[i] == '#' {
			return ref[:i], ref[i:]
		}
	}
	return ref, ""
}

// splitPort cuts an authority before its port. It reports false when the authority has a user, no host, or no number
// where the port is.
func splitPort(authority string) (host, port string, ok bool) {
	host = authority
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return "", "", false
		}
	}
	if host == "" || host == "." || strings.IndexByte(host, '@') >= 0 || host[0] != '[' && strings.IndexByte(host, ':') >= 0 {
		return "", "", false
	}
	return host, port, true
}

func hostOf(authority string) string {
	host, _, _ := splitPort(authority)
	return host
}

func portOf(authority string) string {
	_, port, _ := splitPort(authority)
	return port
}

// sameName compares host names, ignoring case and a final dot.
func sameName(a, b string) bool {
	return header.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// samePort compares ports. The default ports of both schemes count as none, since apps behind a proxy mix them up.
func samePort(a, b string) bool { return notDefault(a) == notDefault(b) }

func notDefault(port string) string {
	if port == "80" || port == "443" {
		return ""
	}
	return port
}

// effective is the port of a URL.
func effective(port string, secure bool) string {
	switch {
	case port != "":
		return port
	case secure:
		return "443"
	}
	return "80"
}
