package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
)

// taker takes certificates from files.
type taker struct {
	mu     sync.Mutex
	err    error
	boot   string
	pushes [][]admin.CertificateFile
	tries  int
}

func (k *taker) PutFiles(_ context.Context, files []admin.CertificateFile) (admin.Pushed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tries++
	if k.err != nil {
		return admin.Pushed{}, k.err
	}
	k.pushes = append(k.pushes, files)
	return admin.Pushed{Boot: k.boot}, nil
}

// got are the pushes so far, and the tries.
func (k *taker) got() ([][]admin.CertificateFile, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pushes, k.tries
}

func (k *taker) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// writePair writes a new certificate and its key, of a time that no other has.
func writePair(t *testing.T, folder, name string, at int) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{DNSNames: []string{name}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ending, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: raw}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		path, written := filepath.Join(folder, name+ending), time.Date(2026, 11, 20, 12, 0, at, 0, time.UTC)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
}

// startFiles runs an agent with a folder of certificates until the test ends.
func startFiles(t *testing.T, folder string, p *proxy, k *taker) {
	t.Helper()
	c := config(newEngine("/a"), p, false)
	c.Files = certificate.FollowFiles(certificate.FilesConfig{Folder: folder, Logger: slog.New(slog.DiscardHandler)})
	c.FilesProxy = k
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := New(c).Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
}

func TestAgent_PushesCertificatesFromFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, p, k := t.TempDir(), &proxy{boot: "first"}, &taker{boot: "first"}
		writePair(t, folder, "a.org", 1)
		startFiles(t, folder, p, k)
		expect := func(when string, pushes, certificates int) {
			t.Helper()
			got, _ := k.got()
			if len(got) != pushes || len(got[pushes-1]) != certificates {
				t.Fatalf("%s: %d pushes, the last of %d certificates; want %d of %d", when, len(got), len(got[len(got)-1]), pushes, certificates)
			}
		}
		pass(time.Second)
		expect("at the start", 1, 1)
		pass(time.Minute)
		expect("without a change", 1, 1)
		writePair(t, folder, "b.org", 2)
		pass(filesEvery + 3*time.Second)
		expect("with another pair", 2, 2)
		got, _ := k.got()
		if f := got[1][0]; f.Path != filepath.Join(folder, "a.org.crt") || !strings.Contains(f.Certificate, "CERTIFICATE") || !strings.Contains(f.Key, "PRIVATE KEY") {
			t.Errorf("%+v", f)
		}
		k.mu.Lock()
		k.boot = "second"
		k.mu.Unlock()
		p.set(func(p *proxy) { p.boot = "second" })
		pass(reportEvery)
		expect("to a proxy that was restarted", 3, 2)
		pass(time.Minute)
		expect("to the same proxy", 3, 2)
		for _, name := range []string{"a.org.crt", "a.org.key"} {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
		pass(filesEvery + 3*time.Second)
		expect("with one gone", 4, 1)
	})
}

func TestAgent_TriesAgainUntilCertificatesArePushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, k := t.TempDir(), &taker{err: errors.New("away")}
		writePair(t, folder, "a.org", 1)
		startFiles(t, folder, &proxy{}, k)
		pass(10 * time.Minute)
		if got, tries := k.got(); len(got) > 0 || tries < 10 || tries > 40 {
			t.Errorf("%d pushes, %d tries", len(got), tries)
		}
		k.fail(nil)
		pass(2 * lastFilesRetry)
		if got, _ := k.got(); len(got) != 1 {
			t.Errorf("%d pushes", len(got))
		}
	})
}

func TestAgent_GoesOnWithoutItsCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, p, k := filepath.Join(t.TempDir(), "later"), &proxy{}, new(taker)
		startFiles(t, folder, p, k)
		pass(time.Minute)
		p.serves(t, "/a")
		if got, _ := k.got(); len(got) != 0 {
			t.Errorf("%d pushes without a folder: they would remove those before", len(got))
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, folder, "a.org", 1)
		pass(filesEvery + 3*time.Second)
		if got, _ := k.got(); len(got) != 1 || len(got[0]) != 1 {
			t.Errorf("%d pushes with one", len(got))
		}
	})
}
