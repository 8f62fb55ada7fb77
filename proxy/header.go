package proxy

import (
	"net/http"
	"strings"

	"gateway/proxy/header"
)

// requestID names the field that every answer and every request to an app has.
const requestID = "X-Request-Id"

// forged are the fields that come from us alone.
var forged = header.SetOf(header.Forged)

// Outgoing implements engine.Hooks. What says who the visitor is and where the app is mounted comes from us alone.
func (v *visit) Outgoing(h *header.Header) {
	h.Drop(forged)
	r := &v.exchange.Request
	h.Append(header.Forged, "X-Forwarded-For", r.Peer)
	h.Append(header.Forged, "X-Real-IP", r.Peer)
	h.Append(header.Forged, "X-Forwarded-Proto", schemeOf(r.Secure))
	h.Append(header.Forged, "X-Forwarded-Host", r.Host)
	h.Append(header.Forged, "X-Forwarded-Port", portOf(r.Host, r.Secure))
	if prefix := v.serving.prefix; prefix != "" {
		h.Append(header.Forged, "X-Forwarded-Prefix", prefix)
	}
	h.Append(header.Forged, requestID, v.id)
	if v.server.config.Forwarded {
		h.Append(header.Forged, "Forwarded", v.forwarded())
	}
	if v.server.config.Via != "" {
		h.Append(header.Other, "Via", via(v.server.config.Via, r.Major, r.Minor))
	}
	if v.serving.maps {
		v.mapped.Request(h)
	}
}

// forwarded is who the visitor is as RFC 7239 section 4 writes it.
func (v *visit) forwarded() string {
	r := &v.exchange.Request
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
func (v *visit) Incoming(status int, h *header.Header) {
	switch {
	case v.serving.maps:
		v.mapped.Response(h)
	case v.rest == "/" && status >= 300 && status < 400:
		if location, _ := h.First(header.Location); v.redirectsToPrefix(location) {
			v.serving.slashless.Store(true)
		}
	}
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	if _, found := h.First(header.Forged); found {
		h.Del(requestID)
	}
	h.Append(header.Forged, requestID, v.id)
	if v.server.config.Via != "" {
		h.Append(header.Other, "Via", via(v.server.config.Via, 1, 1))
	}
}

// Accepts implements engine.Hooks.
func (v *visit) Accepts(int) bool { return true }

// schemeOf is what the visitor uses.
func schemeOf(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// portOf is the one that the visitor used: that of the host, else the scheme's.
func portOf(host string, secure bool) string {
	if port := portIn(host); port != "" {
		return port
	}
	if secure {
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
