package server

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/certificate"
	"gateway/proxy/certificate/authority"
	"gateway/proxy/filter"
	"gateway/proxy/route"
)

// tlsOptions are the flags for HTTPS that gateway serve and gateway up share.
type tlsOptions struct {
	domains, allowed []string
	maxNames         int
	email            string
	internal         bool
	serveRoot        bool
	// first and second are the authorities in the order in which they are asked.
	first, second authorityOptions
	staging       bool
	// rootFile verifies the directories in place of the roots that come with the gateway.
	rootFile   string
	dns        dnsOptions
	hsts       string
	noRedirect bool
	min        string
	http3      bool
}

// authorityOptions name a certificate authority, and the account there. The key is read from a file.
type authorityOptions struct{ ca, kid, keyFile string }

// dnsOptions name a provider of DNS zones.
type dnsOptions struct {
	provider, tokenFile, zone string
	resolvers                 []string
}

// tlsSection is the section of the help for the flags for HTTPS.
const tlsSection = "HTTPS"

// addTLSFlags adds the flags for HTTPS but those of addresses, ports and files of certificates.
func addTLSFlags(f *pflag.FlagSet, o *tlsOptions) {
	cli.InSection(f, tlsSection, func(f *pflag.FlagSet) {
		f.StringSliceVar(&o.domains, "domain", nil, "`name` of the site to order a certificate for, such as example.org, or '*.example.org' with --dns; may be repeated")
		f.StringVar(&o.email, "email", "", "`address` for the certificate authority to write to")
		f.StringSliceVar(&o.allowed, "allow-domain", nil, "`pattern`, such as '*.club.org', of hosts of routes to order certificates for; may be repeated")
		f.IntVar(&o.maxNames, "max-names", certificate.MaxNames, "hosts of routes that get a certificate, 20 new ones a day")
		f.BoolVar(&o.internal, "internal-ca", false, "sign names of home networks, such as nas.lan, with an authority of the gateway's own")
		f.BoolVar(&o.serveRoot, "serve-root", false, "serve the root of --internal-ca at /.gateway/, for phones")
		f.StringVar(&o.first.ca, "acme-ca", "letsencrypt", "certificate `authority`: letsencrypt, zerossl, google, or the URL of a directory")
		f.StringVar(&o.first.kid, "acme-eab-kid", "", "key `id` of the account at --acme-ca, if that demands one (EAB)")
		f.StringVar(&o.first.keyFile, "acme-eab-key-file", "", "`file` with the HMAC key of --acme-eab-kid")
		f.StringVar(&o.rootFile, "acme-ca-root", "", "PEM `file` with the root that signed the certificate of --acme-ca itself, for an authority of your own, such as step-ca")
		f.BoolVar(&o.staging, "acme-staging", false, "order from the staging server of Let's Encrypt, whose certificates no browser trusts")
		f.StringVar(&o.second.ca, "acme-fallback", "", "second `authority`, asked when the first did not answer for an hour (default none)")
		f.StringVar(&o.second.kid, "acme-fallback-eab-kid", "", "key `id` of the account at --acme-fallback")
		f.StringVar(&o.second.keyFile, "acme-fallback-eab-key-file", "", "`file` with the HMAC key of --acme-fallback-eab-kid")
		f.StringVar(&o.dns.provider, "dns", "", "`provider` of the DNS zone, for wildcards and machines that the internet does not reach: "+strings.Join(certificate.Providers(), ", "))
		f.StringVar(&o.dns.tokenFile, "dns-token-file", "", "`file` with the credentials for --dns: a token, or lines NAME=VALUE")
		f.StringVar(&o.dns.zone, "dns-zone", "", "`zone` that the CNAME record _acme-challenge leads to (default the zone of the name)")
		f.StringSliceVar(&o.dns.resolvers, "dns-resolver", nil, "DNS server to ask in place of the system's, as `address`[:port]; may be repeated")
		f.StringVar(&o.hsts, "hsts", "", "`age`, such as 180d, for which browsers refuse plain HTTP, whatever happens to the certificate; append '; includeSubDomains' and '; preload' to mean those too")
		f.BoolVar(&o.noRedirect, "no-redirect", false, "do not redirect from HTTP to HTTPS")
		f.StringVar(&o.min, "tls-min", "1.2", "lowest `version` of TLS: 1.2 or 1.3")
		f.BoolVar(&o.http3, "http3", false, "also serve HTTP/3, on the same port by UDP")
	})
}

