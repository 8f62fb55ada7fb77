package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
)

func TestServer_ShowsCertificatesFromFilesAtOnceAndAfterARestart(t *testing.T) {
	a, folder := ownAuthority(t), t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"nas.lan"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := a.Sign(csr)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Root())
	serve := func() *running {
		files, err := certificate.LoadFiles(certificate.FilesConfig{Pushed: folder, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c := withTLS(t, Config{SetFiles: files.Set})
		c.Certificates = &certificate.Combined{Files: files}
		return start(t, c)
	}
	dial := func(p *running) error {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", secureAddress(t, p), &tls.Config{ServerName: "nas.lan", RootCAs: roots})
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	p := serve()
	if err := dial(p); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("before the files came: %v", err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if _, err := p.ReceiveFiles([]admin.CertificateFile{{Path: "/etc/nas.crt", Certificate: string(chain), Key: string(encoded)}}); err != nil {
		t.Fatal(err)
	}
	if err := dial(p); err != nil {
		t.Errorf("with the files: %v", err)
	}
	if err := dial(serve()); err != nil {
		t.Errorf("after a restart, without the agent: %v", err)
	}
}

func TestServer_HandsOnCertificatesFromFiles(t *testing.T) {
	var got []certificate.PEMPair
	var refused error
	s, err := New(Config{SetFiles: func(pairs []certificate.PEMPair) error {
		got = pairs
		return refused
	}})
	if err != nil {
		t.Fatal(err)
	}
	files := []admin.CertificateFile{{Path: "/a", Certificate: "c", Key: "k"}}
	pushed, err := s.ReceiveFiles(files)
	if err != nil || pushed.Boot != s.boot || len(got) != 1 || got[0].Path != "/a" || string(got[0].Certificate) != "c" || string(got[0].Key) != "k" {
		t.Errorf("%+v, %v, %+v", pushed, err, got)
	}
	refused = errors.New("/a has another's key")
	if _, err := s.ReceiveFiles(files); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "another's key") {
		t.Errorf("%v, want the reason", err)
	}
	plain, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.ReceiveFiles(files); !errors.Is(err, admin.ErrNoHTTPS) {
		t.Errorf("without HTTPS: %v", err)
	}
}
