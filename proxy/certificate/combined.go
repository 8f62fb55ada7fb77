package certificate

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Combined is a Manager of the certificates from files and of the ordered ones. A certificate from a file comes first:
// somebody put it there. One that is not valid now gives way to an ordered one that is. Its fields do not change once it
// is in use.
type Combined struct {
	// Files and Ordered are where certificates come from. Each is nil for none; a nil pointer is not.
	Files   fromFiles
	Ordered ordered
	// Domains are the names of the site. A client that names no host is shown the certificate of the first one, where
	// none is for the address.
	Domains []string
	// MinVersion is the least version of TLS, by default TLS 1.2 (RFC 5246).
	MinVersion uint16

	// clients are replaced whole, and nil while no host asks for certificates of clients.
	clients atomic.Pointer[clientPolicies]
}

var (
	_ Manager   = (*Combined)(nil)
	_ fromFiles = (*Files)(nil)
	_ ordered   = (*Ordered)(nil)
)

// source is where certificates come from. Its methods are safe for concurrent use and return at once.
type source interface {
	// Certificate returns what a client is shown, nil for none. The name in the handshake is in lower case. Without one,
	// it is a certificate for the address where the client connected.
	Certificate(hello *tls.ClientHelloInfo) *tls.Certificate
	// Lookup returns what the clients of a host are shown now, nil for none. It allocates nothing.
	Lookup(host string) *tls.Certificate
	// States is as in Manager.
	States() []State
}

// fromFiles is what Files does.
type fromFiles interface {
	source
	// First is the last resort for clients that name no host, nil for none.
	First() *tls.Certificate
}

// ordered is what orders certificates. Its methods are as those of Manager.
type ordered interface {
	source
	Challenge(host, token string) (authorization string, found bool)
	SetHosts(hosts []Host)
	Internal(host string) bool
	Renew(name string, force bool) error
	Check(ctx context.Context, name string) []Finding
}

// Challenge implements Manager.
func (c *Combined) Challenge(host, token string) (string, bool) {
	if c.Ordered == nil {
		return "", false
	}
	return c.Ordered.Challenge(host, token)
}

// SetHosts implements Manager.
func (c *Combined) SetHosts(hosts []Host) {
	c.setClients(hosts)
	if c.Ordered != nil {
		c.Ordered.SetHosts(hosts)
	}
}

// Covers implements Manager.
func (c *Combined) Covers(host string) bool {
	return valid(c.lookup(host))
}

// Serves implements Manager.
func (c *Combined) Serves(serverName, host string) bool {
	if c.clientCA(serverName) != c.clientCA(host) {
		return false
	}
	if serverName == "" {
		// A client that named no host may have been shown the certificate of the address that it asked for.
		return isFor(c.unnamed(new(tls.ClientHelloInfo)), host) || isAddress(host) && c.lookup(host) != nil
	}
	return isFor(c.lookup(strings.ToLower(serverName)), host)
}

// Internal implements Manager.
func (c *Combined) Internal(host string) bool {
	return c.Ordered != nil && c.Ordered.Internal(host) && c.lookup(host) == c.Ordered.Lookup(host)
}

// States implements Manager.
func (c *Combined) States() []State {
	var states []State
	if c.Files != nil {
		states = c.Files.States()
	}
	if c.Ordered != nil {
		states = append(states, c.Ordered.States()...)
	}
	slices.SortStableFunc(states, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return states
}

// Renew implements Manager.
func (c *Combined) Renew(name string, force bool) error {
	switch {
	case name != "" && c.fileOf(name) != "":
		return ErrNotOrdered
	case c.Ordered != nil:
		return c.Ordered.Renew(name, force)
	case name == "":
		return ErrNotOrdered
	}
	return ErrUnknownName
}

// Check implements Manager.
func (c *Combined) Check(ctx context.Context, name string) []Finding {
	if file := c.fileOf(name); file != "" {
		return []Finding{{Subject: "files", Verdict: Good, Message: "the certificate comes from " + file}}
	}
	if c.Ordered != nil {
		return c.Ordered.Check(ctx, name)
	}
	return []Finding{{
		Subject: "orders", Verdict: Bad, Message: "this gateway orders no certificates, and has no file with one for " + name,
		Fix: "name its domain: gateway up --domain " + name + ", or add its files: --cert FILE --key FILE",
	}}
}

// fileOf is the file with the certificate of a name, or of a host that it covers; empty for none.
func (c *Combined) fileOf(name string) string {
	if c.Files == nil {
		return ""
	}
	states := c.Files.States()
	for _, wanted := range []string{name, wildcardOf(name)} {
		for i := range states {
			if states[i].Name == wanted {
				return states[i].File
			}
		}
	}
	return ""
}

// wildcardOf is the wildcard that covers a host.
func wildcardOf(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	return "*." + parent
}

// lookup returns what clients that name a host are shown, nil for none.
func (c *Combined) lookup(host string) *tls.Certificate {
	return c.prefer(func(s source) *tls.Certificate { return s.Lookup(host) })
}

// prefer returns that of the files, unless only the ordered one is valid; nil for none.
func (c *Combined) prefer(of func(source) *tls.Certificate) *tls.Certificate {
	var file, ordered *tls.Certificate
	if c.Files != nil {
		if file = of(c.Files); valid(file) {
			return file
		}
	}
	if c.Ordered != nil {
		ordered = of(c.Ordered)
	}
	if file != nil && !valid(ordered) {
		return file
	}
	return ordered
}

// valid reports that there is a certificate, and that now is between its dates.
func valid(cert *tls.Certificate) bool {
	return cert != nil && cert.Leaf != nil && validAt(cert.Leaf, time.Now())
}
