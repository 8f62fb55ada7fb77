package certificate

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"gateway/proxy/certificate/authority"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// issuer is one certificate authority. Several authorities in one configuration of certmagic would all be asked in each
// attempt, so that a name which fails costs the quota of each.
type issuer struct {
	// key is the authority's part of paths in the storage.
	key  string
	ways []way
}

// way is one challenge at an authority. Each order has one: certmagic would try HTTP-01 and TLS-ALPN-01 in one attempt,
// and a name that fails would cost two of the five failed validations that Let's Encrypt allows in an hour.
type way struct {
	challenge string
	config    *certmagic.Config
	// acme is nil for the gateway's own authority.
	acme *certmagic.ACMEIssuer
}

// way returns the one for the next order: the one that worked last, and after each failure the next one.
func (i *issuer) way(r record) way {
	first := max(0, slices.IndexFunc(i.ways, func(w way) bool { return w.challenge == r.Challenge }))
	return i.ways[(first+r.Failures)%len(i.ways)]
}

// obtainTimeout limits one order; a DNS record may take two minutes to be seen.
const obtainTimeout = 5 * time.Minute

// shortlived is the profile of certificates for IP addresses: Let's Encrypt has no other for them.
const shortlived = "shortlived"

// newIssuers makes those of a configuration: the first, the second, and both again for IP addresses, which DNS cannot
// prove.
func (o *Ordered) newIssuers(solver acmez.Solver) error {
	c := o.config
	directory := c.Directory
	switch {
	case directory == "" && c.Staging:
		directory = certmagic.LetsEncryptStagingCA
	case directory == "":
		directory = certmagic.LetsEncryptProductionCA
	}
	for _, u := range []string{directory, c.Fallback} {
		if parsed, err := url.Parse(u); u != "" && (err != nil || parsed.Scheme != "https" || parsed.Host == "") {
			return fmt.Errorf("the directory of a certificate authority is an https URL, not %q; fix --acme-ca", u)
		}
	}
	o.first = o.newIssuer(directory, c.EAB, solver, "")
	o.addresses = o.newIssuer(directory, c.EAB, nil, shortlived)
	if c.Fallback != "" {
		o.second = o.newIssuer(c.Fallback, c.FallbackEAB, solver, "")
	}
	return nil
}

func (o *Ordered) newIssuer(directory string, eab *EAB, solver acmez.Solver, profile string) *issuer {
	i := &issuer{}
	switch {
	case solver != nil:
		i.ways = append(i.ways, o.newWay(acme.ChallengeTypeDNS01, directory, eab, solver, profile))
	default:
		if o.config.HTTPPort != 0 {
			i.ways = append(i.ways, o.newWay(acme.ChallengeTypeHTTP01, directory, eab, nil, profile))
		}
		if o.config.TLSPort != 0 || len(i.ways) == 0 {
			i.ways = append(i.ways, o.newWay(acme.ChallengeTypeTLSALPN01, directory, eab, nil, profile))
		}
	}
	i.key = i.ways[0].acme.IssuerKey()
	return i
}

func (o *Ordered) newWay(challenge, directory string, eab *EAB, solver acmez.Solver, profile string) way {
	template := certmagic.ACMEIssuer{
		CA: directory, Email: o.config.Email, Agreed: true, Profile: profile, DNS01Solver: solver,
		CertObtainTimeout: obtainTimeout, TrustedRoots: o.config.Roots, Logger: o.zap,
		// The listeners of the proxy answer the challenges. These settings name them, so that certmagic finds them taken.
		ListenHost: o.hostOf(challenge), AltHTTPPort: o.config.HTTPPort, AltTLSALPNPort: o.config.TLSPort,
		DisableHTTPChallenge:      challenge != acme.ChallengeTypeHTTP01,
		DisableTLSALPNChallenge:   challenge != acme.ChallengeTypeTLSALPN01,
		DisableDistributedSolvers: true,
	}
	if template.Email == "" {
		// certmagic would ask for an address on the terminal. This is how it stores an account that has none.
		template.Email = "default"
		template.NewAccountFunc = func(_ context.Context, _ *certmagic.ACMEIssuer, a acme.Account) (acme.Account, error) {
			a.Contact = nil
			return a, nil
		}
	}
	if eab != nil {
		template.ExternalAccount = &acme.EAB{KeyID: eab.KeyID, MACKey: eab.MACKey}
	}
	config := o.newConfig(nil)
	made := certmagic.NewACMEIssuer(config, template)
	// New has put Let's Encrypt there: this replaces it.
	config.Issuers = []certmagic.Issuer{made}
	return way{challenge, config, made}
}

