package proxy

import (
	"errors"
	"strings"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
)

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
