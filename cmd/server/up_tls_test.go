package server

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/stack"
)

// secretFile writes a file that nobody else may read.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestUp_PublishesHTTPSWhereThereIsACertificate(t *testing.T) {
	s := stack.Default()
	for _, step := range []struct {
		args    []string
		https   uint16
		domains []string
		tls     []string
	}{
		{nil, 0, nil, nil},
		{[]string{"--domain=example.org", "--email=a@example.org"}, 443, []string{"example.org"}, []string{"--email=a@example.org"}},
		{nil, 443, []string{"example.org"}, []string{"--email=a@example.org"}},
		{[]string{"--https=8443"}, 8443, []string{"example.org"}, []string{"--email=a@example.org"}},
		{[]string{"--tls-min=1.3", "--hsts=180d"}, 8443, []string{"example.org"}, []string{"--email=a@example.org", "--hsts=180d", "--tls-min=1.3"}},
		{[]string{"--https=0"}, 0, []string{"example.org"}, []string{"--email=a@example.org", "--hsts=180d", "--tls-min=1.3"}},
		{[]string{"--client-rate=5/s"}, 0, []string{"example.org"}, []string{"--email=a@example.org", "--hsts=180d", "--tls-min=1.3"}},
		{[]string{"--hsts=", "--tls-min=1.2", "--http3"}, 443, []string{"example.org"}, []string{"--email=a@example.org", "--http3=true"}},
		// The order stays: clients that name no host get the first.
		{[]string{"--domain=b.example.org,a.example.org"}, 443, []string{"b.example.org", "a.example.org"}, []string{"--email=a@example.org", "--http3=true"}},
		{[]string{"--domain=nas.lan", "--internal-ca", "--http3=false", "--email="}, 443, []string{"nas.lan"}, []string{"--internal-ca=true"}},
		{[]string{"--domain="}, 0, nil, []string{"--internal-ca=true"}},
		{[]string{"--allow-domain=*.lan"}, 443, nil, []string{"--allow-domain=*.lan", "--internal-ca=true"}},
	} {
		var err error
		if s, err = upWith(t, s, step.args...); err != nil {
			t.Fatalf("%q: %v", step.args, err)
		}
		if s.HTTPS != step.https || !slices.Equal(s.Domains, step.domains) || !slices.Equal(s.TLS, step.tls) {
			t.Errorf("after %q: port %d for %q with %q, want %d, %q and %q", step.args, s.HTTPS, s.Domains, s.TLS, step.https, step.domains, step.tls)
		}
		if s.HTTP3 != slices.Contains(s.TLS, "--http3=true") {
			t.Errorf("after %q HTTP/3 is %t", step.args, s.HTTP3)
		}
	}
}

func TestUp_GivesFilesToTheProxyAndKeepsThemOutOfTheSettings(t *testing.T) {
	token, key := secretFile(t, "tok-en\n"), secretFile(t, "k-ey")
	with := func(kept stack.Settings, args ...string) (stack.Settings, map[string][]byte) {
		t.Helper()
		s, secrets, err := parsedUp(t, args...).settings(kept, "tcp://engine:2376")
		if err != nil {
			t.Fatal(err)
		}
		return s, secrets
	}
	s, secrets := with(stack.Default(), "--domain=*.example.org", "--dns=cloudflare", "--dns-token-file="+token, "--acme-ca=zerossl", "--acme-eab-kid=one", "--acme-eab-key-file="+key)
	if want := map[string][]byte{"dns": []byte("tok-en\n"), "eab": []byte("k-ey")}; !maps.EqualFunc(secrets, want, slices.Equal) {
		t.Errorf("it gives %q", secrets)
	}
	for _, arg := range s.TLS {
		if strings.Contains(arg, token) || strings.Contains(arg, key) || strings.Contains(arg, "tok-en") {
			t.Errorf("the settings have %q", arg)
		}
	}
	if want := "--dns-token-file=" + stack.SecretFile("dns"); !slices.Contains(s.TLS, want) {
		t.Errorf("the proxy gets %q, want %s", s.TLS, want)
	}
	// A later run without the flag gives nothing, and the proxy keeps what it has.
	again, none := with(s, "--email=a@example.org")
	if len(none) > 0 || !slices.Contains(again.TLS, "--dns-token-file="+stack.SecretFile("dns")) {
		t.Errorf("the next run gives %q and has %q", none, again.TLS)
	}
}

