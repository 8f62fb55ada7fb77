package certificate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

func TestPebble_HTTP01(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("site.example.com")
	c.Email = ""
	o, stop := l.run(c)
	s := l.valid(o, "site.example.com")
	if s.Challenge != "http-01" || !strings.Contains(s.Issuer, "Pebble") || s.Source != "acme" || !s.Renews.Before(s.Expires) {
		t.Errorf("state %+v", s)
	}
	if got := l.leaf("site.example.com").DNSNames; !slices.Equal(got, []string{"site.example.com"}) {
		t.Errorf("shown: %v", got)
	}
	if n := len(l.ordered()); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
	stop()
	private(t, c.Folder)

	again, _ := l.run(c)
	if s := stateIn(again, "site.example.com"); s.Phase != Valid || s.Challenge != "http-01" {
		t.Errorf("after a restart: %+v", s)
	}
	if got := l.leaf("site.example.com").DNSNames; len(got) != 1 {
		t.Errorf("shown after a restart: %v", got)
	}
	if n := len(l.ordered()); n != 1 {
		t.Errorf("a restart ordered again")
	}
}

func TestPebble_TLSALPN01(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("alpn.example.com")
	c.HTTPPort = 0
	o, _ := l.run(c)
	if s := l.valid(o, "alpn.example.com"); s.Challenge != "tls-alpn-01" {
		t.Errorf("state %+v", s)
	}
}

// proveByDNS lets a configuration prove names by the zone.
func (l *lab) proveByDNS(c OrderConfig) OrderConfig {
	c.DNS = &DNS{Provider: "rfc2136", Credentials: "SERVER=" + l.zone.address + "\nKEY_NAME=k.\nKEY=" + tsigKey + "\n"}
	return c
}

func TestPebble_DNS01OfAWildcard(t *testing.T) {
	l := newLab(t, nil)
	o, _ := l.run(l.proveByDNS(l.config("*.home.example.com")))
	o.SetHosts([]Host{{Name: "nas.home.example.com"}, {Name: "tv.home.example.com"}})
	if s := l.valid(o, "*.home.example.com"); s.Challenge != "dns-01" {
		t.Errorf("state %+v", s)
	}
	if shown := o.Lookup("nas.home.example.com"); shown == nil || shown.Leaf.DNSNames[0] != "*.home.example.com" {
		t.Error("the wildcard is not shown for a host below it")
	}
	if o.Lookup("a.nas.home.example.com") != nil {
		t.Error("the star stands for two labels")
	}
	if n := len(l.ordered()); n != 1 || len(o.States()) != 1 {
		t.Errorf("%d orders for a wildcard and hosts below it, want 1: %+v", n, o.States())
	}
	if left := l.zone.left(); len(left) > 0 {
		t.Errorf("records were left: %v", left)
	}
}

func TestPebble_DNS01InAnotherZone(t *testing.T) {
	l := newLab(t, nil)
	c := l.proveByDNS(l.config("delegated.example.com"))
	c.DNS.Zone = "_acme-challenge.throwaway.example.com"
	l.zone.lead("_acme-challenge.delegated.example.com", c.DNS.Zone)
	o, _ := l.run(c)
	l.valid(o, "delegated.example.com")
}

func TestPebble_ExternalAccountBinding(t *testing.T) {
	l := newLab(t, map[string]any{"externalAccountBindingRequired": true, "externalAccountMACKeys": map[string]string{"kid-1": macKey}})
	o, stop := l.run(l.config("eab.example.com"))
	s := l.until(o, "eab.example.com", func(s State) bool { return s.Failures > 0 })
	if s.Phase != Waiting || s.Fix != "add --acme-eab-kid and --acme-eab-key-file; the authority's website has both" {
		t.Errorf("without: %+v", s)
	}
	stop()
	c := l.config("eab.example.com")
	c.EAB = &EAB{KeyID: "kid-1", MACKey: macKey}
	o, _ = l.run(c)
	l.valid(o, "eab.example.com")
}

func TestPebble_IPAddressHasAShortLife(t *testing.T) {
	// pebble draws one of its profiles unless it is asked for one.
	l := newLab(t, map[string]any{"profiles": map[string]any{
		"default":    map[string]any{"description": "usual", "validityPeriod": 7776000},
		"shortlived": map[string]any{"description": "six days", "validityPeriod": 576000},
	}})
	o := l.open(l.config("127.0.0.1"))
	// 127.0.0.1 stands for a public address.
	o.isInternal = func(string) bool { return false }
	o.SetHosts(nil)
	l.serve(o)
	s := l.valid(o, "127.0.0.1")
	if life := s.Expires.Sub(s.NotBefore).Round(time.Hour); life != 160*time.Hour {
		t.Errorf("it lives %v, want 160h", life)
	}
	if got := l.leaf("").IPAddresses; len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("a client that names no host is shown %v", got)
	}
}

// setWindow tells the authority when a certificate is to be renewed.
func (l *lab) setWindow(leaf []byte, from, to time.Time) {
	l.t.Helper()
	window, err := json.Marshal(map[string]any{"suggestedWindow": map[string]any{"start": from, "end": to}})
	if err != nil {
		l.t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"certificate": string(leaf), "ariResponse": string(window)})
	if err != nil {
		l.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	r, err := client.Post(l.management+"/set-renewal-info/", "application/json", strings.NewReader(string(body)))
	if err != nil {
		l.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(r.Body)
		l.t.Fatalf("set-renewal-info: %s %s", r.Status, text)
	}
}

// askNow lets an Ordered ask for the window of a certificate at once.
func askNow(t *testing.T, o *Ordered, name string) {
	t.Helper()
	o.mu.Lock()
	e := o.entries[name]
	e.asked = time.Time{}
	c := *e.current
	c.ari.RetryAfter = nil
	e.current = &c
	o.mu.Unlock()
	o.maintainOnce(t.Context())
}

