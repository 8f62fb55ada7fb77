package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const day = 24 * time.Hour

func open(t *testing.T, folder string, domains ...string) *Authority {
	t.Helper()
	a, err := Open(folder, domains, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// request asks for a certificate.
func request(t *testing.T, key any, names ...string) *x509.CertificateRequest {
	t.Helper()
	template := new(x509.CertificateRequest)
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// parse reads a chain.
func parse(t *testing.T, chain []byte) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// verify verifies a chain for a name, as a device that trusts the root does.
func verify(root *x509.Certificate, chain []*x509.Certificate, name string) error {
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: name, CurrentTime: time.Now()}
	o.Roots.AddCert(root)
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}

func TestAuthority_SignsChainsThatVerify(t *testing.T) {
	a := open(t, t.TempDir(), "nas.lan", "*.club.corp")
	rsaKey, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{newKey(t), rsaKey, edKey} {
		names := []string{"nas.lan", "*.nas.lan", "box.local", "localhost", "a.localhost", "x.internal", "pi.home.arpa", "fritz.box", "a.club.corp", "192.168.1.5", "fd00::5"}
		chain, err := a.Sign(request(t, key, names...))
		if err != nil {
			t.Fatal(err)
		}
		certificates := parse(t, chain)
		if len(certificates) != 2 {
			t.Fatalf("the chain has %d certificates", len(certificates))
		}
		for _, name := range append(names, "photos.nas.lan") {
			if err := verify(a.Root(), certificates, strings.TrimPrefix(name, "*.")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		leaf, intermediate := certificates[0], certificates[1]
		if got := leaf.NotAfter.Sub(leaf.NotBefore); got != leafLife+backdate || time.Since(leaf.NotBefore) < backdate {
			t.Errorf("the leaf is valid for %s from %s", got, leaf.NotBefore)
		}
		if leaf.Subject.String() != "" || leaf.IsCA || !intermediate.IsCA || !intermediate.MaxPathLenZero || a.Root().MaxPathLen != 1 {
			t.Errorf("%+v", leaf.Subject)
		}
		for _, c := range []*x509.Certificate{a.Root(), intermediate} {
			if !c.PermittedDNSDomainsCritical || len(c.PermittedDNSDomains) != len(suffixes)+1 || len(c.PermittedIPRanges) != len(networks) {
				t.Errorf("%s is constrained to %v and %v", c.Subject, c.PermittedDNSDomains, c.PermittedIPRanges)
			}
		}
		byOpenSSL(t, a, certificates, "nas.lan")
	}
}

// byOpenSSL verifies a chain by openssl, if there is one.
func byOpenSSL(t *testing.T, a *Authority, chain []*x509.Certificate, name string) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Log("openssl is not installed: chains were verified by crypto/x509 alone")
		return
	}
	dir := t.TempDir()
	for file, content := range map[string][]byte{"root": a.RootPEM(), "intermediate": encode("CERTIFICATE", chain[1].Raw), "leaf": encode("CERTIFICATE", chain[0].Raw)} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.Command("openssl", "verify", "-x509_strict", "-verify_hostname", name, "-CAfile", "root", "-untrusted", "intermediate", "leaf")
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

func TestAuthority_CannotSignForTheInternet(t *testing.T) {
	a := open(t, t.TempDir(), "nas.lan")
	// With a stolen key, signing checks nothing.
	for _, name := range []string{"example.org", "192.0.2.1", "2001:db8::1"} {
		template := &x509.Certificate{NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = []net.IP{ip}
		} else {
			template.DNSNames = []string{name}
		}
		for _, by := range []signer{a.root, a.intermediate} {
			raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, newKey(t).Public(), by.key)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(a.Root(), []*x509.Certificate{leaf, a.intermediate.certificate}, name); err == nil {
				t.Errorf("%s, signed by %s, is trusted", name, by.certificate.Subject)
			}
		}
	}
}

func TestAuthority_RefusesOtherNames(t *testing.T) {
	a := open(t, t.TempDir(), "nas.lan")
	for name, want := range map[string]string{
		"example.org":     "without --internal-ca",
		"*.example.org":   "without --internal-ca",
		"x.duckdns.org":   "without --internal-ca",
		"lan.example.org": "without --internal-ca",
		"192.0.2.1":       "without --internal-ca",
		"2001:db8::1":     "without --internal-ca",
		"nas.corp":        "make a new root",
		"nas":             "make a new root",
		"notlan":          "make a new root",
	} {
		if _, err := a.Sign(request(t, newKey(t), "nas.lan", name)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	if _, err := a.Sign(request(t, newKey(t))); err == nil {
		t.Error("a request without names was signed")
	}
	weak := request(t, newKey(t), "nas.lan")
	weak.Signature = bytes.Repeat([]byte{1}, len(weak.Signature))
	if _, err := a.Sign(weak); err == nil {
		t.Error("a request that is not signed by its key was signed")
	}
}

func TestAuthority_StaysTheSame(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state", "authority")
	a := open(t, folder, "nas.lan")
	b := open(t, folder, "other.corp")
	if !a.Root().Equal(b.Root()) || !a.intermediate.certificate.Equal(b.intermediate.certificate) {
		t.Error("opened again, it is another authority")
	}
	for _, name := range []string{rootFile, intermediateFile} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if c := open(t, t.TempDir(), "nas.lan"); c.Root().Equal(a.Root()) || c.Root().Subject.CommonName == a.Root().Subject.CommonName {
		t.Error("two installations look like one")
	}
	if !strings.Contains(a.Root().Subject.CommonName, "nas.lan") || len(Fingerprint(a.Root())) != 32*3-1 {
		t.Errorf("%s, %s", a.Root().Subject, Fingerprint(a.Root()))
	}
}

func TestAuthority_NeverReplacesARoot(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, root string){
		"torn": func(t *testing.T, root string) {
			data, err := os.ReadFile(root)
			if err == nil {
				err = os.WriteFile(root, data[:len(data)-20], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, root string) {
			if err := os.WriteFile(root, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another's key": func(t *testing.T, root string) {
			a, b := open(t, t.TempDir()), open(t, t.TempDir())
			if err := (signer{a.root.certificate, b.root.key}).write(root); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, root string) {
			if err := os.Remove(root); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			open(t, folder, "nas.lan")
			root := filepath.Join(folder, rootFile)
			spoil(t, root)
			for range 3 { // As a container that is restarted does.
				_, err := Open(folder, nil, slog.New(slog.DiscardHandler))
				if !errors.Is(err, ErrNoRoot) || !strings.Contains(err.Error(), root) || !strings.Contains(err.Error(), "backup") {
					t.Fatalf("%v, want an error that names %s and the fix", err, root)
				}
			}
			if _, err := os.Stat(root); err == nil {
				t.Error("there is a new root")
			}
			if _, err := os.Stat(root + aside); (err == nil) != (name != "gone") {
				t.Errorf("what was there: %v", err)
			}
		})
	}
}

func TestAuthority_ReplacesATornIntermediate(t *testing.T) {
	folder := t.TempDir()
	a := open(t, folder, "nas.lan")
	path := filepath.Join(folder, intermediateFile)
	if err := os.WriteFile(path, []byte("-----BEGIN CERTIFICATE-----"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	b, err := Open(folder, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := b.Sign(request(t, newKey(t), "nas.lan"))
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(a.Root(), parse(t, chain), "nas.lan"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + aside); err != nil || !strings.Contains(log.String(), path+aside) {
		t.Errorf("%v\n%s", err, &log)
	}
}

func TestAuthority_RenewsTheIntermediateLongBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		a := open(t, folder, "nas.lan")
		first, seen := a.intermediate.certificate, map[string]bool{}
		key := newKey(t)
		for time.Now().Before(a.Root().NotAfter) {
			chain, err := a.Sign(request(t, key, "nas.lan"))
			if err != nil {
				t.Fatal(err)
			}
			certificates := parse(t, chain)
			if err := verify(a.Root(), certificates, "nas.lan"); err != nil {
				t.Fatalf("on %s: %v", time.Now(), err)
			}
			if left := time.Until(certificates[1].NotAfter); left < leafLife && !certificates[1].NotAfter.Equal(a.Root().NotAfter) {
				t.Errorf("an intermediate certificate with %s left signs", left)
			}
			seen[string(certificates[1].Raw)] = true
			<-time.After(20 * day)
		}
		if n := len(seen); n < 10 || n > 20 || !seen[string(first.Raw)] {
			t.Errorf("in ten years there were %d", n)
		}
		if _, err := a.Sign(request(t, key, "nas.lan")); err == nil || !strings.Contains(err.Error(), folder) {
			t.Errorf("after the end of the root: %v", err)
		}
	})
}

func TestAuthority_TellsOfADiskThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "authority"), nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v, want an error that names %s", err, file)
	}
}

func TestInternal_KnowsHomeNetworks(t *testing.T) {
	for name, want := range map[string]bool{
		"localhost": true, "a.localhost": true, "nas.local": true, "NAS.Local.": true, "x.internal": true, "home.arpa": true, "pi.home.arpa": true,
		"nas.lan": true, "fritz.box": true, "nas.fritz.box": true, "nas": true, "nas.corp": true, "*.lan": true, "x.test": true,
		"example.org": false, "example.box": false, "notfritz.box": false, "x.duckdns.org": false, "arpa": false, "10.in-addr.arpa": false, "home.arpa.org": false,
		"a.co.uk": false, "xn--3e0b707e": false, "": false, ".": false, "*.": false,
		"10.1.2.3": true, "172.31.0.1": true, "172.32.0.1": false, "192.168.0.1": true, "100.100.1.1": true, "169.254.1.1": true, "127.0.0.2": true,
		"::1": true, "fd12::1": true, "fe80::1": true, "::ffff:10.0.0.1": true, "[fd12::1]": true, "8.8.8.8": false, "2001:db8::1": false,
	} {
		if got := Internal(name); got != want {
			t.Errorf("Internal(%q) is %t", name, got)
		}
	}
	for _, n := range networks {
		if !Internal(n.Addr().String()) || n.Addr() != netip.PrefixFrom(n.Addr(), n.Bits()).Masked().Addr() {
			t.Errorf("%s is no network", n)
		}
	}
}

func FuzzInternal(f *testing.F) {
	for _, seed := range []string{"nas.lan", "*.x", "[::1]", ".", "a..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, name string) { Internal(name) })
}
