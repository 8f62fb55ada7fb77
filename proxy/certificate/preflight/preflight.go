// Package preflight finds out whether a certificate authority could validate a name, before an order costs a part of
// its rate limits. It asks DNS, the authority's directory and the gateway itself, as the authority will, and knows
// nothing of certificates and orders. The policy worth stating: only what is certain to fail is refused; what cannot be
// told from here is left to the authority's staging server.
package preflight

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Config says what is checked, and how. Its zero value checks nothing but the name.
type Config struct {
	// Name is a host name, an IP address, or a wildcard such as "*.example.org". A name that is not in ASCII is checked in
	// the form that DNS has for it.
	Name string

	// Folder is where certificates are stored; empty skips the check of its disk. A folder that does not exist counts as
	// the nearest one above it. Free returns how many bytes a folder may still take, and false where that is not known;
	// by default it asks the system.
	Folder string
	Free   func(folder string) (bytes int64, known bool)

	// Directory is the URL of the authority's directory, whose Date field the clock is compared with; empty skips that.
	// Client asks for it, by default one with a timeout of 10 s, and Now is the clock, by default time.Now.
	Directory string
	Client    *http.Client
	Now       func() time.Time

	// Issuers are the names by which CAA records allow the authority, such as "letsencrypt.org"; without one, CAA records
	// are not checked. Account is the URL of the account there, empty if it is not known.
	Issuers []string
	Account string

	// Resolvers are recursive DNS servers as host:port, by default those of /etc/resolv.conf. They are asked where the
	// servers of a zone are; the records of the zone come from those servers, which DNSPort is the port of, by default 53.
	Resolvers []string
	DNSPort   int
	// Timeout bounds one question to a DNS server, by default 2 s, and one connection of a probe, by default 5 s.
	Timeout time.Duration

	// Dial connects to DNS servers and to the addresses of the name, by default as net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Public reports whether certificate authorities can reach an address. By default those for private use are not.
	Public func(netip.Addr) bool
	// Addresses are public ones of this machine, as far as they are known. They make advice more exact.
	Addresses []netip.Addr

	// Expect makes the gateway answer a request for a token of the HTTP-01 challenge for host, until forget is called. It
	// may be nil: the name is then not probed. HTTPPort is the port that authorities connect to, by default 80, HTTPSPort
	// that of redirects to https, by default 443.
	Expect              func(host, token, answer string) (forget func())
	HTTPPort, HTTPSPort int
	// ExpectTLS makes the gateway show a certificate to clients that name host and speak "acme-tls/1" alone, as those of
	// the TLS-ALPN-01 challenge do, until forget is called. It may be nil: HTTPSPort is then not probed.
	ExpectTLS func(host string, shown *tls.Certificate) (forget func())

	// TXT adds a TXT record for name, without a final dot, and returns what removes it. With it, the name is to be
	// validated by DNS-01: addresses and ports do not matter. Provider is its name for people. Propagation is how long the
	// record may take to be at all servers of the zone, by default 2 minutes; they are asked each Interval, by default 2 s.
	TXT                   func(ctx context.Context, name, value string) (remove func(context.Context) error, err error)
	Provider              string
	Propagation, Interval time.Duration
}

// Finding is one result.
type Finding struct {
	// Subject is what was checked: "disk", "clock", "dns", "port 80", "port 443", "caa" or "txt".
	Subject string
	Verdict Verdict
	// Message says what was found, and Fix what to change. Fix is empty for Good.
	Message, Fix string
}

// Verdict is what a finding means for an order.
type Verdict string

// The verdicts.
const (
	// Good means that nothing is in the way.
	Good Verdict = "good"
	// Unsure means that only the authority can tell.
	Unsure Verdict = "unsure"
	// Bad means that an order would fail.
	Bad Verdict = "bad"
)

// maxRemove bounds how long the removal of a record may take after everything else.
const maxRemove = 30 * time.Second

