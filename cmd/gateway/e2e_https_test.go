package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const securePort = "18443"

// secureGet asks for a path over HTTPS under a host name, with those roots and no others.
func secureGet(t *testing.T, roots *x509.CertPool, host, path string) (answer, *x509.Certificate, error) {
	t.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", "127.0.0.1:"+securePort)
		},
	}
	secure := &http.Client{Timeout: 10 * time.Second, Transport: transport, CheckRedirect: client.CheckRedirect}
	res, err := secure.Get("https://" + host + ":" + securePort + path)
	if err != nil {
		return answer{}, nil, err
	}
	defer res.Body.Close()
	return answer{status: res.StatusCode, header: res.Header}, res.TLS.PeerCertificates[0], nil
}

// root is that of the gateway's own authority, as gateway trust print has it.
func root(t *testing.T) (string, *x509.CertPool) {
	t.Helper()
	text := must(t, "trust", "print", "--format", "pem")
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(text)) {
		t.Fatalf("gateway trust print has no certificate: %s", text)
	}
	return text, pool
}

// withoutHTTPS makes the lane's gateway what it was.
func withoutHTTPS(t *testing.T) {
	t.Cleanup(func() {
		must(t, "up", "--domain", "", "--internal-ca=false", "--cert", "", "--key", "", "--no-redirect=false", "--https", "0")
		if out := docker(t, "port", "gateway-proxy"); strings.Contains(out, securePort) {
			t.Errorf("HTTPS is still published: %s", out)
		}
	})
}

func TestUp_ServesHTTPSInAHomeNetwork(t *testing.T) {
	run(t, "e2e-https", "--label", "gateway.path=/e2e-https")
	run(t, "e2e-plain", "--label", "gateway.path=/e2e-plain", "--label", "gateway.tls.redirect=off")
	withoutHTTPS(t)
	out, stderr, err := gateway("up", "--https", securePort, "--domain", "gw.lan", "--internal-ca")
	if err != nil || !strings.Contains(out, "https://gw.lan:"+securePort+"/") {
		t.Fatalf("gateway up: %v\n%s%s", err, out, stderr)
	}
	before, roots := root(t)
	await(t, "HTTPS", func() bool {
		a, _, err := secureGet(t, roots, "gw.lan", "/e2e-https/")
		return err == nil && a.status == http.StatusOK
	}, func() string { _, _, err := secureGet(t, roots, "gw.lan", "/e2e-https/"); return fmt.Sprint(err) })
	_, first, err := secureGet(t, roots, "gw.lan", "/e2e-https/")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := secureGet(t, x509.NewCertPool(), "gw.lan", "/"); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("without the root: %v", err)
	}
	if _, _, err := secureGet(t, roots, "other.lan", "/"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("another name: %v", err)
	}
	if a, err := get(base+"/e2e-https/x?y=%2F", "Host", "gw.lan"); err == nil && a.status != http.StatusOK {
		t.Errorf("a host without a certificate is redirected: %d", a.status)
	}
	redirected := func(path string) answer {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "gw.lan"
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return answer{status: res.StatusCode, header: res.Header}
	}
	if a := redirected("/e2e-https/x%2Fy?z=%20"); a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "https://gw.lan:"+securePort+"/e2e-https/x%2Fy?z=%20" {
		t.Errorf("HTTP leads to %d %q", a.status, a.header.Get("Location"))
	}
	if a := redirected("/e2e-plain/"); a.status != http.StatusOK {
		t.Errorf("with gateway.tls.redirect=off: %d", a.status)
	}

	// Certificates and the root outlive the containers.
	docker(t, "restart", "gateway-proxy")
	await(t, "HTTPS after a restart", func() bool {
		_, after, err := secureGet(t, roots, "gw.lan", "/e2e-https/")
		return err == nil && after.SerialNumber.Cmp(first.SerialNumber) == 0
	}, func() string { _, _, err := secureGet(t, roots, "gw.lan", "/e2e-https/"); return fmt.Sprint(err) })
	must(t, "down", "--purge")
	must(t, "up", "--http", port, "--bind", "127.0.0.1", "--host", "gw.test", "--https", securePort, "--domain", "gw.lan", "--internal-ca")
	if after, _ := root(t); after != before {
		t.Error("after down and up the root is another one")
	}
	var list []struct{ Name, State, Source string }
	if err := json.Unmarshal([]byte(must(t, "certificate", "ls", "--json")), &list); err != nil || len(list) != 1 || list[0].Name != "gw.lan" || list[0].Source != "internal" {
		t.Errorf("the list is %+v (%v)", list, err)
	}
}

// writePair writes a certificate for a name as a tool for certificates does: the key for root alone, in a folder that links lead
// to.
func writePair(t *testing.T, folder, name string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0), IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	archive, live := filepath.Join(folder, "archive", name), filepath.Join(folder, "live", name)
	for _, dir := range []string{archive, live} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, block := range map[string]*pem.Block{
		"fullchain": {Type: "CERTIFICATE", Bytes: signed}, "privkey": {Type: "PRIVATE KEY", Bytes: encoded},
	} {
		file := fmt.Sprintf("%s%d.pem", link, serial)
		if err := os.WriteFile(filepath.Join(archive, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(live, link+".pem")
		_ = os.Remove(at)
		if err := os.Symlink(filepath.Join("..", "..", "archive", name, file), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUp_ShowsCertificatesOfOtherTools(t *testing.T) {
	run(t, "e2e-files", "--label", "gateway.path=/e2e-files")
	withoutHTTPS(t)
	folder := t.TempDir()
	writePair(t, folder, "club.example.org", 1)
	live := filepath.Join(folder, "live", "club.example.org")
	must(t, "up", "--https", securePort, "--cert", filepath.Join(live, "fullchain.pem"), "--key", filepath.Join(live, "privkey.pem"))
	shown := func() (serial string) {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+securePort, &tls.Config{ServerName: "club.example.org", InsecureSkipVerify: true})
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	await(t, "the certificate", func() bool { return shown() == "1" }, shown)
	writePair(t, folder, "club.example.org", 2)
	await(t, "the renewed certificate", func() bool { return shown() == "2" }, shown)
	docker(t, "stop", "gateway-agent")
	docker(t, "restart", "gateway-proxy")
	await(t, "the certificate without the agent", func() bool { return shown() == "2" }, shown)
	docker(t, "start", "gateway-agent")
	if out := docker(t, "inspect", "-f", "{{json .Mounts}}", "gateway-proxy"); strings.Contains(out, folder) {
		t.Error("the proxy's container sees the folder of the keys")
	}
}