// hostOf is the address at which the proxy answers a challenge.
func (o *Ordered) hostOf(challenge string) string {
	if challenge == acme.ChallengeTypeHTTP01 {
		return o.config.HTTPHost
	}
	return o.config.TLSHost
}

// newConfig makes settings of certmagic. It always puts an authority there, for callers to replace.
func (o *Ordered) newConfig(onEvent func(context.Context, string, map[string]any) error) *certmagic.Config {
	return certmagic.New(o.cache, certmagic.Config{
		Storage: o.store, Logger: o.zap, OnEvent: onEvent, KeySource: certmagic.DefaultKeyGenerator,
		// Without it, certmagic asks for OCSP without a timeout.
		OCSP: certmagic.OCSPConfig{HTTPProxy: http.ProxyFromEnvironment},
	})
}

// newStapler makes the settings with which the cache keeps OCSP staples fresh. It renews nothing, since the orders of
// Ordered have waits that survive a restart: what certmagic finds revoked is left to them.
func (o *Ordered) newStapler() *certmagic.Config {
	stapler := o.newConfig(func(_ context.Context, event string, data map[string]any) error {
		if event != "cert_obtaining" {
			return nil
		}
		if name, is := data["identifier"].(string); is {
			o.revoked(name)
		}
		return certmagic.ErrNoRetry{Err: errLeft}
	})
	stapler.OnDemand = &certmagic.OnDemandConfig{}
	stapler.Issuers = []certmagic.Issuer{noIssuer{}}
	return stapler
}

var errLeft = errors.New("the gateway replaces it by an order of its own")

// noIssuer issues nothing.
type noIssuer struct{}

// Issue implements certmagic.Issuer.
func (noIssuer) Issue(context.Context, *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	return nil, errLeft
}

// IssuerKey implements certmagic.Issuer.
func (noIssuer) IssuerKey() string { return "none" }

// internalIssuer makes an issuer of certmagic of the gateway's own authority.
type internalIssuer struct{ of *authority.Authority }

// Issue implements certmagic.Issuer.
func (i internalIssuer) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	chain, err := i.of.Sign(csr)
	if err != nil {
		return nil, fmt.Errorf("signing by the gateway's own authority: %w", err)
	}
	return &certmagic.IssuedCertificate{Certificate: chain}, nil
}

// IssuerKey implements certmagic.Issuer.
func (internalIssuer) IssuerKey() string { return "internal" }

func (o *Ordered) newInternal(a *authority.Authority) *issuer {
	config, made := o.newConfig(nil), internalIssuer{a}
	config.Issuers = []certmagic.Issuer{made}
	return &issuer{key: made.IssuerKey(), ways: []way{{config: config}}}
}

// issuers are all there are, in the order in which a name is ordered from them.
func (o *Ordered) issuers(name string) []*issuer {
	if o.isInternal(name) {
		return []*issuer{o.internal}
	}
	if isAddress(name) {
		return []*issuer{o.addresses}
	}
	if o.second != nil {
		return []*issuer{o.first, o.second}
	}
	return []*issuer{o.first}
}

// fallbackAfter is how long the first authority fails to answer before the second one is asked.
const fallbackAfter = time.Hour

// issuer returns the one that the next order goes to, never two: the second one when the first has not answered for an
// hour, in turns with the first as long as both fail.
func (o *Ordered) issuer(name string, r record, now time.Time) *issuer {
	all := o.issuers(name)
	if len(all) == 1 || r.Since.IsZero() || now.Before(r.Since.Add(fallbackAfter)) {
		return all[0]
	}
	if r.Issuer == all[1].key && now.After(r.Limited) {
		return all[0]
	}
	return all[1]
}
