package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"gateway/proxy/admin"
)

// certified is the certificate of the proxy of these tests.
var certified = admin.Certificate{Name: "club.org", State: admin.CertificateValid, Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}

func (p *proxy) Certificates() ([]admin.Certificate, error) {
	return []admin.Certificate{certified}, nil
}

func (p *proxy) RenewCertificate(name string, force bool) error {
	switch {
	case name == "none.org":
		return fmt.Errorf("%w: none.org", admin.ErrNoCertificate)
	case name == "file.org":
		return admin.ErrNotOrdered
	case name == "plain.org":
		return admin.ErrNoHTTPS
	case !force:
		return admin.ErrLimited
	}
	return nil
}

func (p *proxy) CheckCertificate(_ context.Context, name string) ([]admin.Finding, error) {
	if name == "silent.org" {
		return nil, nil
	}
	return []admin.Finding{{Subject: "dns", Verdict: admin.FindingGood, Message: name}}, nil
}

func TestClient_AsksForCertificates(t *testing.T) {
	client, _ := start(t, admin.Handler(&proxy{}))
	ctx := t.Context()
	if all, err := client.Certificates(ctx); err != nil || !slices.Equal(all, []admin.Certificate{certified}) {
		t.Errorf("Certificates = %+v, %v", all, err)
	}
	for name, want := range map[string]error{"none.org": admin.ErrNoCertificate, "file.org": admin.ErrNotOrdered, "plain.org": admin.ErrNoHTTPS, "a.org": admin.ErrLimited} {
		err := client.RenewCertificate(ctx, name, false)
		for _, known := range []error{admin.ErrNoCertificate, admin.ErrNotOrdered, admin.ErrNoHTTPS, admin.ErrLimited, admin.ErrNoRoute, admin.ErrRefused} {
			if errors.Is(err, known) != (known == want) {
				t.Errorf("%s: %v is %v", name, err, known)
			}
		}
	}
	if err := client.RenewCertificate(ctx, "*.club.org", true); err != nil {
		t.Errorf("by force: %v", err)
	}
	if found, err := client.CheckCertificate(ctx, "*.club.org"); err != nil || len(found) != 1 || found[0].Message != "*.club.org" {
		t.Errorf("CheckCertificate = %+v, %v", found, err)
	}
	if found, err := client.CheckCertificate(ctx, "silent.org"); err != nil || found == nil {
		t.Errorf("CheckCertificate of nothing = %#v, %v, want an empty list", found, err)
	}
	if _, err := client.CheckCertificate(ctx, ""); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("no name: %v", err)
	}
	w := httptest.NewRecorder()
	admin.Handler(&proxy{}).ServeHTTP(w, httptest.NewRequest("PUT", "/v1/certificate/renew?force=perhaps", nil))
	if w.Code != 400 {
		t.Errorf("force=perhaps: %d %s", w.Code, w.Body)
	}
}

// The words are those of the table of failures in the help.
func TestCertificate_SaysHowItStands(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	end := start.Add(90 * 24 * time.Hour)
	next := time.Date(2026, 12, 1, 13, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name              string
		c                 admin.Certificate
		left              time.Duration
		standing, problem string
		overdue           bool
	}{
		{"valid", admin.Certificate{State: "valid"}, 60 * 24 * time.Hour, "valid", "", false},
		{"a sixth is left", admin.Certificate{State: "valid"}, 15 * 24 * time.Hour, "valid", "a.org: it expires on 2027-01-30 12:00", true},
		{"more than a sixth is left", admin.Certificate{State: "valid"}, 15*24*time.Hour + time.Second, "valid", "", false},
		{"a warning", admin.Certificate{State: "valid", Source: "file", Warning: "ends in 13 days, and nothing renews it", Fix: "run: certbot renew"}, 60 * 24 * time.Hour, "valid", "a.org: ends in 13 days, and nothing renews it; fix: run: certbot renew", false},
		{"replaced", admin.Certificate{State: "valid", Replaced: "revoked"}, 60 * 24 * time.Hour, "replaced: revoked", "", false},
		{"ordering", admin.Certificate{State: "ordering"}, 0, "ordering", "", false},
		{"waiting", admin.Certificate{State: "waiting", Error: "a.org has no address", Fix: "add the record: a.org. A 1.2.3.4", Next: next}, 0, "waiting: a.org has no address", "a.org: waiting: a.org has no address; fix: add the record: a.org. A 1.2.3.4", false},
		{"waiting late", admin.Certificate{State: "waiting", Error: "refused", Fix: "x"}, time.Hour, "waiting: refused", "a.org: waiting: refused; it expires on 2027-01-30 12:00; fix: x", true},
		{"limited", admin.Certificate{State: "limited", Next: next, Error: "too many certificates"}, 0, "limited until 2026-12-01 13:30: too many certificates", "a.org: limited until 2026-12-01 13:30: too many certificates", false},
		{"limited, and the error says when", admin.Certificate{State: "limited", Next: next, Error: "limited until 2026-12-01 13:30 UTC: too many"}, 0, "limited until 2026-12-01 13:30 UTC: too many", "a.org: limited until 2026-12-01 13:30 UTC: too many", false},
		{"limited for an unknown time", admin.Certificate{State: "limited"}, 0, "limited until an unknown time", "a.org: limited until an unknown time", false},
		{"unreachable", admin.Certificate{State: "waiting", Error: "unreachable since 2026-12-01 10:00", Fix: "wait"}, 0, "unreachable since 2026-12-01 10:00", "a.org: unreachable since 2026-12-01 10:00; fix: wait", false},
		{"disk full", admin.Certificate{State: "waiting", Error: "cannot store: no space left on device", Fix: "free space"}, 0, "cannot store: no space left on device", "a.org: cannot store: no space left on device; fix: free space", false},
		{"clock", admin.Certificate{State: "waiting", Error: "clock 3 h off", Fix: "start a time service"}, 0, "clock 3 h off", "a.org: clock 3 h off; fix: start a time service", false},
		{"expired", admin.Certificate{State: "expired", Source: "acme"}, -time.Hour, "expired", "a.org: expired; fix: gateway certificate renew a.org", true},
		{"expired file", admin.Certificate{State: "expired", Source: "file"}, -time.Hour, "expired", "a.org: expired", true},
		{"refused", admin.Certificate{State: "refused", Fix: "gateway up --allow-domain a.org"}, 0, "refused", "a.org: refused; fix: gateway up --allow-domain a.org", false},
		{"unknown", admin.Certificate{State: "pondering"}, 0, "pondering", "a.org: pondering", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.c.Name = "a.org"
			now := start
			if c.left != 0 {
				c.c.NotBefore, c.c.Expires = start, end
				now = end.Add(-c.left)
			}
			if got := c.c.Standing(time.UTC); got != c.standing {
				t.Errorf("it stands %q, want %q", got, c.standing)
			}
			if got := c.c.Problem(now); got != c.problem {
				t.Errorf("the problem is %q, want %q", got, c.problem)
			}
			if got := c.c.Overdue(now); got != c.overdue {
				t.Errorf("overdue is %v", got)
			}
		})
	}
}
