package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// obtained is a certificate of the storage.
type obtained struct {
	*tls.Certificate
	// issuer is the key of the authority that it came from.
	issuer string
	// ari is when the authority wants it renewed (RFC 9773); zero if it does not say so.
	ari acme.RenewalInfo
}

// load reads the newest certificate of a name, of any of its authorities. Files that make no pair are set aside. It
// returns nil if there is none.
func (o *Ordered) load(name string) *obtained {
	var best *obtained
	for _, i := range o.issuers(name) {
		s, err := o.store.load(i.key, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil && !errors.Is(err, errTorn):
			// Reading may work the next time, such as with more file descriptors.
			o.config.Logger.Warn("a stored certificate cannot be read", "name", name, "error", err)
			continue
		case err != nil:
			o.config.Logger.Warn("a stored certificate cannot be used; its files are set aside and a new one is ordered",
				"name", name, "error", err)
			if err := o.store.setAside(i.key, name); err != nil {
				o.config.Logger.Error("a torn file cannot be set aside", "name", name, "error", err)
			}
			continue
		}
		if best == nil || s.Leaf.NotBefore.After(best.Leaf.NotBefore) {
			best = s
		}
	}
	return best
}

// errTorn says that the files of a certificate are there and make no pair.
var errTorn = errors.New("the files make no pair")

