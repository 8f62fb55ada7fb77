package certificate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"gateway/proxy/certificate"
)

// matrix serves one host with a key of elliptic curves, and one with a key of RSA.
func matrix(t *testing.T, least uint16) *tlsServer {
	t.Helper()
	s := newRoot(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	from, to := s.cert.NotBefore, time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &certificate.Combined{Ordered: newShelf(s.sign(t, "ecdsa.org"), s.signFor(t, private, from, to, "rsa.org")), MinVersion: least}
	return open(t, c.TLS())
}

func TestTLS_AcceptsItsVersionsAlone(t *testing.T) {
	for name, run := range map[string]struct {
		least    uint16
		accepted []uint16
	}{
		"by default":  {0, []uint16{tls.VersionTLS12, tls.VersionTLS13}},
		"TLS 1.3 set": {tls.VersionTLS13, []uint16{tls.VersionTLS13}},
	} {
		t.Run(name, func(t *testing.T) {
			d := matrix(t, run.least)
			for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
				client := asking("ecdsa.org")
				client.MinVersion, client.MaxVersion = version, version
				state, err := d.greeted(t, client)
				if want := slices.Contains(run.accepted, version); (err == nil) != want || want && state.Version != version {
					t.Errorf("%s: %v, accepted should be %v", tls.VersionName(version), err, want)
				}
			}
		})
	}
}

func TestTLS_AcceptsItsCipherSuitesAlone(t *testing.T) {
	// All have forward secrecy. The two with CBC are last in the server's order, for old clients; without SHA-1 there are
	// only those with CBC and SHA-256, which have no protection against timing in the library.
	accepted := map[string][]string{
		"ecdsa.org": {
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
			"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
		},
		"rsa.org": {
			"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
			"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
		},
	}
	d, strict := matrix(t, 0), matrix(t, tls.VersionTLS13)
	tried := 0
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		for host, suites := range accepted {
			tried++
			client := asking(host)
			client.MaxVersion, client.CipherSuites = tls.VersionTLS12, []uint16{suite.ID}
			state, err := d.greeted(t, client)
			if want := slices.Contains(suites, suite.Name); (err == nil) != want || want && state.CipherSuite != suite.ID {
				t.Errorf("%s for %s: %v, accepted should be %v", suite.Name, host, err, want)
			}
			if _, err := strict.greeted(t, client); err == nil {
				t.Errorf("%s is accepted where TLS 1.3 is the least version", suite.Name)
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d handshakes were tried", tried)
	}
	// A client of all of them gets one that authenticates what it encrypts.
	client := asking("ecdsa.org")
	client.MaxVersion = tls.VersionTLS12
	for _, suite := range slices.Concat(tls.InsecureCipherSuites(), tls.CipherSuites()) {
		client.CipherSuites = append(client.CipherSuites, suite.ID)
	}
	state, err := d.greeted(t, client)
	if name := tls.CipherSuiteName(state.CipherSuite); err != nil || !slices.Contains(accepted["ecdsa.org"][:3], name) {
		t.Errorf("a client of all suites gets %s, %v", name, err)
	}
}

func TestTLS_AcceptsItsCurves(t *testing.T) {
	d := matrix(t, 0)
	for _, curve := range []tls.CurveID{
		tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
	} {
		client := asking("ecdsa.org")
		client.CurvePreferences = []tls.CurveID{curve}
		state, err := d.greeted(t, client)
		if err != nil || state.CurveID != curve {
			t.Errorf("%v: %v, used %v", curve, err, state.CurveID)
		}
	}
	// Against computers to come (ML-KEM, FIPS 203), with a client that has it.
	if state, err := d.greeted(t, asking("ecdsa.org")); err != nil || state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("a client of all curves uses %v, %v", state.CurveID, err)
	}
}
