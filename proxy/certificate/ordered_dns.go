package certificate

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/libdns"
	"github.com/mholt/acmez/v3"
)

// provider makes the client of one company that serves DNS zones.
type provider struct {
	// required and optional are the settings of its credentials file. The value of a file that is one line without a
	// name is that of the first one, if no other is required.
	required, optional []string
	// open makes the client of the settings.
	open func(settings map[string]string) certmagic.DNSProvider
}

// providers are those of OrderConfig.DNS, by name.
var providers = map[string]provider{
	"acmedns": acmedns, "cloudflare": cloudflare, "desec": desec, "duckdns": duckdns, "gandi": gandi, "hetzner": hetzner,
	"ovh": ovh, "porkbun": porkbun, "rfc2136": rfc2136,
}

// Providers are the names for DNS.Provider, sorted.
func Providers() []string { return slices.Sorted(maps.Keys(providers)) }

// Settings says what the credentials file of a provider has: the names of its settings, required ones first. An optional
// one ends with a question mark. It is nil for a provider that is not known.
func Settings(name string) []string {
	p, known := providers[name]
	if !known {
		return nil
	}
	all := slices.Clone(p.required)
	for _, o := range p.optional {
		all = append(all, o+"?")
	}
	return all
}

// recordLife is how long resolvers may keep the records of challenges.
const recordLife = 2 * time.Minute

// newSolver makes what proves names by DNS; nil without OrderConfig.DNS.
func (o *Ordered) newSolver() (acmez.Solver, error) {
	c := o.config.DNS
	if c == nil {
		return nil, nil //nolint:nilnil // certmagic's word for none
	}
	p, known := providers[c.Provider]
	if !known {
		return nil, fmt.Errorf("no DNS provider %q; --dns is one of %s", c.Provider, strings.Join(Providers(), ", "))
	}
	settings, err := p.parse(c.Provider, c.Credentials)
	if err != nil {
		return nil, err
	}
	o.dns = redacted{p.open(settings), slices.Collect(maps.Values(settings))}
	return &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
		DNSProvider: o.dns, TTL: recordLife, Resolvers: o.config.Resolvers,
		OverrideDomain: strings.Trim(c.Zone, "."), Logger: o.zap,
	}}, nil
}

// parse reads a credentials file: one line with a token, or lines NAME=VALUE. Empty lines and those that begin with # are
// left out. Errors never hold a value.
func (p provider) parse(name, text string) (map[string]string, error) {
	settings := map[string]string{}
	for number, line := range slices.Collect(strings.Lines(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		key = strings.ToUpper(strings.TrimSpace(key))
		switch {
		case found && (slices.Contains(p.required, key) || slices.Contains(p.optional, key)):
			settings[key] = strings.Trim(strings.TrimSpace(value), `"'`)
		case len(p.required) == 1 && settings[p.required[0]] == "":
			// A token may hold a =.
			settings[p.required[0]] = line
		default:
			return nil, fmt.Errorf("line %d of the credentials for %s is no setting of it; the file has lines NAME=VALUE with %s",
				number+1, name, strings.Join(append(slices.Clone(p.required), p.optional...), ", "))
		}
	}
	for _, key := range p.required {
		if settings[key] == "" {
			return nil, fmt.Errorf("the credentials for %s have no %s; add the line %s=… to the file of --dns-token-file", name, key, key)
		}
	}
	return settings, nil
}

// redacted takes the values of settings out of the errors of a provider: some have the token in an URL.
type redacted struct {
	of      certmagic.DNSProvider
	secrets []string
}

// AppendRecords implements libdns.RecordAppender.
func (d redacted) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	done, err := d.of.AppendRecords(ctx, zone, records)
	return done, d.hide(err)
}

// DeleteRecords implements libdns.RecordDeleter.
func (d redacted) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	done, err := d.of.DeleteRecords(ctx, zone, records)
	return done, d.hide(err)
}

func (d redacted) hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range d.secrets {
		if len(secret) >= 6 {
			for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
				text = strings.ReplaceAll(text, form, "…")
			}
		}
	}
	return &recordError{text}
}

// recordError says that a provider did not change a record.
type recordError struct{ text string }

// Error implements error.
func (e *recordError) Error() string { return e.text }
