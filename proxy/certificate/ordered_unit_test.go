package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// Words are what people see: each row of the table of failures in full.
func TestOrdered_FailureTable(t *testing.T) {
	const name = "site.example.org"
	for _, row := range []struct {
		what  string
		check []Finding
		said  error
		// second is a second authority.
		second     bool
		phase      Phase
		error, fix string
		next       time.Duration
		orders     int
	}{
		{
			what: "DNS", check: []Finding{{"dns", Bad, "site.example.org has no address", "add an A record"}},
			phase: Waiting, error: "site.example.org has no address", fix: "add an A record", next: time.Minute,
		},
		{
			what: "clock", check: []Finding{{"clock", Bad, "clock 3 h off: it is ahead of that of acme.example", "start a time service"}},
			phase: Waiting, error: "clock 3 h off: it is ahead of that of acme.example", fix: "start a time service", next: time.Minute,
		},
		{
			what: "validation", said: acme.Problem{Status: 400, Type: acme.ProblemTypeConnection, Detail: "203.0.113.9: Fetching http://site.example.org/.well-known/acme-challenge/x: Timeout during connect"},
			phase: Waiting, error: "203.0.113.9: Fetching http://site.example.org/.well-known/acme-challenge/x: Timeout during connect",
			fix:  "forward ports 80 and 443 to this machine and open them in its firewall; then run: gateway certificate check site.example.org",
			next: time.Minute, orders: 1,
		},
		{
			what: "another server", said: acme.Problem{Status: 403, Type: acme.ProblemTypeUnauthorized, Detail: "203.0.113.9: Invalid response: 404"},
			phase: Waiting, error: "203.0.113.9: Invalid response: 404",
			fix:  "another server answers for site.example.org: let its A and AAAA records lead here; then run: gateway certificate check site.example.org",
			next: time.Minute, orders: 1,
		},
		{
			what: "no record", said: acme.Problem{Status: 400, Type: acme.ProblemTypeDNS, Detail: "DNS problem: NXDOMAIN looking up A for site.example.org"},
			phase: Waiting, error: "DNS problem: NXDOMAIN looking up A for site.example.org",
			fix:  "add an A or AAAA record for site.example.org that leads here, and run: gateway certificate check site.example.org",
			next: time.Minute, orders: 1,
		},
		{
			what: "CAA", said: acme.Problem{Status: 403, Type: acme.ProblemTypeCAA, Detail: "CAA record for example.org prevents issuance"},
			phase: Waiting, error: "CAA record for example.org prevents issuance",
			fix: "allow the certificate authority in the CAA record of site.example.org, or remove the record", next: time.Minute, orders: 1,
		},
		{
			what: "token", said: fmt.Errorf("presenting for challenge: adding temporary record for zone %q: %w", "example.org.", &recordError{"got error status: HTTP 403"}),
			phase: Waiting, error: "the DNS record of the challenge is not there: got error status: HTTP 403",
			fix:  "check the zone, and that the token of --dns-token-file may change it; then run: gateway certificate check site.example.org",
			next: time.Minute, orders: 1,
		},
		{
			what: "429", said: acme.Problem{Status: 429, Type: acme.ProblemTypeRateLimited, Detail: "too many certificates already issued, retry after 2000-01-02 03:04:05 UTC"},
			phase: Limited, error: "limited until 2000-01-02 03:04 UTC: too many certificates already issued, retry after 2000-01-02 03:04:05 UTC",
			fix: "wait; nothing else helps", next: 27*time.Hour + 4*time.Minute + 5*time.Second, orders: 1,
		},
		{
			what: "429 without a time", said: acme.Problem{Status: 429, Type: acme.ProblemTypeRateLimited, Detail: "slow down"},
			phase: Limited, error: "limited until 2000-01-01 01:00 UTC: slow down", fix: "wait; nothing else helps", next: time.Hour, orders: 1,
		},
		{
			what: "down", said: &url.Error{Op: "Get", URL: "https://acme.example/dir", Err: errors.New("dial tcp 192.0.2.1:443: connect: connection refused")},
			phase: Waiting, error: "unreachable since 2000-01-01 00:00 UTC: dial tcp 192.0.2.1:443: connect: connection refused",
			fix: "wait, or have a second authority", next: time.Minute, orders: 1,
		},
		{
			what: "down, with a second authority", said: acme.Problem{Status: 503, Detail: "The service is down for maintenance."}, second: true,
			phase: Waiting, error: "unreachable since 2000-01-01 00:00 UTC: The service is down for maintenance.",
			fix: "wait; the second authority is asked an hour after the first one failed", next: time.Minute, orders: 1,
		},
		{
			what: "disk", said: errors.New("failed storage check: open /var/lib/x: no space left on device - storage is probably misconfigured"),
			phase: Waiting, error: "cannot store: no space left on device", fix: "free space for FOLDER", next: time.Minute, orders: 1,
		},
		{
			what: "read-only", said: errors.New("failed storage check: open /var/lib/x: read-only file system - storage is probably misconfigured"),
			phase: Waiting, error: "cannot store: read-only file system", fix: "let the gateway write to FOLDER", next: time.Minute, orders: 1,
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newStandIn(t), newStandIn(t)
				a.set(row.said)
				all := []*standIn{a, b}[:1]
				if row.second {
					all = []*standIn{a, b}
				}
				c := standInConfig(t, name)
				o := openAt(t, c, all...)
				o.preflight = func(context.Context, string) []Finding { return row.check }
				began := time.Now()
				defer begin(t, o)()
				s := stateIn(o, name)
				fix := strings.ReplaceAll(row.fix, "FOLDER", c.Folder)
				if s.Phase != row.phase || s.Error != row.error || s.Fix != fix || s.Failures != 1 || s.Next.Sub(began) != row.next || a.orders() != row.orders || b.orders() != 0 {
					t.Errorf("%d orders, next in %v, state %+v", a.orders(), s.Next.Sub(began), s)
				}
			})
		})
	}
}

func TestOrdered_WaitsLongerAfterEachFailureAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		a.set(acme.Problem{Status: 400, Type: acme.ProblemTypeConnection, Detail: "no"})
		c := standInConfig(t, "site.example.org")
		stop := begin(t, openAt(t, c, a))
		for n, wait := range []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, day, day} {
			if got := a.orders(); got != n+1 {
				t.Fatalf("%d orders, want %d", got, n+1)
			}
			after(wait - 10*time.Second)
			stop()
			// A restart, and each second one of a crash loop.
			for range 5 {
				stop = begin(t, openAt(t, c, a))
				stop()
			}
			if got := a.orders(); got != n+1 {
				t.Fatalf("%d orders ten seconds before the wait of %v is over, want %d", got, wait, n+1)
			}
			stop = begin(t, openAt(t, c, a))
			after(11 * time.Second)
		}
		a.set(nil)
		after(day)
		o := openAt(t, c, a)
		if s := stateIn(o, "site.example.org"); s.Phase != Valid || s.Failures != 0 || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		o.cache.Stop()
		stop()
	})
}

// What was stored while the clock was a year ahead makes nobody wait a year.
func TestOrdered_ForgetsWaitsOfAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := standInConfig(t, "site.example.org")
		s, err := newStorage(c.Folder, c.Logger)
		if err != nil {
			t.Fatal(err)
		}
		later := time.Now().AddDate(1, 0, 0)
		if err := s.keep("site.example.org", record{Failures: 3, Last: later, Next: later.Add(time.Minute), Limited: later.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		names := map[string]time.Time{}
		for i := range newNames {
			names[fmt.Sprintf("h%d.example.org", i)] = later
		}
		if err := s.keepNames(names); err != nil {
			t.Fatal(err)
		}
		c.Allowed = []string{"*.example.org"}
		a := newStandIn(t)
		o := openAt(t, c, a)
		o.SetHosts([]Host{{Name: "new.example.org"}})
		defer begin(t, o)()
		if s := stateIn(o, "site.example.org"); s.Phase != Valid {
			t.Errorf("state %+v", s)
		}
		after(day + 2*time.Minute)
		if s := stateIn(o, "new.example.org"); s.Phase != Valid {
			t.Errorf("a day later: %+v", s)
		}
	})
}