// authorities are the directories that have a name.
var authorities = map[string]string{
	"letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
	"zerossl":     "https://acme.zerossl.com/v2/DV90",
	"google":      "https://dv.acme-v02.api.pki.goog/directory",
}

// stagingDirectory is that of Let's Encrypt for tests.
const stagingDirectory = "https://acme-staging-v02.api.letsencrypt.org/directory"

// orders reports that the flags name something to get certificates for.
func (o *tlsOptions) orders() bool { return len(o.domains)+len(o.allowed) > 0 }

// check checks the flags. Its errors are usage errors.
func (o *tlsOptions) check() error {
	for _, check := range []func() error{o.checkNames, o.checkNumbers, o.checkAuthorities, o.dns.check} {
		if err := check(); err != nil {
			return cli.Usage(err)
		}
	}
	return nil
}

func (o *tlsOptions) checkNames() error {
	for _, d := range o.domains {
		name, wild := strings.CutPrefix(d, "*.")
		switch {
		case !plainHost(name) || wild && net.ParseIP(name) != nil:
			return fmt.Errorf("--domain %q: it takes a host name in lower case, such as example.org or '*.example.org', or an IP address; other letters than a to z are written in ASCII, as xn--…", d)
		case wild && o.dns.provider == "" && !(o.internal && authority.Internal(name)):
			return fmt.Errorf("--domain %q: a wildcard is proved by DNS alone; add --dns PROVIDER and --dns-token-file FILE", d)
		case authority.Internal(name) && !o.internal:
			return fmt.Errorf("--domain %q: no public authority signs names of home networks; add --internal-ca", d)
		}
	}
	for _, a := range o.allowed {
		if !plainHost(strings.TrimPrefix(a, "*.")) {
			return fmt.Errorf("--allow-domain %q: it takes a host name in lower case or a pattern, such as '*.club.org'", a)
		}
	}
	if o.email != "" {
		if at, err := mail.ParseAddress(o.email); err != nil || at.Address != o.email {
			return fmt.Errorf("--email %q: it takes an address, such as admin@example.org", o.email)
		}
	}
	return nil
}

// hostName is a name that authorities issue for, in lower case (RFC 1123 section 2.1).
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// plainHost reports that a name is a host name or an IP address, as it is compared.
func plainHost(name string) bool {
	return name == route.CanonicalHost(name) && len(name) <= 253 && (net.ParseIP(name) != nil || hostName.MatchString(name))
}

func (o *tlsOptions) checkNumbers() error {
	if o.serveRoot && !o.internal {
		return errors.New("--serve-root: there is no root without --internal-ca; add that, or leave this out")
	}
	if o.maxNames < 1 {
		return fmt.Errorf("--max-names %d: it takes a number of at least 1", o.maxNames)
	}
	if o.min != "1.2" && o.min != "1.3" {
		return fmt.Errorf("--tls-min %q: it takes 1.2 or 1.3", o.min)
	}
	_, err := o.strict()
	return err
}

// strict is the value of a Strict-Transport-Security field (RFC 6797 section 6.1), empty for none.
func (o *tlsOptions) strict() (string, error) {
	if o.hsts == "" {
		return "", nil
	}
	value, err := filter.ParseHSTS(o.hsts)
	if err != nil {
		return "", fmt.Errorf("--hsts: %w", err)
	}
	return value, nil
}

func (o *tlsOptions) checkAuthorities() error {
	if o.staging && o.first.ca != "letsencrypt" {
		return errors.New("--acme-staging: it is for Let's Encrypt alone; name the directory of another staging server with --acme-ca")
	}
	if err := o.first.check("--acme-ca", "--acme-eab"); err != nil || o.second.ca == "" {
		return err
	}
	return o.second.check("--acme-fallback", "--acme-fallback-eab")
}

