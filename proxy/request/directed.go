package request

import (
	"gateway/proxy/page"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// directed reports whether the connection is one for the host of the request. If not, the request is answered with 421
// (RFC 9110 section 7.4), and the client may try again over another connection. A browser sends requests for several hosts
// over one connection of HTTP/2 if its certificate is for all of them (RFC 9113 section 9.1.1). A trusted proxy may name
// any host over its connection.
func (r *Request) directed() bool {
	q := &r.Exchange.Request
	r.Host = route.CanonicalHost(q.Host)
	if q.TLS == nil || r.Host == q.TLS.ServerName || r.Host == "" || r.Trail.Trusted || r.handler.Serves == nil {
		return true
	}
	if r.handler.Serves(q.TLS.ServerName, r.Host) {
		return true
	}
	r.Page(page.Misdirected)
	return false
}

// allowed reports whether the client has the certificate that the host needs, whichever route is for the path. If not, the
// request is answered: by a redirect to HTTPS if that is possible, where the client is asked for its certificate. For a
// trusted proxy its own certificate counts, since nobody knows whether the client of the proxy has any.
func (r *Request) allowed() bool {
	if !r.state.Guarded(r.Host) {
		return true
	}
	q := &r.Exchange.Request
	switch {
	case q.TLS == nil && r.Route != nil && !r.Chain.Upgrade(&r.Request):
		return false
	case q.TLS != nil && r.state.Admits(r.Host, q.TLS.Chains):
		return true
	}
	kind := page.NoCertificate
	if q.TLS != nil && !r.Trail.Trusted {
		// Another connection is asked for a certificate: this one is older than the rule, or for another host.
		kind = page.Misdirected
	}
	r.Refuse(traffic.ByTLSClient, page.Page{Kind: kind})
	return false
}
