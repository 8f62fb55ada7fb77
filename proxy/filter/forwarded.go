package filter

import (
	"strings"
	"unsafe"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

// forged are the fields that come from the gateway alone.
var forged = header.SetOf(header.Forged)

// forwarded adds the fields about the client and the mount, and drops those that the client sent.
type forwarded struct {
	// prefix is X-Forwarded-Prefix, empty for none; field adds a Forwarded field.
	prefix string
	field  bool
}

func newForwarded(r *route.Route, field bool) Filter {
	f := forwarded{field: field}
	// An app that knows where it is mounted needs no prefix.
	if r.Mount != route.Preserve && !r.Prefix.Root() {
		f.prefix = r.Prefix.String()
	}
	return Filter{Forward: f.forward}
}

func (f forwarded) forward(r *Request, h *header.Header) {
	h.Drop(forged)
	q := &r.Exchange.Request
	h.Append(header.Forged, "X-Forwarded-For", forwardedFor(r))
	h.Append(header.Forged, "X-Real-IP", q.Peer)
	h.Append(header.Forged, "X-Forwarded-Proto", schemeOf(q.Secure))
	h.Append(header.Forged, "X-Forwarded-Host", q.Host)
	h.Append(header.Forged, "X-Forwarded-Port", portOf(r))
	if f.prefix != "" {
		h.Append(header.Forged, "X-Forwarded-Prefix", f.prefix)
	}
	if f.field {
		h.Append(header.Forged, "Forwarded", element(q))
	}
}

// forwardedFor is the client, followed by the trusted proxies, if there are any.
func forwardedFor(r *Request) string {
	if !r.Trail.Trusted {
		return r.Exchange.Request.Peer
	}
	r.text = r.Trail.AppendFor(r.text[:0])
	return unsafe.String(unsafe.SliceData(r.text), len(r.text))
}

// element describes the client as RFC 7239 section 4 has it.
func element(q *engine.Request) string {
	peer := q.Peer
	if strings.IndexByte(peer, ':') >= 0 {
		peer = `"[` + peer + `]"`
	}
	element := "for=" + peer + ";proto=" + schemeOf(q.Secure)
	if q.Host != "" {
		element += `;host="` + q.Host + `"`
	}
	return element
}

// schemeOf is the scheme of the client.
func schemeOf(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// portOf is the port that the client uses: that of the host, else that of a trusted proxy, else the scheme's.
func portOf(r *Request) string {
	q := &r.Exchange.Request
	switch port := portIn(q.Host); {
	case port != "":
		return port
	case r.Port != "":
		return r.Port
	case q.Secure:
		return "443"
	}
	return "80"
}

// portIn returns the port of an authority, empty for none.
func portIn(host string) string {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.HasPrefix(host, "[") && host[colon-1] != ']' || host[0] != '[' && strings.IndexByte(host, ':') != colon {
		return ""
	}
	port, n := host[colon+1:], 0
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' || n > 0xffff {
			return ""
		}
		n = 10*n + int(port[i]-'0')
	}
	if n > 0xffff {
		return ""
	}
	return port
}
