// Package certificate decides which certificate clients are shown and where it comes from. It knows nothing of
// listeners and requests, and of routes only the names of their hosts. The policy worth stating: a certificate that
// cannot be used never replaces one that can.
package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// Manager has the certificates of a proxy: it shows them, proves to certificate authorities that the proxy serves a
// host, and follows the hosts of the routes. Its methods are safe for concurrent use and, except Check, return at once:
// a manager that orders certificates does so in a goroutine that its owner runs for longer than the proxy. Hosts and
// names are in the form of route.CanonicalHost.
type Manager interface {
	// TLS returns the configuration of the listeners for HTTPS, never nil. The proxy calls it once and puts the versions
	// of HTTP before its NextProtos, which hold only what the manager itself answers, such as "acme-tls/1" (RFC 8737). Those
	// that its GetConfigForClient returns have the versions of HTTP.
	TLS() *tls.Config
	// Challenge returns the key authorization for a token of the HTTP-01 challenge (RFC 8555 section 8.3), and false if
	// the manager expects no such token for that host. The proxy asks before it looks for a route: without a table,
	// during a pause and before all filters, for GET and HEAD on the listeners without TLS. A request for a token that
	// the manager does not know goes on to the app of the route, which may have its own ACME client. Any client can ask
	// for any host and token. The token is not empty and has only the characters of base64url.
	Challenge(host, token string) (authorization string, found bool)
	// SetHosts replaces the hosts that routes are for. They are sorted by their distinct names; routes for any host add
	// none. The slice belongs to the manager. It is called once for each new table, in the order of the tables, also for
	// one that was restored before the listeners open. Until the first call the hosts are not known, which is not the
	// same as none.
	SetHosts(hosts []Host)
	// Covers reports whether clients of that host are shown a certificate that is valid for it now. It is called for
	// each request without TLS.
	Covers(host string) bool
	// Serves reports whether a connection whose client named serverName (RFC 6066 section 3), empty for none, may carry
	// requests for host: the certificate that it was shown is valid for the host, and both have the same client
	// certificates. It is called for requests over TLS whose host differs from serverName.
	Serves(serverName, host string) bool
	// Internal reports whether the certificate that clients of that host are shown is signed by the gateway's own
	// authority, which browsers trust only where somebody installed it. It is called for each response over TLS if
	// there is a policy that only public certificates can keep (RFC 6797).
	Internal(host string) bool
	// States describes each certificate and each name that waits for one, sorted by name. The slice is the caller's.
	States() []State
	// Renew orders a new certificate for a name, or for each name if it is empty, and returns before the order ends:
	// States tells what became of it. Without force it does nothing for a certificate that is not due. An error is
	// ErrUnknownName, ErrNotOrdered or ErrLimited.
	Renew(name string, force bool) error
	// Check finds out whether a certificate authority could validate a name, and orders nothing. The result is in the
	// order in which people read it, and has one finding at least. It may take a minute; ctx limits it.
	Check(ctx context.Context, name string) []Finding
}

// Host is the host name of a route.
type Host struct {
	Name string
	// ClientCA has the PEM certificates of the authorities that sign the certificates of clients; empty means that
	// clients need none.
	ClientCA string
}

var (
	// ErrUnknownName says that a manager has no certificate of a name, and orders none.
	ErrUnknownName = errors.New("no certificate of that name")
	// ErrNotOrdered says that a certificate comes from files: another tool renews it.
	ErrNotOrdered = errors.New("the certificate comes from files")
	// ErrLimited says that a certificate authority, or the gateway for its sake, takes no order before a time.
	ErrLimited = errors.New("too early for another order")
)

// Phase is where a certificate is in its life.
type Phase string

// The phases.
const (
	// Valid is shown, and nothing needs to be done.
	Valid Phase = "valid"
	// Ordering has an order in progress; an existing certificate stays in use.
	Ordering Phase = "ordering"
	// Waiting has none, or a failed renewal, and the next try has its time: State.Error says why, State.Fix what to change.
	Waiting Phase = "waiting"
	// Limited has to wait since a certificate authority said so.
	Limited Phase = "limited"
	// Expired is shown all the same, so that clients see why.
	Expired Phase = "expired"
	// Refused is a name of a route that the gateway orders no certificate for: State.Fix says what allows it.
	Refused Phase = "refused"
)

// State describes the certificate of one name.
type State struct {
	// Name is a host name, an IP address, or a wildcard such as "*.example.org".
	Name  string
	Phase Phase
	// Issuer names who signed it, as in its Issuer field; empty without a certificate.
	Issuer string
	// Source is where it comes from: "acme", "internal" (the gateway's own authority) or "file".
	Source string
	// Challenge is that of the last order: "http-01", "tls-alpn-01" or "dns-01"; empty for none.
	Challenge string
	// File is the path of a certificate from files, else empty.
	File string
	// NotBefore and Expires are the ends of its validity, zero without a certificate.
	NotBefore, Expires time.Time
	// Renews is when it is to be renewed, and Next when the next order is tried; zero for never.
	Renews, Next time.Time
	// Error says why the last order failed, empty if it did not, and Fix what to change. Failures counts those since the
	// last success.
	Error, Fix string
	Failures   int
	// Replaced says why the certificate before was replaced early, such as "revoked"; empty in general.
	Replaced string
	// Warning is something that needs somebody's attention while the certificate is still good: an end in 14 days that no
	// renewal is under way for. Empty for none.
	Warning string
}

// Finding is one result of a check.
type Finding struct {
	// Subject is what was checked: "disk", "clock", "dns", "port 80", "port 443", "caa" or "txt".
	Subject string
	// Verdict says whether an order would be made.
	Verdict Verdict
	// Message says what was found, and Fix what to change; Fix is empty for Good.
	Message, Fix string
}

// Verdict is what a finding means for an order.
type Verdict string

// The verdicts.
const (
	// Good means that nothing is in the way.
	Good Verdict = "good"
	// Unsure means that the check could not tell: the order is made, and tried at the staging server first.
	Unsure Verdict = "unsure"
	// Bad means that no order is made, since it would fail.
	Bad Verdict = "bad"
)
