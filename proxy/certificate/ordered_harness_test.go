package certificate

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// standIn stands for an authority in the same process: it signs, or fails, without any network.
type standIn struct {
	t    *testing.T
	by   *issued
	life time.Duration
	// ocsp is the URL of its OCSP responder.
	ocsp   []string
	mu     sync.Mutex
	fail   error
	issued int
}

func newStandIn(t *testing.T) *standIn {
	return &standIn{t: t, by: issue(t, nil, time.Now().Add(-day), time.Now().AddDate(10, 0, 0), "CA"), life: 90 * day}
}

// Issue implements certmagic.Issuer.
func (s *standIn) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued++
	if s.fail != nil {
		return nil, s.fail
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses, NotBefore: time.Now(), NotAfter: time.Now().Add(s.life),
		OCSPServer: s.ocsp,
	}, s.by.template, csr.PublicKey, s.by.private)
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &certmagic.IssuedCertificate{Certificate: append(leaf, s.by.certificate...)}, err
}

// IssuerKey implements certmagic.Issuer.
func (*standIn) IssuerKey() string { return "stand-in" }

func (s *standIn) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *standIn) orders() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// standInConfig orders nothing from the internet, as long as the authorities are replaced.
func standInConfig(t *testing.T, domains ...string) OrderConfig {
	return OrderConfig{
		Folder: filepath.Join(t.TempDir(), "certificates"), Domains: domains, HTTPPort: 80, TLSPort: 443,
		Directory: "https://127.0.0.1:1/dir", Logger: slog.New(slog.DiscardHandler),
	}
}

// openAt makes an Ordered whose first authority, and second one if there is one, is a stand-in. Its checks find nothing.
func openAt(t *testing.T, c OrderConfig, authorities ...*standIn) *Ordered {
	t.Helper()
	o, err := NewOrdered(c)
	if err != nil {
		t.Fatal(err)
	}
	of := func(s *standIn) *issuer {
		config := o.newConfig(nil)
		config.Issuers = []certmagic.Issuer{s}
		return &issuer{key: s.IssuerKey(), ways: []way{{config: config}}}
	}
	o.first = of(authorities[0])
	if len(authorities) > 1 {
		o.second = of(authorities[1])
		o.second.key = "second"
	}
	o.preflight = func(context.Context, string) []Finding { return nil }
	o.mu.Lock()
	for name, e := range o.entries {
		e.current = o.load(name)
	}
	o.show()
	o.mu.Unlock()
	return o
}

// begin runs an Ordered in a bubble of synctest until stop.
func begin(t *testing.T, o *Ordered) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := o.Run(ctx); err != nil {
			t.Errorf("an end that was asked for is an error: %v", err)
		}
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-done
	}
}

// after lets time pass in a bubble of synctest.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// stateIn is the state of a name; empty if there is none.
func stateIn(o *Ordered, name string) State {
	for _, s := range o.States() {
		if s.Name == name {
			return s
		}
	}
	return State{}
}

// private fails unless nobody else can read what is in a folder.
func private(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