func TestOrdered_SecondAuthorityAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newStandIn(t), newStandIn(t)
		a.set(acme.Problem{Status: 503, Detail: "down"})
		o := openAt(t, standInConfig(t, "site.example.org"), a, b)
		defer begin(t, o)()
		after(59 * time.Minute)
		if b.orders() != 0 {
			t.Error("the second authority is asked before the hour is over")
		}
		first := a.orders()
		after(2 * time.Minute)
		if s := stateIn(o, "site.example.org"); s.Phase != Valid || b.orders() != 1 || a.orders() != first {
			t.Errorf("%d orders at the second, %d more at the first: %+v", b.orders(), a.orders()-first, s)
		}
	})
}

func TestOrdered_RenewsAndWarns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		o := openAt(t, standInConfig(t, "site.example.org"), a)
		defer begin(t, o)()
		after(60*day - time.Hour)
		if a.orders() != 1 {
			t.Errorf("%d orders before a third of the lifetime is left", a.orders())
		}
		shown := o.Lookup("site.example.org")
		a.set(acme.Problem{Status: 400, Type: acme.ProblemTypeConnection, Detail: "no"})
		after(2 * time.Hour)
		s := stateIn(o, "site.example.org")
		if s.Phase != Waiting || s.Error != "no" || s.Warning != "" || o.Lookup("site.example.org") != shown {
			t.Errorf("after a failed renewal: %+v", s)
		}
		after(17 * day)
		if s := stateIn(o, "site.example.org"); s.Warning != "ends in 12 days, and no renewal is under way" {
			t.Errorf("12 days before the end: %+v", s)
		}
		after(14 * day)
		s = stateIn(o, "site.example.org")
		if s.Phase != Expired || o.Lookup("site.example.org") != shown {
			t.Errorf("after the end: %+v", s)
		}
		a.set(nil)
		after(day)
		if s := stateIn(o, "site.example.org"); s.Phase != Valid || s.Warning != "" || o.Lookup("site.example.org") == shown {
			t.Errorf("when it can be renewed again: %+v", s)
		}
	})
}

func TestOrdered_RenewsAtOnceAfterACheckThatCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		o := openAt(t, standInConfig(t, "site.example.org"), a)
		var found atomic.Pointer[Finding]
		found.Store(&Finding{Subject: "dns", Verdict: Bad, Message: "no address", Fix: "add the record"})
		o.preflight = func(context.Context, string) []Finding { return []Finding{*found.Load()} }
		defer begin(t, o)()
		after(30 * time.Second)
		if s := stateIn(o, "site.example.org"); s.Error != "no address" || a.orders() != 0 {
			t.Fatalf("%d orders, state %+v", a.orders(), s)
		}
		a.set(acme.Problem{Status: 400, Type: acme.ProblemTypeConnection, Detail: "no"})
		found.Store(&Finding{Subject: "dns", Verdict: Good})
		if err := o.Renew("site.example.org", false); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if a.orders() != 1 {
			t.Errorf("%d orders", a.orders())
		}
		// That one was an order.
		if err := o.Renew("site.example.org", false); !errors.Is(err, ErrLimited) {
			t.Errorf("after a failed validation: %v", err)
		}
	})
}

