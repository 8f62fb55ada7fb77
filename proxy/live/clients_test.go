package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"gateway/proxy/route"
)

// authority is a certificate, and the same as PEM.
func authority(t *testing.T) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// guarding is the table of one host with those authorities, and of one without.
func guarding(t *testing.T, clientCA string) *route.Table {
	t.Helper()
	var routes []route.Route
	for key, ca := range map[string]string{"guarded.org/": clientCA, "open.org/": ""} {
		k, err := route.ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, route.Route{Key: k, Service: key, Policy: route.Policy{ClientCA: ca}})
	}
	return route.Build(routes, nil)
}

func TestState_AdmitsClientsWithACertificateOfTheHost(t *testing.T) {
	one, onePEM := authority(t)
	other, otherPEM := authority(t)
	leaf, _ := authority(t)
	s := &State{clients: new(State).nextClients(guarding(t, onePEM+otherPEM))}
	single := &State{clients: s.nextClients(guarding(t, onePEM))}
	unread := &State{clients: s.nextClients(guarding(t, "no certificate"))}
	chain := func(certificates ...*x509.Certificate) [][]*x509.Certificate {
		return [][]*x509.Certificate{certificates}
	}
	for _, is := range []struct {
		s      *State
		host   string
		chains [][]*x509.Certificate
		want   bool
	}{
		{s, "guarded.org", chain(leaf, one), true},
		{s, "guarded.org", chain(leaf, other), true},
		{s, "guarded.org", append(chain(leaf), chain(leaf, other)...), true},
		{s, "guarded.org", nil, false},
		{s, "guarded.org", chain(), false},
		{s, "guarded.org", chain(leaf), false},
		{s, "guarded.org", chain(one, leaf), false},
		{s, "open.org", nil, true},
		{s, "", nil, true},
		{single, "guarded.org", chain(leaf, one), true},
		{single, "guarded.org", chain(leaf, other), false},
		{unread, "guarded.org", chain(leaf, one), false},
		{new(State), "guarded.org", nil, true},
	} {
		if got := is.s.Admits(is.host, is.chains); got != is.want {
			t.Errorf("%s admits %d chains: %v, want %v", is.host, len(is.chains), got, is.want)
		}
	}
	if !s.Guarded("guarded.org") || s.Guarded("open.org") || new(State).Guarded("guarded.org") {
		t.Error("not the guarded hosts are guarded")
	}
	again := s.nextClients(guarding(t, onePEM+otherPEM))
	if again["guarded.org"] != s.clients["guarded.org"] {
		t.Error("authorities that stay the same are read again")
	}
}
