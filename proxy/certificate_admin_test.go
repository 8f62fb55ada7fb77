package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/route"
)

// managed is a manager with a certificate of a wildcard, and one of a name whose renewal fails.
func managed() *certificatetest.Manager {
	m := new(certificatetest.Manager)
	end := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	m.SetStates(
		certificate.State{Name: "*.example.org", Phase: certificate.Valid, Source: "acme", Expires: end},
		certificate.State{Name: "club.org", Phase: certificate.Waiting, Source: "acme", Error: "no address", Fix: "add a record", Failures: 3},
	)
	return m
}

func TestCertificates_AreShownAndRenewed(t *testing.T) {
	m := managed()
	m.Findings = []certificate.Finding{{Subject: "dns", Verdict: certificate.Bad, Message: "no address", Fix: "add a record"}}
	m.Ordered = func(s *certificate.State, force bool) error {
		if s.Name == "*.example.org" && !force {
			return fmt.Errorf("%w: 5 of 5 this week", certificate.ErrLimited)
		}
		s.Phase = certificate.Ordering
		return nil
	}
	shop := mount(t, "shop.example.org/", route.Strip, app(t, "shop", nil))
	deep := mount(t, "a.b.example.org/", route.Strip, app(t, "deep", nil))
	p := start(t, Config{Certificates: m}, mount(t, "/", route.Strip, app(t, "x", nil)), shop, deep)

	all, err := p.Certificates()
	if err != nil || len(all) != 2 || all[1].Name != "club.org" || all[1].State != admin.CertificateWaiting || all[1].Fix != "add a record" || all[1].Failures != 3 {
		t.Errorf("it shows %+v, %v", all, err)
	}
	for _, r := range p.Routes().Routes {
		if got := r.Certificate; (got != nil) != (r.Host == "shop.example.org") || got != nil && got.Name != "*.example.org" {
			t.Errorf("the certificate of %s is %+v", r.Key, got)
		}
	}
	series := p.metrics(t)
	for name, want := range map[string]float64{
		`gateway_certificate_expiry_timestamp_seconds{name="*.example.org"}`: 1801440000,
		`gateway_certificate_renewal_failures_total{name="*.example.org"}`:   0,
		`gateway_certificate_renewal_failures_total{name="club.org"}`:        3,
	} {
		if got, is := series[name]; !is || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, is, want)
		}
	}
	if _, is := series[`gateway_certificate_expiry_timestamp_seconds{name="club.org"}`]; is {
		t.Error("a name without a certificate has an end")
	}

	if err := p.RenewCertificate("CLUB.org.", false); err != nil || m.States()[1].Phase != certificate.Ordering {
		t.Errorf("renewing: %v", err)
	}
	if err := p.RenewCertificate("*.example.org", false); !errors.Is(err, admin.ErrLimited) || err.Error() != "too early for another order: 5 of 5 this week" {
		t.Errorf("renewing too early: %v", err)
	}
	if err := p.RenewCertificate("*.example.org", true); err != nil {
		t.Errorf("renewing by force: %v", err)
	}
	if err := p.RenewCertificate("other.org", false); !errors.Is(err, admin.ErrNoCertificate) {
		t.Errorf("renewing what there is not: %v", err)
	}
	found, err := p.CheckCertificate(t.Context(), "Club.ORG")
	if err != nil || !slices.Equal(found, []admin.Finding{{Subject: "dns", Verdict: "bad", Message: "no address", Fix: "add a record"}}) || !slices.Equal(m.Checked(), []string{"club.org"}) {
		t.Errorf("checking: %+v, %v, of %v", found, err, m.Checked())
	}
	if _, err := p.CheckCertificate(t.Context(), "https://club.org/"); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("checking a URL: %v", err)
	}
}

// Two files with the same name are two states, and would be one metric twice, which Prometheus refuses.
func TestCertificates_OfTheSameNameAreOneMetric(t *testing.T) {
	m := new(certificatetest.Manager)
	s := certificate.State{Name: "example.org", Phase: certificate.Valid, Expires: time.Unix(1, 0)}
	m.SetStates(s, s)
	p := start(t, Config{Certificates: m})
	if got := p.metrics(t)[`gateway_certificate_expiry_timestamp_seconds{name="example.org"}`]; got != 1 {
		t.Errorf("the metric is %v", got)
	}
}

func TestCertificates_WithoutHTTPSNameTheFix(t *testing.T) {
	p := start(t, Config{})
	_, err := p.Certificates()
	_, checked := p.CheckCertificate(t.Context(), "example.org")
	for _, err := range []error{err, checked, p.RenewCertificate("", false)} {
		if !errors.Is(err, admin.ErrNoHTTPS) || !strings.Contains(err.Error(), "gateway up --domain") {
			t.Errorf("the error is %v", err)
		}
	}
	for name := range p.metrics(t) {
		if strings.HasPrefix(name, "gateway_certificate") {
			t.Errorf("there is a metric %s", name)
		}
	}
}
