package proxy

import (
	"net/http"
	"slices"
	"strings"
	"unsafe"

	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/header"
)

// requestID names the field that every answer and every request to an app has.
const requestID = "X-Request-Id"

// forged are the fields that come from us alone.
var forged = header.SetOf(header.Forged)

// Outgoing implements engine.Hooks. What says who the client is and where the app is mounted comes from us alone.
func (d *delivery) Outgoing(h *header.Header) {
	h.Drop(forged)
	r := &d.exchange.Request
	h.Append(header.Forged, "X-Forwarded-For", d.forwardedFor())
	h.Append(header.Forged, "X-Real-IP", r.Peer)
	h.Append(header.Forged, "X-Forwarded-Proto", schemeOf(r.Secure))
	h.Append(header.Forged, "X-Forwarded-Host", r.Host)
	h.Append(header.Forged, "X-Forwarded-Port", d.portOf(r))
	if prefix := d.serving.prefix; prefix != "" {
		h.Append(header.Forged, "X-Forwarded-Prefix", prefix)
	}
	h.Append(header.Forged, requestID, d.id)
	if d.server.config.Forwarded {
		h.Append(header.Forged, "Forwarded", forwarded(r))
	}
	if d.server.config.Via != "" {
		h.Append(header.Other, "Via", via(d.server.config.Via, r.Major, r.Minor))
	}
	if r.Method == http.MethodOptions {
		countHop(h)
	}
	d.mapped.Request(h)
	stripCookies(h)
}

// stripCookies takes from the app what is only between the client and the gateway.
func stripCookies(h *header.Header) {
	empty := false
	for i := range *h {
		if f := &(*h)[i]; f.Kind == header.Cookie {
			f.Value = balance.StripCookies(f.Value)
			empty = empty || f.Value == ""
		}
	}
	if empty {
		*h = slices.DeleteFunc(*h, func(f header.Field) bool { return f.Kind == header.Cookie && f.Value == "" })
	}
}

// forwardedFor is the client, and behind it the proxies that are trusted, if there are any.
func (d *delivery) forwardedFor() string {
	if !d.trail.Trusted {
		return d.exchange.Request.Peer
	}
	d.chain = d.trail.AppendFor(d.chain[:0])
	return unsafe.String(unsafe.SliceData(d.chain), len(d.chain))
}

// forwarded is who the client is as RFC 7239 section 4 writes it.
func forwarded(r *engine.Request) string {
	peer := r.Peer
	if strings.IndexByte(peer, ':') >= 0 {
		peer = `"[` + peer + `]"`
	}
	element := "for=" + peer + ";proto=" + schemeOf(r.Secure)
	if r.Host != "" {
		element += `;host="` + r.Host + `"`
	}
	return element
}

// via is the gateway of that name in a Via field, behind the version of what it received.
func via(name string, major, minor int) string {
	version := "1.1 "
	switch {
	case major == 2:
		version = "2.0 "
	case minor == 0:
		version = "1.0 "
	}
	return version + name
}

// Incoming implements engine.Hooks.
func (d *delivery) Incoming(status int, h *header.Header) {
	d.mapped.Response(h)
	if !d.serving.strips && d.rest == "/" && status >= 300 && status < 400 {
		if location, _ := h.First(header.Location); d.redirectsToPrefix(location) {
			d.serving.slashless.Store(true)
		}
	}
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	if _, found := h.First(header.Forged); found {
		h.Del(requestID)
	}
	d.answered(status)
	h.Append(header.Forged, requestID, d.id)
	if d.moved {
		h.Append(header.SetCookie, "Set-Cookie", d.serving.group.SetCookie(d.attempt.Index, d.serving.route.Prefix.String(), d.exchange.Request.Secure))
	}
	if d.server.config.Via != "" {
		h.Append(header.Other, "Via", via(d.server.config.Via, 1, 1))
	}
}

// schemeOf is what the client uses.
func schemeOf(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// portOf is the port that the client used: that of the host, else what a trusted proxy says, else the scheme's.
func (v *visit) portOf(r *engine.Request) string {
	switch port := portIn(r.Host); {
	case port != "":
		return port
	case v.port != "":
		return v.port
	case r.Secure:
		return "443"
	}
	return "80"
}

// portIn returns the port that stands behind a host name or address, or nothing.
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
