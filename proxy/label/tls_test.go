package label

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// clientCA makes the PEM certificate of an authority.
func clientCA(t testing.TB) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func TestParse_ReadsWhetherARouteRedirectsToHTTPS(t *testing.T) {
	for value, want := range map[string]bool{"on": false, "off": true} {
		if got := policy(t, map[string]string{TLSRedirect: value}); got.PlainHTTP != want {
			t.Errorf("%s: %v", value, got.PlainHTTP)
		}
	}
	refuses(t, []refusal{
		{TLSRedirect, "", "on or off", "write on or off"},
		{TLSRedirect, "false", "on or off", "write off"},
		{TLSRedirect, "308", "on or off", "write on or off"},
	})
}

func TestParse_ReadsTheAuthoritiesOfClients(t *testing.T) {
	one, other := clientCA(t), clientCA(t)
	for name, c := range map[string]struct{ value, want string }{
		"one":               {one, one},
		"two":               {one + other, one + other},
		"with comments":     {"# ours\n" + strings.TrimSpace(one) + "\r\n\nsubject=x\n" + other, one + other},
		"with CR LF":        {strings.ReplaceAll(one, "\n", "\r\n"), one},
		"with other breaks": {strings.ReplaceAll(one, "\n", "\n\n"), one},
	} {
		for _, host := range []string{"admin.example.org", "Admin.Example.org."} {
			if got := policy(t, map[string]string{TLSClient: c.value, Host: host}); got.ClientCA != c.want {
				t.Errorf("%s: %q, want %q", name, got.ClientCA, c.want)
			}
		}
	}
}

func TestParse_TellsRuleAndFixOfClientAuthorities(t *testing.T) {
	one := clientCA(t)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))
	for name, c := range map[string]struct{ value, message, fix string }{
		"nothing":         {"", "PEM", "BEGIN CERTIFICATE"},
		"a file's name":   {"/etc/ca.pem", "PEM", "BEGIN CERTIFICATE"},
		"one line":        {strings.ReplaceAll(one, "\n", " "), "can be read", "line breaks"},
		"a key":           {one + key, "private key", "replace the key"},
		"a request":       {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", `"CERTIFICATE REQUEST"`, "BEGIN CERTIFICATE"},
		"no certificate":  {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "part 1 is no certificate", "BEGIN CERTIFICATE"},
		"half of another": {one + one[:len(one)/2], "follows 1 certificates", "END CERTIFICATE"},
		"too much":        {strings.Repeat(one, 100), "16384 is the most", "shorter"},
	} {
		labels := map[string]string{Path: "/x", Host: "a.org", TLSClient: c.value, "gateway.routes.other.path": "/other"}
		claims, problems := Parse(labels)
		if len(claims) != 1 || len(problems) != 1 || problems[0].Label != TLSClient || problems[0].Route != "a.org/x" ||
			!strings.Contains(problems[0].Message, c.message) || !strings.Contains(problems[0].Fix, c.fix) {
			t.Errorf("%s: got %+v, %+v", name, claims, problems)
		}
		if len(problems) > 0 && (strings.Contains(problems[0].Message, "MII") || strings.Contains(problems[0].Message, "c2VjcmV0")) {
			t.Errorf("%s: the problem shows what the label has: %+v", name, problems[0])
		}
	}
	for host, fix := range map[string]string{"": "gateway.host=admin.example.org", "192.0.2.1": "write a name", "[::1]": "write a name"} {
		labels := map[string]string{Path: "/x", TLSClient: one}
		if host != "" {
			labels[Host] = host
		}
		claims, problems := Parse(labels)
		if len(claims) != 0 || len(problems) != 1 || problems[0].Label != TLSClient || !strings.Contains(problems[0].Fix, fix) {
			t.Errorf("with the host %q: got %+v, %+v", host, claims, problems)
		}
	}
	claims, problems := Parse(map[string]string{"gateway.routes.a.path": "/", "gateway.routes.a.tls.client": one})
	if len(claims) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Fix, "gateway.routes.a.host=") {
		t.Errorf("a further route without a host: got %+v, %+v", claims, problems)
	}
}

func TestParseOptions_ReadsTheAuthoritiesOfClients(t *testing.T) {
	one := clientCA(t)
	claim, problems := ParseOptions(map[string]string{"path": "/", "host": "a.org", "tls.client": one, "tls.redirect": "off"})
	if want := (route.Policy{ClientCA: one, PlainHTTP: true}); len(problems) != 0 || claim.Policy.ClientCA != want.ClientCA || !claim.Policy.PlainHTTP {
		t.Errorf("got %+v, %+v", claim.Policy, problems)
	}
	_, problems = ParseOptions(map[string]string{"path": "/", "tls.client": one})
	if len(problems) != 1 || problems[0].Label != "tls.client" || !strings.Contains(problems[0].Fix, "host=admin.example.org") {
		t.Errorf("without a host: %+v", problems)
	}
}

func FuzzClientAuthorities(f *testing.F) {
	one := clientCA(f)
	f.Add(one)
	f.Add(one[:100] + "\n" + one)
	f.Add("-----BEGIN CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, value string) {
		labels := map[string]string{Path: "/x", Host: "a.org", TLSClient: value}
		claims, problems := Parse(labels)
		bounded(t, problems)
		if len(claims)+len(problems) != 1 {
			t.Fatalf("%q: got %+v, %+v", value, claims, problems)
		}
		if len(problems) == 1 {
			return
		}
		kept := claims[0].Policy.ClientCA
		labels[TLSClient] = kept
		if again, _ := Parse(labels); kept == "" || len(kept) <= maxClientCA && (len(again) != 1 || again[0].Policy.ClientCA != kept) {
			t.Fatalf("%q is %q, which cannot be read back", value, kept)
		}
	})
}
