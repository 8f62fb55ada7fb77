package certificate_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"testing"
	"time"

	"gateway/proxy/certificate"
)

func TestCombined_CoversHostsWithAValidCertificate(t *testing.T) {
	s := newRoot(t)
	now := time.Now()
	orders := newShelf(
		s.sign(t, "example.org"), s.sign(t, "*.wild.org"), s.sign(t, "192.0.2.1"), s.sign(t, "2001:db8::1"),
		s.signFor(t, newKey(t), now.Add(-2*time.Hour), now.Add(-time.Hour), "expired.org"),
		s.signFor(t, newKey(t), now.Add(time.Hour), now.Add(2*time.Hour), "early.org"),
	)
	c := &certificate.Combined{Files: newShelf(s.sign(t, "file.org")), Ordered: orders}
	for host, want := range map[string]bool{
		"example.org": true, "a.wild.org": true, "192.0.2.1": true, "2001:db8::1": true, "file.org": true,
		"expired.org": false, "early.org": false, "unknown.org": false, "": false, "192.0.2.2": false,
	} {
		if got := c.Covers(host); got != want {
			t.Errorf("%q is covered: %v, want %v", host, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { c.Covers("example.org"); c.Internal("example.org") }); n != 0 {
		t.Errorf("a request needs %v allocations", n)
	}
}

func TestCombined_ServesWhatTheShownCertificateIsFor(t *testing.T) {
	s := newRoot(t)
	now := time.Now()
	c := &certificate.Combined{
		Files: newShelf(s.sign(t, "example.org", "www.example.org")),
		Ordered: newShelf(
			s.sign(t, "other.org"), s.sign(t, "*.wild.org"), s.sign(t, "192.0.2.1"),
			s.signFor(t, newKey(t), now.Add(-2*time.Hour), now.Add(-time.Hour), "expired.org", "www.expired.org"),
		),
		Domains: []string{"example.org"},
	}
	c.SetHosts([]certificate.Host{{Name: "www.example.org"}, {Name: "a.wild.org", ClientCA: s.pem}, {Name: "b.wild.org", ClientCA: s.pem}})
	for _, is := range []struct {
		serverName, host string
		want             bool
	}{
		{"example.org", "www.example.org", true},
		{"EXAMPLE.org", "www.example.org", true},
		{"example.org", "other.org", false},
		{"other.org", "example.org", false},
		{"c.wild.org", "d.wild.org", true},
		{"c.wild.org", "wild.org", false},
		{"c.wild.org", "a.wild.org", false},
		{"a.wild.org", "c.wild.org", false},
		{"a.wild.org", "b.wild.org", true},
		{"unknown.org", "example.org", false},
		{"expired.org", "www.expired.org", true},
		{"", "example.org", true},
		{"", "other.org", false},
		{"", "192.0.2.1", true},
		{"", "192.0.2.2", false},
		{"", "a.wild.org", false},
		{"example.org", "192.0.2.1", false},
	} {
		if got := c.Serves(is.serverName, is.host); got != is.want {
			t.Errorf("a connection to %q serves %q: %v, want %v", is.serverName, is.host, got, is.want)
		}
	}
}

func TestCombined_TellsHostsOfItsOwnAuthority(t *testing.T) {
	s := newRoot(t)
	orders := newShelf(s.sign(t, "nas.lan"), s.sign(t, "example.org"))
	orders.internal = []string{"nas.lan", "printer.lan"}
	c := &certificate.Combined{Files: newShelf(s.sign(t, "printer.lan")), Ordered: orders}
	for host, want := range map[string]bool{"nas.lan": true, "example.org": false, "printer.lan": false, "unknown.org": false} {
		if got := c.Internal(host); got != want {
			t.Errorf("%s is internal: %v, want %v", host, got, want)
		}
	}
}

func TestCombined_AsksWhereACertificateComesFrom(t *testing.T) {
	s := newRoot(t)
	files, orders := newShelf(s.sign(t, "file.org"), s.sign(t, "*.file.org")), newShelf(s.sign(t, "ordered.org"))
	both, alone := &certificate.Combined{Files: files, Ordered: orders}, &certificate.Combined{Files: files}

	for _, name := range []string{"file.org", "*.file.org", "a.file.org"} {
		if err := both.Renew(name, true); !errors.Is(err, certificate.ErrNotOrdered) {
			t.Errorf("renewing %s: %v", name, err)
		}
		if got := both.Check(t.Context(), name); len(got) != 1 || got[0].Subject != "files" || got[0].Verdict != certificate.Good {
			t.Errorf("checking %s: %v", name, got)
		}
	}
	if err := errors.Join(both.Renew("ordered.org", true), both.Renew("", false)); err != nil || !slices.Equal(orders.renewed, []string{"ordered.org", ""}) {
		t.Errorf("renewed %q, %v", orders.renewed, err)
	}
	if got := both.Check(t.Context(), "ordered.org"); len(got) != 1 || got[0].Subject != "dns" {
		t.Errorf("checking an ordered one: %v", got)
	}
	if err := alone.Renew("ordered.org", true); !errors.Is(err, certificate.ErrUnknownName) {
		t.Errorf("without orders, renewing an unknown name: %v", err)
	}
	if err := alone.Renew("", true); !errors.Is(err, certificate.ErrNotOrdered) {
		t.Errorf("without orders, renewing all: %v", err)
	}
	if got := alone.Check(t.Context(), "ordered.org"); len(got) != 1 || got[0].Verdict != certificate.Bad || got[0].Fix == "" {
		t.Errorf("without orders, checking: %v", got)
	}

	var names []string
	for _, state := range both.States() {
		names = append(names, state.Name)
	}
	if want := []string{"*.file.org", "file.org", "ordered.org"}; !slices.Equal(names, want) {
		t.Errorf("the states are of %q, want %q", names, want)
	}
	if got, found := both.Challenge("host.", "token"); !found || got != "host.token" {
		t.Errorf("a challenge is %q, %v", got, found)
	}
	if _, found := alone.Challenge("host", "token"); found {
		t.Error("without orders there is a challenge")
	}
	hosts := []certificate.Host{{Name: "a.org"}}
	if both.SetHosts(hosts); !slices.Equal(orders.hosts, hosts) {
		t.Errorf("the hosts are %v", orders.hosts)
	}
	if alone.SetHosts(hosts); alone.Covers("a.org") {
		t.Error("a host without a certificate is covered")
	}
}

// Somebody put the file there, but a certificate that is valid is worth more than one that is not.
func TestCombined_ShowsAnOrderedCertificateInPlaceOfAnExpiredFile(t *testing.T) {
	s := newRoot(t)
	now := time.Now()
	ended := func(name string) *tls.Certificate {
		return s.signFor(t, newKey(t), now.Add(-2*time.Hour), now.Add(-time.Hour), name)
	}
	file, both := ended("only-file.lan"), ended("both.lan")
	orders := newShelf(s.sign(t, "ended.lan"), ended("both.lan"))
	orders.internal = []string{"ended.lan", "both.lan"}
	c := &certificate.Combined{Files: newShelf(file, both, ended("ended.lan")), Ordered: orders}
	for name, want := range map[string]*tls.Certificate{
		"only-file.lan": file, "both.lan": both, "ended.lan": orders.certificates["ended.lan"], "unknown.lan": nil,
	} {
		got, err := c.TLS().GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if got != want || err != nil {
			t.Errorf("%s is shown another certificate: %v", name, err)
		}
	}
	if !c.Covers("ended.lan") || c.Covers("both.lan") || !c.Internal("ended.lan") || c.Internal("both.lan") {
		t.Error("it says otherwise than it shows")
	}
}
