// Package certificate decides which certificate clients are shown and where it comes from. It knows nothing of
// listeners and requests, and of routes only the names of their hosts. The policy worth stating: a certificate that
// cannot be used never replaces one that can.
package certificate

import "crypto/tls"

// Manager has the certificates of a proxy: it shows them, proves to certificate authorities that the proxy serves a
// host, and follows the hosts of the routes. Its methods are safe for concurrent use and return at once: a manager that
// orders certificates does so in a goroutine that its owner runs for longer than the proxy.
type Manager interface {
	// TLS returns the configuration of the listeners for HTTPS, never nil. The proxy calls it once and puts the versions
	// of HTTP before its NextProtos, which hold only what the manager itself answers, such as "acme-tls/1" (RFC 8737).
	TLS() *tls.Config
	// Challenge returns the key authorization for a token of the HTTP-01 challenge (RFC 8555 section 8.3), and false if
	// the manager expects no such token for that host. The proxy asks before it looks for a route: without a table,
	// during a pause and before all filters, for GET and HEAD on the listeners without TLS. A request for a token that
	// the manager does not know goes on to the app of the route, which may have its own ACME client. Any client can ask
	// for any host and token. The host is in the form of route.CanonicalHost; the token is not empty and has only the
	// characters of base64url.
	Challenge(host, token string) (authorization string, found bool)
	// SetHosts replaces the hosts that routes are for. They are sorted, distinct and in the form of route.CanonicalHost;
	// routes for any host add none. The slice belongs to the manager. It is called once for each new table, in the order
	// of the tables, also for one that was restored before the listeners open. Until the first call the hosts are not
	// known, which is not the same as none.
	SetHosts(hosts []string)
}
