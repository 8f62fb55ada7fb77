package filter

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/mapping"
	"gateway/proxy/page"
	"gateway/proxy/peer"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// Request is one request as its filters see it. It is used by one goroutine at a time, and again for another request
// after Reset.
type Request struct {
	// Exchange is the engine's. In its Request are the client's address, the scheme and the host as a trusted proxy says
	// them.
	Exchange *engine.Exchange
	// ID has 128 random bits in hexadecimal digits, and is borrowed as the strings of Exchange are.
	ID    string
	Began time.Time
	// Connection is the address of the connection, which is not the client's behind a trusted proxy; Trail is the proxies in
	// between then.
	Connection string
	Trail      peer.Trail
	// SchemeSaid reports that a trusted proxy said which scheme the client used.
	SchemeSaid bool
	// Port is the client's as a trusted proxy says, empty if none does.
	Port string
	// Host is that of Exchange in its canonical form.
	Host string
	// Table is nil as long as there is none. Route is nil as long as none matches; Rest is the path behind its prefix.
	Table *route.Table
	Route *route.Route
	Rest  string
	// Chain is the filters of the route, or those of requests without one.
	Chain *Chain
	// Mapped maps URLs between the client's view and the app's.
	Mapped mapping.Map
	// Target is the index of the chosen target in the route's balance.Group, and Moved reports that a sticky client gets a
	// cookie for it.
	Target int
	Moved  bool
	// Status is that of the response that filters see, and Length that of its body, -1 when it is not known. Own reports that
	// the response is the gateway's.
	Status int
	Length int64
	Own    bool
	// Cause is the kind of the page that the gateway sent, empty for none.
	Cause page.Kind
	// Refused is the filter that refused the request, 0 for none.
	Refused traffic.Refusal

	// text is memory for the value of a field, lines for values of several.
	text  []byte
	lines []string
	// compressor is that of the response, nil when it is not compressed.
	compressor *compressor
}

// Reset forgets everything but memory, which is used again. What filters still hold of the response is released.
func (r *Request) Reset() {
	if r.compressor != nil {
		r.compressor.release()
	}
	r.Mapped.Reset()
	clear(r.lines)
	mapped, text, lines := r.Mapped, r.text[:0], r.lines[:0]
	*r = Request{}
	r.Mapped, r.text, r.lines = mapped, text, lines
}

// Final reports that the response is not informational. 101 (Switching Protocols) counts as final.
func (r *Request) Final() bool {
	return r.Status >= http.StatusOK || r.Status == http.StatusSwitchingProtocols
}

// Page answers with one of the gateway's own pages.
func (r *Request) Page(kind page.Kind) { r.Show(page.Page{Kind: kind}) }

// Refuse answers with a page, and counts the request as refused by that filter.
func (r *Request) Refuse(by traffic.Refusal, p page.Page) {
	r.Refused = by
	r.Show(p)
}

// Show answers with a page. If there is a route, it fills in what the page says of the app.
func (r *Request) Show(p page.Page) {
	if r.Route != nil {
		p.Service, p.Owner, p.Project = r.Route.App(), r.Route.Owner, r.Route.Project
		if p.Kind == page.Expired {
			p.Until = r.Route.Expires
		}
	}
	p.RequestID, r.Cause = r.ID, p.Kind
	status, h, body := p.Render(r.Exchange.Request.Method, r.Exchange.Request.Header)
	r.send(status, h, body)
}

// Reply answers with a header and no body. The fields are names, each followed by its value.
func (r *Request) Reply(status int, fields ...string) {
	var h header.Header
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	r.send(status, h, nil)
}

// send sends a response of the gateway's own through the filters.
func (r *Request) send(status int, h header.Header, body []byte) {
	r.Status, r.Length, r.Own = status, int64(len(body)), true
	r.Chain.Response(r, &h)
	// It fails only when the client is gone, which then needs no response.
	_ = r.Exchange.Reply(status, h, body)
}

// Identify finds the client behind trusted proxies, with the scheme and the host that it used.
func (r *Request) Identify(trusted *peer.Networks) {
	q := &r.Exchange.Request
	r.Connection = q.Peer
	if !trusted.Contains(q.Addr) {
		return
	}
	r.lines = valuesOf(r.lines[:0], q.Header, "X-Forwarded-For")
	r.Trail = peer.Follow(trusted, q.Peer, r.lines...)
	q.Peer, q.Addr = r.Trail.Client, r.Trail.Addr
	hops := r.Trail.Hops()
	for i := range peer.Schemes {
		field := &peer.Schemes[i]
		if lines := r.said(field.Name); len(lines) > 0 {
			if scheme := field.Read(hops, lines...); scheme != "" {
				q.Secure, r.SchemeSaid = scheme == "https", true
			}
			break
		}
	}
	if host := peer.Host(hops, r.said("X-Forwarded-Host")...); host != "" {
		q.Host = host
	}
	if portIn(q.Host) == "" {
		r.Port = peer.Port(q.Secure, hops, r.said("X-Forwarded-Port")...)
	}
}

// said returns the values of a field that only trusted proxies may send. They are appended to lines, since Trail keeps its
// own.
func (r *Request) said(name string) []string {
	followed := len(r.lines)
	r.lines = valuesOf(r.lines, r.Exchange.Request.Header, name)
	return r.lines[followed:]
}

// valuesOf appends the values of a field that only proxies may send.
func valuesOf(to []string, h header.Header, name string) []string {
	for i := range h {
		if f := &h[i]; f.Kind == header.Forged && header.EqualFold(f.Name, name) {
			to = append(to, f.Value)
		}
	}
	return to
}

// Client is the client's address and name, by which limits count it.
func (r *Request) Client() (netip.Addr, string) {
	return r.Exchange.Request.Addr, r.Exchange.Request.Peer
}

// Foreign implements mapping.Routes. Routes to the same target are not foreign to one another.
func (r *Request) Foreign(path string) bool {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return false
	}
	match, found := r.Table.Match(r.Host, parsed)
	return found && !match.Route.Prefix.Root() && !r.leadsHere(match.Route)
}

// Inner implements mapping.Routes. The app may have several routes, each with its own paths.
func (r *Request) Inner(path string) (string, bool) {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return "", false
	}
	match, found := r.Table.Match(r.Host, parsed)
	switch {
	case !found || !r.leadsHere(match.Route) || route.Leaves(match.Rest):
		return "", false
	case match.Route.Mount == route.Preserve:
		return path, true
	case match.Rest == "":
		return "/", true
	}
	return match.Rest, true
}

// leadsHere reports whether another route leads to the service of the request, at the same address.
func (r *Request) leadsHere(other *route.Route) bool {
	return other == r.Route || other.SameService(r.Route) && slices.ContainsFunc(other.Targets, func(t route.Target) bool {
		return t.Address != "" && slices.ContainsFunc(r.Route.Targets, func(mine route.Target) bool {
			return mine.State == route.Ready && mine.Address == t.Address
		})
	})
}
