package header

import (
	"strings"
	"testing"
)

func TestHeader_FindsFieldsInAnySpelling(t *testing.T) {
	var h Header
	h.Add("X-One", "1")
	h.Add("set-cookie", "a")
	h.Add("Set-Cookie", "b")
	h.Add("x_forwarded_for", "lie")
	h.Add("X-Request-Id", "theirs")
	for name, want := range map[string]string{"x-ONE": "1", "SET-COOKIE": "a", "x-request-id": "theirs", "X_Forwarded_For": "lie"} {
		if got, found := h.Lookup(name); got != want || !found {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, found := h.Lookup("X-Forwarded-For"); found {
		t.Errorf("a field of another spelling and the same kind is %q", got)
	}
	h.Del("X-Request-Id")
	if _, left := h.Lookup("x-request-id"); left || len(h) != 4 {
		t.Errorf("removing one field of a kind that many have: %v", h)
	}
	h.Drop(SetOf(Forged))
	h.Del("set-cookie")
	if len(h) != 1 || h[0].Name != "X-One" {
		t.Errorf("left: %v", h)
	}
}

func TestKindOf_KnowsEachNameAndNoOther(t *testing.T) {
	for _, list := range names {
		for _, n := range list {
			if got := KindOf(strings.ToUpper(n.name)); got != n.kind {
				t.Errorf("%s is %d, want %d", n.name, got, n.kind)
			}
			if got := KindOf(n.name + "x"); got != Other {
				t.Errorf("%sx is %d, want none", n.name, got)
			}
		}
	}
	// U+212A folds to k in Unicode, and not in HTTP.
	if got := KindOf("\u212aeep-alive"); got != Other {
		t.Errorf("a Kelvin sign passed for a k: %d", got)
	}
}

func FuzzKindOf(f *testing.F) {
	for _, seed := range []string{"X-Forwarded-For", "x_real.ip", "Proxy", "Accept", "", "FORWARDED", "Proxy-Authorization", "X-Forwardedly", "Front_End-Https", "CF-Visitor", "X-Schema", "X-Original-URL", "x_rewrite_url", "X_SSL_Client-Verify", "ssl-client-cert", "Client-Cert", "X-SSL", "Client-Certs"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := []byte(name)
		for i, c := range folded {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			case 'A' <= c && c <= 'Z':
				folded[i] = c + 'a' - 'A'
			default:
				folded[i] = '-'
			}
		}
		want := strings.HasPrefix(string(folded), "x-forwarded") || strings.HasPrefix(string(folded), "x-ssl-client-") || strings.HasPrefix(string(folded), "ssl-client-")
		for _, ours := range []string{
			"forwarded", "x-real-ip", "x-request-id", "proxy", "front-end-https", "x-url-scheme", "x-scheme", "cloudfront-forwarded-proto", "cf-visitor",
			"x-original-url", "x-rewrite-url", "client-cert", "client-cert-chain", "x-client-cert", "x-arr-clientcert",
		} {
			want = want || string(folded) == ours
		}
		if got := KindOf(name) == Forged; got != want {
			t.Errorf("is %q forged: %v, want %v", name, got, want)
		}
	})
}