func (o *authorityOptions) check(flag, eab string) error {
	if o.directory() == "" {
		return fmt.Errorf("%s %q: it takes letsencrypt, zerossl, google, or the URL of a directory that begins with https://", flag, o.ca)
	}
	switch {
	case o.kid == "" && o.keyFile != "":
		return fmt.Errorf("%s-kid is missing: the key in %s-key-file has an id", eab, eab)
	case o.kid != "" && o.keyFile == "":
		return fmt.Errorf("%s-key-file is missing: the id in %s-kid has a key", eab, eab)
	case o.kid == "" && (o.ca == "zerossl" || o.ca == "google"):
		return fmt.Errorf("%s %s: this authority binds accounts; add %s-kid and %s-key-file from its page for ACME", flag, o.ca, eab, eab)
	}
	return nil
}

// directory is the URL of the authority's directory, empty when it has none.
func (o *authorityOptions) directory() string {
	if known := authorities[o.ca]; known != "" {
		return known
	}
	if u, err := url.Parse(o.ca); o.ca == "" || err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return o.ca
}

// binding reads the external account binding, nil without one.
func (o *authorityOptions) binding() (*certificate.EAB, error) {
	if o.kid == "" {
		return nil, nil
	}
	key, err := readSecret(o.keyFile)
	if err != nil {
		return nil, err
	}
	return &certificate.EAB{KeyID: o.kid, MACKey: strings.TrimSpace(string(key))}, nil
}

func (o *dnsOptions) check() error {
	switch {
	case o.provider == "" && o.tokenFile != "":
		return errors.New("--dns is missing: the credentials in --dns-token-file are for a provider")
	case o.provider == "":
	case !slices.Contains(certificate.Providers(), o.provider):
		return fmt.Errorf("--dns %q: it takes one of %s", o.provider, strings.Join(certificate.Providers(), ", "))
	case o.tokenFile == "":
		return fmt.Errorf("--dns-token-file is missing: --dns %s needs credentials, in a file that nobody else may read", o.provider)
	}
	for _, r := range o.resolvers {
		host, _, err := net.SplitHostPort(r)
		if err != nil {
			host = r
		}
		if net.ParseIP(strings.Trim(host, "[]")) == nil {
			return fmt.Errorf("--dns-resolver %q: it takes an IP address, such as 9.9.9.9 or 127.0.0.1:5353", r)
		}
	}
	return nil
}

// maxSecret is the most bytes of a file with credentials.
const maxSecret = 64 << 10

// readSecret reads a file with credentials, which others must not be able to read.
func readSecret(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Mode().Perm()&0o004 != 0 {
		err = fmt.Errorf("others may read %s; run: chmod 600 %s", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	return readShort(name)
}

// readShort reads a file that has something, and not much.
func readShort(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSecret {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxSecret)
	}
	text, err := os.ReadFile(name)
	if err == nil && len(strings.TrimSpace(string(text))) == 0 {
		err = fmt.Errorf("%s is empty", name)
	}
	return text, err
}

// roots are those of the authorities' directories, nil for those that come with the gateway.
func (o *tlsOptions) roots() (*x509.CertPool, error) {
	if o.rootFile == "" {
		return nil, nil
	}
	text, err := readShort(o.rootFile)
	if err != nil {
		return nil, fmt.Errorf("--acme-ca-root: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, cli.Usage(fmt.Errorf("--acme-ca-root %s: it has no certificate in PEM form", o.rootFile))
	}
	return roots, nil
}

// proxyFiles are the files that gateway up gives to the proxy: the flag that names one, and its name there. Files with secrets
// must not be readable by others.
var proxyFiles = []struct {
	flag, name string
	secret     bool
}{
	{"dns-token-file", "dns", true},
	{"acme-eab-key-file", "eab", true},
	{"acme-fallback-eab-key-file", "fallback-eab", true},
	{"acme-ca-root", "ca-root", false},
}

// withPort adds the usual port of DNS.
func withPort(resolver string) string {
	if _, _, err := net.SplitHostPort(resolver); err == nil {
		return resolver
	}
	return net.JoinHostPort(strings.Trim(resolver, "[]"), "53")
}

// directories are those of both authorities; the second is empty for none.
func (o *tlsOptions) directories() (first, second string) {
	if o.staging {
		return stagingDirectory, o.second.directory()
	}
	return o.first.directory(), o.second.directory()
}
