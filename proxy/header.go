package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"gateway/proxy/mapping"
	"gateway/proxy/route"
)

// outgoing edits the header that the app gets: what says who the visitor is and where the app is mounted comes from us
// alone.
func (v *visit) outgoing(h http.Header, m *mapping.Map) {
	for name := range h {
		if forged(name) {
			delete(h, name)
		}
	}
	r, served := v.request, v.serving.route
	peer := peerAddress(r.RemoteAddr)
	h.Set("X-Forwarded-For", peer)
	h.Set("X-Real-Ip", peer)
	h.Set("X-Forwarded-Proto", schemeOf(v.request))
	h.Set("X-Forwarded-Host", r.Host)
	h.Set("X-Forwarded-Port", portOf(r))
	h.Set("X-Request-Id", v.id)
	if served.Mount == route.Strip && !served.Prefix.Root() {
		h.Set("X-Forwarded-Prefix", served.Prefix.String())
	}
	if m != nil {
		m.Request(h)
	}
}

// forged reports whether a field is one that only the gateway may set, or would shadow one in an app that reads names
// as CGI does: there every character but letters and digits is one and the same (RFC 3875 section 4.1.18). Proxy is
// among them because CGI makes it HTTP_PROXY.
func forged(name string) bool {
	var folded [16]byte
	n := min(len(name), len(folded))
	for i := range n {
		c := name[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= name[i] && name[i] <= '9') {
			c = '-'
		}
		folded[i] = c
	}
	switch plain := string(folded[:n]); plain {
	case "forwarded", "x-real-ip", "x-request-id", "proxy":
		return true
	default:
		return strings.HasPrefix(plain, "x-forwarded")
	}
}

// peerAddress is the address alone of who connected to us.
func peerAddress(remote string) string {
	if parsed, err := netip.ParseAddrPort(remote); err == nil {
		return parsed.Addr().Unmap().WithZone("").String()
	}
	return remote
}

// portOf is the one that the visitor used: that of the Host, else the scheme's.
func portOf(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return port
		}
	}
	if schemeOf(r) == "https" {
		return "443"
	}
	return "80"
}
