package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// folder holds the files of a certificate.
type folder struct {
	certificate, key string
	log              bytes.Buffer
	writes           int
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	dir := t.TempDir()
	return &folder{certificate: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
}

// pair makes a certificate for a name.
func pair(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// write replaces a file; no two writes have the same time.
func (f *folder) write(t *testing.T, name string, data []byte) {
	t.Helper()
	f.writes++
	at := time.Date(2026, 11, 20, 12, 0, f.writes, 0, time.UTC)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func (f *folder) load(t *testing.T) *Files {
	t.Helper()
	files, err := Load(f.certificate, f.key, slog.New(slog.NewTextHandler(&f.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// shown is the name in the certificate that a client gets.
func shown(t *testing.T, files *Files) string {
	t.Helper()
	c, err := files.TLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName
}

func TestFiles_FollowWhatIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		certificate, key := pair(t, "one")
		f.write(t, f.certificate, certificate)
		f.write(t, f.key, key)
		files := f.load(t)
		later := func(d time.Duration) { <-time.After(d) }

		certificate, key = pair(t, "two")
		f.write(t, f.certificate, certificate)
		later(interval)
		if got := shown(t, files); got != "one" {
			t.Errorf("with half of a new pair there: %q, want one", got)
		}
		f.write(t, f.key, key)
		later(interval / 2)
		if got := shown(t, files); got != "one" {
			t.Errorf("the files were looked at after half a minute: %q", got)
		}
		later(interval / 2)
		if got := shown(t, files); got != "two" {
			t.Errorf("with a new pair there: %q, want two", got)
		}

		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		f.log.Reset()
		for range 3 {
			later(interval)
			if got := shown(t, files); got != "two" {
				t.Errorf("with its key gone: %q, want two", got)
			}
		}
		if n := strings.Count(f.log.String(), "level=WARN"); n != 1 {
			t.Errorf("one change is reported %d times, want once:\n%s", n, &f.log)
		}
		f.write(t, f.key, key)
		later(interval)
		if got := shown(t, files); got != "two" || strings.Count(f.log.String(), "level=WARN") != 1 {
			t.Errorf("with its key back: %q\n%s", got, &f.log)
		}
	})
}

func TestLoad_NamesWhatIsNoPair(t *testing.T) {
	f := newFolder(t)
	if _, err := Load(f.certificate, f.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), f.certificate) {
		t.Errorf("without files: %v", err)
	}
	certificate, _ := pair(t, "one")
	_, key := pair(t, "two")
	f.write(t, f.certificate, certificate)
	f.write(t, f.key, key)
	if _, err := Load(f.certificate, f.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), f.key) {
		t.Errorf("with another's key: %v", err)
	}
}

func TestFiles_RefuseOldTLS(t *testing.T) {
	if got := (&Files{}).TLS().MinVersion; got != tls.VersionTLS12 {
		t.Errorf("the least version is %#x", got)
	}
}