// load reads the certificate of a name that came from one authority. An error is fs.ErrNotExist if there is none, and
// errTorn if its files make no pair.
func (s *storage) load(issuer, name string) (*obtained, error) {
	keys, ctx := certmagic.StorageKeys, context.Background()
	chain, err := s.Load(ctx, keys.SiteCert(issuer, name))
	if err != nil {
		return nil, err
	}
	key, err := s.Load(ctx, keys.SitePrivateKey(issuer, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		if pair, err = s.before(keys.SitePrivateKey(issuer, name), chain, err); err != nil {
			return nil, fmt.Errorf("%w: %w", errTorn, err)
		}
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		// Names that differ may have the same path in the layout of certmagic.
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	loaded := &obtained{Certificate: &pair, issuer: issuer}
	var resource certmagic.CertificateResource
	var data acme.Certificate
	if meta, err := s.Load(ctx, keys.SiteMeta(issuer, name)); err == nil && json.Unmarshal(meta, &resource) == nil &&
		json.Unmarshal(resource.IssuerData, &data) == nil && data.RenewalInfo != nil {
		loaded.ari = *data.RenewalInfo
	}
	return loaded, nil
}

// before makes a pair of a chain and the key before: a crash came between a new key and its certificate.
func (s *storage) before(key string, chain []byte, why error) (tls.Certificate, error) {
	kept, err := os.ReadFile(s.files.Filename(key) + old)
	if err != nil {
		return tls.Certificate{}, why
	}
	pair, err := tls.X509KeyPair(chain, kept)
	if err != nil {
		return tls.Certificate{}, why
	}
	return pair, nil
}

// certmagic is the certificate as certmagic knows it.
func (s *obtained) certmagic() certmagic.Certificate {
	return certmagic.Certificate{Certificate: *s.Certificate, Names: append(slices.Clone(s.Leaf.DNSNames), addresses(s.Leaf)...)}
}

func addresses(leaf *x509.Certificate) (texts []string) {
	for _, a := range leaf.IPAddresses {
		texts = append(texts, a.String())
	}
	return texts
}

// same reports whether another holds the same chain.
func (s *obtained) same(other certmagic.Certificate) bool {
	return slices.EqualFunc(s.Certificate.Certificate, other.Certificate.Certificate, slices.Equal)
}

// keepWindow stores the window of a certificate where certmagic does.
func (s *storage) keepWindow(ctx context.Context, issuer, name string, window acme.RenewalInfo) error {
	key := certmagic.StorageKeys.SiteMeta(issuer, name)
	text, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	var resource certmagic.CertificateResource
	var data acme.Certificate
	if err := json.Unmarshal(text, &resource); err != nil {
		return err
	}
	if err := json.Unmarshal(resource.IssuerData, &data); err != nil {
		return err
	}
	data.RenewalInfo = &window
	if resource.IssuerData, err = json.Marshal(data); err != nil {
		return err
	}
	if text, err = json.MarshalIndent(resource, "", "\t"); err != nil {
		return err
	}
	return s.Store(ctx, key, text)
}

// lifetime is how long a certificate is valid in all.
func (s *obtained) lifetime() time.Duration { return s.Leaf.NotAfter.Sub(s.Leaf.NotBefore) }

// short is the lifetime below which a certificate is renewed at half of it.
const short = 10 * day

// renews is when it is to be renewed: at the time that was picked from the authority's window, else when a third of its
// lifetime is left, of a short one a half. Whatever the window is, it is not later than a twentieth before the end.
func (s *obtained) renews() time.Time {
	end := s.Leaf.NotAfter
	if at := s.ari.SelectedTime; !at.IsZero() {
		if latest := end.Add(-s.lifetime() / 20); at.After(latest) {
			return latest
		}
		return at
	}
	part := s.lifetime() / 3
	if s.lifetime() < short {
		part = s.lifetime() / 2
	}
	return end.Add(-part)
}

// warns is from when an end without a renewal under way deserves attention: 14 days before, of a short lifetime a sixth.
func (s *obtained) warns() time.Time { return s.Leaf.NotAfter.Add(-min(14*day, s.lifetime()/6)) }

// overdue reports whether the authority wants it replaced long before its time, which is how it tells of a revocation
// since it has no OCSP: its window is over when it is asked for, yet more than a third of the lifetime is left.
func (s *obtained) overdue(now time.Time) bool {
	return s.ari.HasWindow() && now.After(s.ari.SuggestedWindow.End) && s.Leaf.NotAfter.Sub(now) > s.lifetime()/3
}

// showing is what clients are shown, by name. It is replaced whole, and read without a lock.
type showing struct {
	exact map[string]*tls.Certificate
	// wild has wildcards by what follows their star and dot.
	wild map[string]*tls.Certificate
	// first is that of the site's first name, for clients that name none.
	first *tls.Certificate
	// internal marks certificates signed by the gateway's own authority.
	internal map[*tls.Certificate]bool
}

// show replaces what clients are shown. o.mu is held.
func (o *Ordered) show() {
	s := &showing{exact: map[string]*tls.Certificate{}, wild: map[string]*tls.Certificate{}, internal: map[*tls.Certificate]bool{}}
	for name, e := range o.entries {
		if e.current == nil {
			continue
		}
		if o.isInternal(name) {
			s.internal[e.current.Certificate] = true
		}
		if parent, is := strings.CutPrefix(name, "*."); is {
			s.wild[parent] = e.current.Certificate
		} else {
			s.exact[name] = e.current.Certificate
		}
	}
	if len(o.config.Domains) > 0 {
		if e := o.entries[o.config.Domains[0]]; e != nil && e.current != nil {
			s.first = e.current.Certificate
		}
	}
	o.shown.Store(s)
}

// Lookup returns the certificate that is shown for a host now, expired or not; nil for none. It neither locks nor
// allocates.
func (o *Ordered) Lookup(host string) *tls.Certificate { return o.shown.Load().lookup(host) }

func (s *showing) lookup(host string) *tls.Certificate {
	if c := s.exact[host]; c != nil {
		return c
	}
	if at := strings.IndexByte(host, '.'); at > 0 {
		return s.wild[host[at+1:]]
	}
	return nil
}

// Internal reports whether the certificate that is shown for a host is signed by the gateway's own authority.
func (o *Ordered) Internal(host string) bool {
	s := o.shown.Load()
	return s.internal[s.lookup(host)]
}

// Certificate returns the certificate for a handshake; nil for none, which the caller answers as it likes. A client that
// names no host gets that of the address it connected to, else that of the site's first name. It also answers
// handshakes of TLS-ALPN-01 (RFC 8737).
func (o *Ordered) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if validates(hello) {
		return o.proof(hello)
	}
	s := o.shown.Load()
	if hello.ServerName != "" {
		return s.lookup(strings.ToLower(hello.ServerName))
	}
	if c := s.exact[localAddress(hello)]; c != nil {
		return c
	}
	return s.first
}

// proof is the certificate of a challenge that is under way. Whoever asks for another gets none: certmagic would look
// into the storage and log an error for each.
func (o *Ordered) proof(hello *tls.ClientHelloInfo) *tls.Certificate {
	if shown, found := o.expected.Load(expectedTLS(strings.ToLower(hello.ServerName))); found {
		return shown.(*tls.Certificate)
	}
	c, found := certmagic.GetACMEChallenge(hello.ServerName)
	if !found || c.Type != acme.ChallengeTypeTLSALPN01 {
		return nil
	}
	shown, err := acmez.TLSALPN01ChallengeCert(c.Challenge)
	if err != nil {
		o.config.Logger.Warn("a challenge cannot be answered", "name", hello.ServerName, "error", err)
		return nil
	}
	return shown
}

// Challenge returns the key authorization of an HTTP-01 challenge that is under way, or what a check expects, and false for
// all others: a request for them is the app's.
func (o *Ordered) Challenge(host, token string) (string, bool) {
	c, found := certmagic.GetACMEChallenge(host)
	if found && c.Type == acme.ChallengeTypeHTTP01 && c.Token == token {
		return c.KeyAuthorization, true
	}
	answer, found := o.expected.Load(expected{host, token})
	text, _ := answer.(string)
	return text, found
}