func TestOrdered_ExpiredSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		c := standInConfig(t, "site.example.org")
		o := openAt(t, c, a)
		begin(t, o)()
		after(100 * day)
		again := openAt(t, c, a)
		defer again.cache.Stop()
		s := stateIn(again, "site.example.org")
		if s.Phase != Expired || s.Fix != "run: gateway certificate renew site.example.org" || again.Lookup("site.example.org") == nil {
			t.Errorf("state %+v", s)
		}
	})
}

func TestOrdered_ReplacesWhatIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		o := openAt(t, standInConfig(t, "site.example.org"), a)
		defer begin(t, o)()
		shown := o.Lookup("site.example.org")
		// This is what certmagic does with a certificate whose OCSP response says so.
		if err := o.stapler.RenewCertAsync(t.Context(), "site.example.org", true); !errors.Is(err, errLeft) {
			t.Errorf("certmagic replaces it by itself: %v", err)
		}
		synctest.Wait()
		if s := stateIn(o, "site.example.org"); s.Replaced != "revoked" || s.Phase != Valid || o.Lookup("site.example.org") == shown || a.orders() != 2 {
			t.Errorf("%d orders, state %+v", a.orders(), s)
		}
	})
}

func TestOrdered_InternalNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := standInConfig(t, "nas.lan", "192.168.1.10")
		c.Internal = true
		o, err := NewOrdered(c)
		if err != nil {
			t.Fatal(err)
		}
		defer begin(t, o)()
		roots := x509.NewCertPool()
		roots.AddCert(o.Authority().Root())
		for _, name := range c.Domains {
			shown := o.Lookup(name)
			if shown == nil {
				t.Fatalf("%s: %+v", name, stateIn(o, name))
			}
			between := x509.NewCertPool()
			for _, der := range shown.Certificate[1:] {
				if parsed, err := x509.ParseCertificate(der); err == nil {
					between.AddCert(parsed)
				}
			}
			if _, err := shown.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name, CurrentTime: time.Now()}); err != nil {
				t.Error(err)
			}
			if s := stateIn(o, name); s.Source != "internal" || s.Challenge != "" || s.Phase != Valid || !o.Internal(name) {
				t.Errorf("state %+v", s)
			}
		}
		before := o.Lookup("nas.lan")
		after(3*day + 13*time.Hour)
		if o.Lookup("nas.lan") == before {
			t.Error("a certificate of seven days is not renewed at half of them")
		}
	})
}