// Run checks a name. The findings are in the order in which people read them; there is one at least. It takes a few
// seconds if everything answers, up to a minute if nothing does, and up to Propagation longer with TXT. When ctx ends,
// what is left is Unsure.
func Run(ctx context.Context, c Config) []Finding {
	r := &run{Config: c.withDefaults(), zones: map[string]string{}, servers: map[string][]server{}, tcpOnly: map[string]bool{}, silent: map[string]bool{}}
	found := append(r.checkDisk(), r.checkClock(ctx)...)
	ip, err := netip.ParseAddr(r.Name)
	if err == nil {
		return append(found, r.checkIP(ctx, ip)...)
	}
	if wrong := r.checkName(); wrong != nil {
		return append(found, *wrong)
	}
	if r.TXT != nil {
		return slices.Concat(found, r.checkCAA(ctx), r.checkTXT(ctx))
	}
	addresses, dns := r.checkAddresses(ctx)
	return slices.Concat(found, dns, r.probe(ctx, addresses), r.checkCAA(ctx))
}

// run is one check.
type run struct {
	Config

	// zones are those that names are in, servers those of zones, tcpOnly those that did not answer by UDP, and silent
	// those that did not answer at all.
	zones   map[string]string
	servers map[string][]server
	tcpOnly map[string]bool
	silent  map[string]bool
}

func (c Config) withDefaults() Config {
	c.DNSPort = cmp.Or(c.DNSPort, 53)
	c.HTTPPort = cmp.Or(c.HTTPPort, 80)
	c.HTTPSPort = cmp.Or(c.HTTPSPort, 443)
	c.Propagation = cmp.Or(c.Propagation, 2*time.Minute)
	c.Interval = cmp.Or(c.Interval, 2*time.Second)
	c.Provider = cmp.Or(c.Provider, "the DNS provider")
	c.Name = strings.ToLower(strings.TrimSuffix(c.Name, "."))
	if c.Free == nil {
		c.Free = freeBytes
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Public == nil {
		c.Public = Public
	}
	if len(c.Resolvers) == 0 {
		c.Resolvers = systemResolvers()
	}
	return c
}

// shared is the range of addresses between providers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Public reports whether an address is one that the internet has routes to.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}

// base is the name without a wildcard's star.
func (r *run) base() string { return strings.TrimPrefix(r.Name, "*.") }

// checkName finds names that no public authority signs, and puts others in the form of DNS. It returns nil for those.
func (r *run) checkName() *Finding {
	base, wildcard := r.base(), r.Name != r.base()
	base, err := idna.Lookup.ToASCII(base)
	if err != nil {
		return r.bad("dns", fmt.Sprintf("%q is no host name: %v", r.Name, err), "correct the name; it has letters, digits and hyphens, with dots between its labels")
	}
	switch {
	case !strings.Contains(base, "."):
		return r.bad("dns", base+" has no dot: no public authority signs it", "use a name below a domain, or let the gateway sign it: gateway up --internal-ca")
	case strings.Contains(base, "*"):
		return r.bad("dns", r.Name+" has a star that is not its first label", "write a wildcard as *."+strings.ReplaceAll(base, "*.", ""))
	case wildcard && r.TXT == nil:
		return r.bad("dns", r.Name+" is a wildcard, which is validated by DNS alone", "name the provider of the zone: gateway up --dns PROVIDER --dns-token-file FILE; or order each name by itself")
	}
	r.Name = base
	if wildcard {
		r.Name = "*." + base
	}
	return nil
}

// checkIP checks an IP address, which has no records.
func (r *run) checkIP(ctx context.Context, ip netip.Addr) []Finding {
	if !r.Public(ip) {
		return []Finding{*r.bad("dns", ip.String()+" is a private address: no public authority signs it", "let the gateway sign it: gateway up --internal-ca --domain "+ip.String())}
	}
	return append([]Finding{{"dns", Good, ip.String() + " is a public address", ""}}, r.probe(ctx, []netip.Addr{ip})...)
}

func (*run) bad(subject, message, fix string) *Finding {
	return &Finding{Subject: subject, Verdict: Bad, Message: message, Fix: fix}
}