func TestUp_TellsWhatIsWrongWithTheFlagsForHTTPS(t *testing.T) {
	open := secretFile(t, "token")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	empty := secretFile(t, "\n")
	for args, want := range map[string]string{
		"--https=443":                             "HTTPS needs a certificate; add --domain NAME --email ADDRESS to order one, or --cert FILE --key FILE",
		"--domain=example.org --https=80":         "--http has the same port",
		"--domain=https://example.org":            "it takes a host name in lower case, such as example.org or '*.example.org', or an IP address; other letters",
		"--domain=bücher.example":                 "as xn--",
		"--domain=a..example.org":                 "it takes a host name",
		"--domain=-a.example.org":                 "it takes a host name",
		"--domain=*.192.0.2.1":                    "it takes a host name",
		"--domain=Example.org":                    "it takes a host name",
		"--domain=*.example.org":                  "a wildcard is proved by DNS alone; add --dns PROVIDER and --dns-token-file FILE",
		"--domain=nas.lan":                        "no public authority signs names of home networks; add --internal-ca",
		"--domain=192.168.1.10":                   "no public authority signs names of home networks; add --internal-ca",
		"--domain=example.org --email=you":        "--email \"you\": it takes an address",
		"--domain=example.org --dns=route53":      "--dns \"route53\": it takes one of",
		"--domain=example.org --dns=cloudflare":   "--dns-token-file is missing",
		"--domain=example.org --acme-ca=ssl.com":  "it takes letsencrypt, zerossl, google, or the URL",
		"--domain=example.org --acme-ca=zerossl":  "this authority binds accounts; add --acme-eab-kid and --acme-eab-key-file",
		"--domain=example.org --acme-eab-kid=one": "--acme-eab-key-file is missing",
		"--domain=example.org --acme-fallback=google --acme-fallback-eab-kid=one":  "--acme-fallback-eab-key-file is missing",
		"--domain=example.org --acme-staging --acme-ca=https://ca.example.org/dir": "--acme-staging: it is for Let's Encrypt alone",
		"--domain=example.org --http3 --proxy-protocol --trusted-proxy=10.0.0.1":   "--http3 and --proxy-protocol exclude each other",
		"--domain=example.org --serve-root":                                        "there is no root without --internal-ca",
		"--domain=example.org --tls-min=1.1":                                       "--tls-min \"1.1\": it takes 1.2 or 1.3",
		"--domain=example.org --hsts=forever":                                      "--hsts: \"forever\" does not begin with an age",
		"--domain=example.org --hsts=180d;subdomains":                              "behind the age stand includeSubDomains and preload",
		"--domain=example.org --max-names=0":                                       "it takes a number of at least 1",
		"--domain=example.org --dns-resolver=dns.example.org":                      "it takes an IP address, such as 9.9.9.9",
		"--domain=example.org --allow-domain=http://*":                             "--allow-domain",
		"--domain=example.org --dns=cloudflare --dns-token-file=" + open:           "others may read " + open + "; run: chmod 600",
		"--domain=example.org --dns=cloudflare --dns-token-file=" + empty:          "is empty",
		"--domain=example.org --dns=cloudflare --dns-token-file=/nowhere":          "no such file",
	} {
		_, err := upWith(t, stack.Default(), strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		} else if !errors.As(err, new(cli.UsageError)) {
			t.Errorf("%s: %v is no usage error", args, err)
		}
	}
}

// Gateway up waits for a name whose order has not begun as for one under way, and for nothing that failed or was there.
func TestUp_WaitsForFirstOrders(t *testing.T) {
	for name, row := range map[string]struct {
		c    admin.Certificate
		want bool
	}{
		"not begun": {admin.Certificate{State: admin.CertificateWaiting}, true},
		"under way": {admin.Certificate{State: admin.CertificateOrdering}, true},
		"failed":    {admin.Certificate{State: admin.CertificateWaiting, Failures: 1}, false},
		"renewal":   {admin.Certificate{State: admin.CertificateOrdering, Expires: time.Now()}, false},
		"valid":     {admin.Certificate{State: admin.CertificateValid, Expires: time.Now()}, false},
		"refused":   {admin.Certificate{State: admin.CertificateRefused}, false},
	} {
		if got := firstOrder(row.c); got != row.want {
			t.Errorf("%s: %t, want %t", name, got, row.want)
		}
	}
}