func TestOrdered_ShowsWithoutAllocating(t *testing.T) {
	o := &Ordered{entries: map[string]*entry{}, isInternal: func(string) bool { return false }}
	one := func() *obtained {
		i := named(t, "x")
		pair, err := tls.X509KeyPair(i.certificate, i.key)
		if err != nil {
			t.Fatal(err)
		}
		return &obtained{Certificate: &pair}
	}
	exact, wild := one(), one()
	o.entries["a.example.org"], o.entries["*.example.org"] = &entry{current: exact}, &entry{current: wild}
	o.config.Domains = []string{"a.example.org"}
	o.show()
	for _, c := range []struct {
		host string
		want *tls.Certificate
	}{{"a.example.org", exact.Certificate}, {"b.example.org", wild.Certificate}, {"c.b.example.org", nil}, {"example.org", nil}, {"org", nil}, {"", nil}} {
		if got := o.Lookup(c.host); got != c.want {
			t.Errorf("%q: %v", c.host, got)
		}
		hello := &tls.ClientHelloInfo{ServerName: strings.ToUpper(c.host)}
		if got := o.Certificate(hello); c.host != "" && got != c.want {
			t.Errorf("in a handshake, %q: %v", c.host, got)
		}
	}
	if o.Certificate(&tls.ClientHelloInfo{}) != exact.Certificate {
		t.Error("a client that names no host is not shown the first of the site")
	}
	if o.Certificate(&tls.ClientHelloInfo{ServerName: "a.example.org", SupportedProtos: []string{"acme-tls/1"}}) != nil {
		t.Error("a challenge that is not under way is answered")
	}
	if n := testing.AllocsPerRun(100, func() { o.Lookup("b.example.org") }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func TestOrdered_RefusesSettings(t *testing.T) {
	for _, c := range []struct {
		change func(*OrderConfig)
		want   string
	}{
		{func(c *OrderConfig) { c.Domains = []string{"*.example.org"} }, "*.example.org: a wildcard is proved by DNS alone; add --dns and --dns-token-file"},
		{func(c *OrderConfig) { c.Directory = "http://acme.example/dir" }, `the directory of a certificate authority is an https URL, not "http://acme.example/dir"; fix --acme-ca`},
		{func(c *OrderConfig) { c.DNS = &DNS{Provider: "route53"} }, `no DNS provider "route53"; --dns is one of acmedns, cloudflare, desec, duckdns, gandi, hetzner, ovh, porkbun, rfc2136`},
	} {
		config := standInConfig(t, "site.example.org")
		c.change(&config)
		if _, err := NewOrdered(config); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// No setting of the package leads to Let's Encrypt unless it is asked for.
func TestOrdered_AsksOnlyTheAuthorityOfItsSettings(t *testing.T) {
	c := standInConfig(t, "site.example.org")
	c.Fallback, c.HTTPHost = "https://127.0.0.1:2/dir", "192.0.2.1"
	o, err := NewOrdered(c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.cache.Stop()
	for _, i := range []*issuer{o.first, o.second, o.addresses} {
		for _, w := range i.ways {
			if len(w.config.Issuers) != 1 || w.config.Issuers[0] != certmagic.Issuer(w.acme) || !strings.HasPrefix(w.acme.CA, "https://127.0.0.1:") || w.acme.TestCA != "" {
				t.Errorf("%s: %v", i.key, w.config.Issuers)
			}
			if !w.acme.DisableDistributedSolvers || w.acme.AltHTTPPort != 80 || w.acme.AltTLSALPNPort != 443 || w.acme.ListenHost != map[string]string{acme.ChallengeTypeHTTP01: "192.0.2.1"}[w.challenge]+map[string]string{acme.ChallengeTypeTLSALPN01: "127.0.0.1"}[w.challenge] {
				t.Errorf("%s would listen elsewhere than the proxy", i.key)
			}
		}
	}
}

// Nothing asks for the listeners again and again while they are closed.
func TestEntry_WaitsWhileTheListenersAreClosed(t *testing.T) {
	now := time.Now()
	ended := &obtained{Certificate: &tls.Certificate{Leaf: &x509.Certificate{NotBefore: now.Add(-90 * day), NotAfter: now}}}
	for name, e := range map[string]*entry{"new": {}, "due": {current: ended}, "asked for": {current: ended, forced: true}} {
		e.record.fail(&failure{kind: closed}, now, false)
		e.closed = e.record.Next
		if due := e.due(now); due.Sub(now) != 2*time.Second || e.record.Failures != 0 {
			t.Errorf("%s: due in %v, %d failures", name, due.Sub(now), e.record.Failures)
		}
	}
}

// A read that fails says nothing of the file: it is used again when it can be read, and no quota is spent.
func TestOrdered_LeavesFilesThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		c := standInConfig(t, "site.example.org")
		begin(t, openAt(t, c, a))()
		path := filepath.Join(c.Folder, "certificates", "stand-in", "site.example.org", "site.example.org.crt")
		if err := errors.Join(os.Rename(path, path+"-"), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		o := openAt(t, c, a)
		if o.Lookup("site.example.org") != nil {
			t.Error("a folder is a certificate")
		}
		if err := errors.Join(os.Remove(path), os.Rename(path+"-", path)); err != nil {
			t.Fatal(err)
		}
		defer begin(t, o)()
		if s := stateIn(o, "site.example.org"); s.Phase != Valid || a.orders() != 1 {
			t.Errorf("%d orders, %+v", a.orders(), s)
		}
	})
}