func TestPebble_RenewsWhenTheAuthorityWantsIt(t *testing.T) {
	l := newLab(t, nil)
	o, _ := l.run(l.config("ari.example.com"))
	first := l.valid(o, "ari.example.com")
	meta, err := o.store.Load(t.Context(), certmagic.StorageKeys.SiteMeta(o.first.key, "ari.example.com"))
	if err != nil || !strings.Contains(string(meta), "suggestedWindow") {
		t.Fatalf("no window is stored: %v %s", err, meta)
	}
	if left := first.Expires.Sub(first.Renews); left < 25*day || left > 35*day {
		t.Errorf("it is to be renewed %v before its end", left)
	}
	leaf := l.leaf("ari.example.com")
	l.setWindow(pemOf(leaf), time.Now().Add(-2*time.Hour), time.Now().Add(time.Second))
	askNow(t, o, "ari.example.com")
	l.until(o, "ari.example.com", func(s State) bool { return len(l.ordered()) == 2 && s.Phase == Valid })
	if l.leaf("ari.example.com").SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Errorf("the old one is shown after the renewal: %+v", stateIn(o, "ari.example.com"))
	}
	orders := l.ordered()
	if strings.Contains(orders[0], `"replaces"`) || !strings.Contains(orders[1], `"replaces"`) {
		t.Errorf("the orders are %v; the second says what it replaces", orders)
	}
}

func TestPebble_ReplacesARevokedCertificate(t *testing.T) {
	l := newLab(t, nil)
	o, _ := l.run(l.config("revoked.example.com"))
	l.valid(o, "revoked.example.com")
	leaf := l.leaf("revoked.example.com")
	if err := o.first.ways[0].acme.Revoke(t.Context(), certmagic.CertificateResource{CertificatePEM: pemOf(leaf)}, 0); err != nil {
		t.Fatal(err)
	}
	// What pebble says by itself is a window of a second, which RFC 9773 does not count as one.
	l.setWindow(pemOf(leaf), time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	askNow(t, o, "revoked.example.com")
	s := l.until(o, "revoked.example.com", func(s State) bool { return s.Replaced != "" && s.Phase == Valid })
	if s.Replaced != "revoked" || l.leaf("revoked.example.com").SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Errorf("state %+v", s)
	}
}

func TestPebble_RenewsByForceAlone(t *testing.T) {
	l := newLab(t, nil)
	o, _ := l.run(l.config("force.example.com"))
	l.valid(o, "force.example.com")
	if err := o.Renew("force.example.com", false); err != nil || len(l.ordered()) != 1 {
		t.Errorf("without force: %v, %d orders", err, len(l.ordered()))
	}
	leaf := l.leaf("force.example.com")
	if err := o.Renew("", true); err != nil {
		t.Fatal(err)
	}
	l.until(o, "force.example.com", func(s State) bool {
		return s.Phase == Valid && l.leaf("force.example.com").SerialNumber.Cmp(leaf.SerialNumber) != 0
	})
}

func TestPebble_SlowAuthority(t *testing.T) {
	l := newLab(t, nil)
	l.set(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
		return false
	}, nil)
	o, _ := l.run(l.config("slow.example.com"))
	l.until(o, "slow.example.com", func(s State) bool { return s.Phase == Ordering })
	l.valid(o, "slow.example.com")
	if n := len(l.ordered()); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestPebble_UnsureCheckAsksStagingFirst(t *testing.T) {
	l := newLab(t, nil)
	staging := l.another(nil)
	c := l.config("unsure.example.com")
	c.Roots.AddCert(staging.front.Certificate())
	o := l.open(c)
	for _, w := range o.first.ways {
		w.acme.TestCA = staging.front.URL + "/dir"
	}
	o.preflight = func(context.Context, string) []Finding { return []Finding{{Subject: "port 80", Verdict: Unsure}} }
	staging.set(nil, func(path string) {
		if path == "/order-plz" && len(l.ordered()) != 0 {
			t.Error("the staging server came second")
		}
	})
	l.serve(o)
	l.valid(o, "unsure.example.com")
	if a, b := len(staging.ordered()), len(l.ordered()); a != 1 || b != 1 {
		t.Errorf("%d orders at staging, %d at the authority; want one each", a, b)
	}
}

// A provider that blocks port 80 leaves the challenge on port 443.
func TestPebble_OrdersByThePortThatIsOpen(t *testing.T) {
	l := newLab(t, nil)
	o := l.open(l.config("blocked.example.com"))
	o.preflight = func(context.Context, string) []Finding {
		return []Finding{{Subject: "port 80", Verdict: Unsure}, {Subject: "port 443", Verdict: Good}}
	}
	l.serve(o)
	if s := l.valid(o, "blocked.example.com"); s.Challenge != "tls-alpn-01" || len(l.ordered()) != 1 {
		t.Errorf("%d orders, state %+v", len(l.ordered()), s)
	}
}

func TestPebble_TwoHundredNamesAtStart(t *testing.T) {
	l := newLab(t, nil)
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("n%03d.example.com", i))
	}
	o, _ := l.run(l.config(names...))
	most := 0
	await(t, "200 certificates", func() bool {
		count := map[Phase]int{}
		for _, s := range o.States() {
			count[s.Phase]++
		}
		o.mu.Lock()
		most = max(most, o.running)
		o.mu.Unlock()
		return count[Valid] == len(names)
	})
	if n := len(l.ordered()); n != len(names) || most > concurrent {
		t.Errorf("%d orders, %d at a time; want %d and %d at the most", n, most, len(names), concurrent)
	}
}
