package certificate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gateway/proxy/certificate/preflight"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/libdns"
)

// identities are the names by which CAA records allow authorities (RFC 8659), by the host of the directory.
var identities = map[string][]string{
	"acme-v02.api.letsencrypt.org":         {"letsencrypt.org"},
	"acme-staging-v02.api.letsencrypt.org": {"letsencrypt.org"},
	"acme.zerossl.com":                     {"sectigo.com", "zerossl.com"},
	"dv.acme-v02.api.pki.goog":             {"pki.goog"},
	"dv.acme-v02.test-api.pki.goog":        {"pki.goog"},
}

// Check finds out whether an authority could validate a name, and orders nothing. A name that would get no certificate
// at all is checked nevertheless: somebody wants to know before adding it.
func (o *Ordered) Check(ctx context.Context, name string) []Finding {
	var found []Finding
	if o.underWildcard(name) {
		_, parent, _ := strings.Cut(name, ".")
		name = "*." + parent
	}
	if v := o.judge(name); v.Why != "" {
		found = append(found, Finding{Subject: "name", Verdict: Bad, Message: v.Why, Fix: v.Fix})
	}
	if o.isInternal(name) {
		if len(found) == 0 {
			found = append(found, Finding{Subject: "name", Verdict: Good, Message: "the gateway's own authority signs it"})
		}
		return found
	}
	return append(found, o.preflight(ctx, name)...)
}

// examine makes the checks of a name at the authority that the next order goes to.
func (o *Ordered) examine(ctx context.Context, name string) []Finding {
	return findings(preflight.Run(ctx, o.checks(name)))
}

func findings(results []preflight.Finding) []Finding {
	found := make([]Finding, len(results))
	for i, r := range results {
		found[i] = Finding{Subject: r.Subject, Verdict: Verdict(r.Verdict), Message: r.Message, Fix: r.Fix}
	}
	return found
}

// checks are the settings of the checks of a name.
func (o *Ordered) checks(name string) preflight.Config {
	o.mu.Lock()
	var r record
	if e := o.entries[name]; e != nil {
		r = e.record
	}
	o.mu.Unlock()
	i := o.issuer(name, r, time.Now())
	c := preflight.Config{
		Name: name, Folder: o.config.Folder, Directory: i.ways[0].acme.CA, Client: o.config.Client,
		Account: o.store.account(i.key), Resolvers: o.config.Resolvers,
	}
	if u, err := url.Parse(c.Directory); err == nil {
		c.Issuers = identities[u.Host]
	}
	switch {
	case o.dns != nil && !isAddress(name):
		c.TXT, c.Provider = o.txt, o.config.DNS.Provider
	case o.config.HTTPPort != 0:
		c.Expect = o.expect
	}
	if c.TXT == nil && o.config.TLSPort != 0 {
		c.ExpectTLS = o.expectTLS
	}
	return c
}

// expect answers a token as if an authority had asked for it to be there.
func (o *Ordered) expect(host, token, answer string) (forget func()) {
	key := expected{host, token}
	o.expected.Store(key, answer)
	return func() { o.expected.Delete(key) }
}

// expectTLS shows a certificate as if an authority had asked for it to be there.
func (o *Ordered) expectTLS(host string, shown *tls.Certificate) (forget func()) {
	o.expected.Store(expectedTLS(host), shown)
	return func() { o.expected.Delete(expectedTLS(host)) }
}

// expected is a token of a check, expectedTLS the host of a certificate of one.
type (
	expected    struct{ host, token string }
	expectedTLS string
)

// txt adds a TXT record where those of challenges are.
func (o *Ordered) txt(ctx context.Context, name, value string) (remove func(context.Context) error, err error) {
	if zone := strings.Trim(o.config.DNS.Zone, "."); zone != "" {
		name = zone
	}
	zone, err := certmagic.FindZoneByFQDN(ctx, o.zap, name, certmagic.RecursiveNameservers(o.config.Resolvers))
	if err != nil {
		return nil, err
	}
	made, err := o.dns.AppendRecords(ctx, zone, []libdns.Record{
		libdns.RR{Type: "TXT", Name: libdns.RelativeName(name+".", zone), Data: value, TTL: recordLife},
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := o.dns.DeleteRecords(ctx, zone, made)
		return err
	}, nil
}

// account is the URL of the account at an authority; empty if there is none yet.
func (s *storage) account(issuer string) string {
	ctx := context.Background()
	keys, err := s.List(ctx, "acme/"+certmagic.StorageKeys.Safe(issuer)+"/users", true)
	if err != nil {
		return ""
	}
	for _, key := range keys {
		var account struct{ Location string }
		if text, err := s.Load(ctx, key); err == nil && strings.HasSuffix(key, ".json") && json.Unmarshal(text, &account) == nil {
			return account.Location
		}
	}
	return ""
}

// client is the default of OrderConfig.Client.
func (c *OrderConfig) client() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute}
	if c.Roots != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: transport}
}
