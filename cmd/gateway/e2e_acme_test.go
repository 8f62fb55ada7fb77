package main_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	// public is an address of this machine, by testdata/engine.sh, that the gateway does not count as private: the test
	// publishes ports 80 and 443 there, where certificate authorities come to.
	public = "192.0.2.53"
	// pebbleVariable names the program pebble, a certificate authority for tests; see testdata/acme.
	pebbleVariable = "GATEWAY_PEBBLE"
)

// world is what an order needs outside of the gateway: a DNS server with the zone example.org, and pebble. Containers
// reach both at an address of the engine's bridge.
type world struct {
	bridge, directory, management, root string
	// log is what pebble writes.
	log syncBuffer

	mu      sync.Mutex
	address map[string]string
}

// syncBuffer is written by a process while it is read.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	program := os.Getenv(pebbleVariable)
	if program == "" {
		t.Fatalf("%s names no pebble; testdata/README.md has the command that builds it", pebbleVariable)
	}
	w := &world{bridge: bridgeAddress(t), address: map[string]string{}}
	w.record(w.bridge, "ns.example.org")
	packets, err := net.ListenPacket("udp", net.JoinHostPort(w.bridge, "53"))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: w}, {Listener: stream, Handler: w}} {
		ready := make(chan struct{})
		server.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = server.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { server.Shutdown() })
	}
	w.start(t, program)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("pebble wrote:\n%s\nthe proxy wrote:\n%s", w.log.String(), docker(t, "logs", "--tail", "60", "gateway-proxy"))
		}
		must(t, "up", "--http", port, "--bind", "127.0.0.1", "--https", "0", "--domain", "", "--allow-domain", "", "--email", "",
			"--acme-ca", "letsencrypt", "--acme-ca-root", "", "--dns-resolver", "")
	})
	return w
}

// bridgeAddress is this machine's on the network that containers are on by default.
func bridgeAddress(t *testing.T) string {
	t.Helper()
	bridge, err := net.InterfaceByName("docker0")
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := bridge.Addrs()
	if err != nil || len(addresses) == 0 {
		t.Fatalf("docker0 has no address: %v", err)
	}
	return addresses[0].(*net.IPNet).IP.String()
}

// freePort is an address with a port that nobody listens on. What is ordered is stored by the authority's address: no test
// finds what another one ordered.
func freePort(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ServeDNS answers as a resolver and as the server of the zone, whose names have an A record or do not exist.
func (w *world) ServeDNS(to dns.ResponseWriter, query *dns.Msg) {
	m := new(dns.Msg).SetReply(query)
	m.Authoritative, m.RecursionAvailable = true, true
	q := m.Question[0]
	name := strings.ToLower(q.Name)
	w.mu.Lock()
	address, known := w.address[name]
	w.mu.Unlock()
	record := func(text string) dns.RR {
		rr, _ := dns.NewRR(text)
		return rr
	}
	soa := record("example.org. 1 IN SOA ns.example.org. admin.example.org. 1 60 60 60 1")
	switch {
	case name == "example.org." && q.Qtype == dns.TypeSOA:
		m.Answer = []dns.RR{soa}
	case name == "example.org." && q.Qtype == dns.TypeNS:
		m.Answer = []dns.RR{record("example.org. 1 IN NS ns.example.org.")}
	case known && q.Qtype == dns.TypeA:
		m.Answer = []dns.RR{record(q.Name + " 1 IN A " + address)}
	default:
		m.Ns = []dns.RR{soa}
		if !known && name != "example.org." {
			m.Rcode = dns.RcodeNameError
		}
	}
	_ = to.WriteMsg(m)
}

// record makes the A record of names.
func (w *world) record(address string, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		w.address[name+"."] = address
	}
}

// start runs pebble until the test ends.
func (w *world) start(t *testing.T, program string) {
	t.Helper()
	folder := t.TempDir()
	writePair(t, folder, w.bridge, 1)
	live := filepath.Join(folder, "live", w.bridge)
	w.root = filepath.Join(live, "fullchain.pem")
	endpoint, management := freePort(t, w.bridge), freePort(t, w.bridge)
	w.directory, w.management = "https://"+endpoint+"/dir", "https://"+management
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": endpoint, "managementListenAddress": management,
		"certificate": w.root, "privateKey": filepath.Join(live, "privkey.pem"),
		"httpPort": 80, "tlsPort": 443, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "usual", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "pebble.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-config", config, "-dnsserver", net.JoinHostPort(w.bridge, "53"))
	c.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0")
	c.Stdout, c.Stderr = &w.log, &w.log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	await(t, "pebble", func() bool {
		conn, err := net.Dial("tcp", endpoint)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, w.log.String)
}

// up runs gateway up for this authority, and returns all that it says.
func (w *world) up(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, err := gateway(append([]string{
		"up", "--bind", public, "--http", "80", "--https", "443", "--email", "admin@example.org",
		"--acme-ca", w.directory, "--acme-ca-root", w.root, "--dns-resolver", net.JoinHostPort(w.bridge, "53"),
	}, args...)...)
	t.Logf("gateway up %s:\n%s%s", strings.Join(args, " "), stderr, out)
	if err != nil {
		t.Fatalf("gateway up: %v", err)
	}
	return stderr + out
}

// orders is how many the authority has got.
func (w *world) orders() int { return strings.Count(w.log.String(), "Added order ") }

// get asks for a URL as a client that knows the zone, and trusts the root of the authority alone.
func (w *world) get(t *testing.T, url string) (answer, *x509.Certificate, error) {
	t.Helper()
	endpoint, err := os.ReadFile(w.root)
	if err != nil {
		t.Fatal(err)
	}
	trust := func(pem []byte) *tls.Config {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		return &tls.Config{RootCAs: roots}
	}
	own := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust(endpoint)}}
	res, err := own.Get(w.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	root, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	visitor := &http.Client{Timeout: 10 * time.Second, CheckRedirect: client.CheckRedirect, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: trust(root),
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(public, port))
		},
	}}
	res, err = visitor.Get(url)
	if err != nil {
		return answer{}, nil, err
	}
	defer res.Body.Close()
	var shown *x509.Certificate
	if res.TLS != nil {
		shown = res.TLS.PeerCertificates[0]
	}
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, shown, err
}

// serial is that of the certificate which clients of a name are shown.
func (w *world) serial(t *testing.T, url string) string {
	t.Helper()
	serial := ""
	var err error
	await(t, url, func() bool {
		var a answer
		var c *x509.Certificate
		if a, c, err = w.get(t, url); err == nil && a.status == http.StatusOK {
			serial = c.SerialNumber.String()
		}
		return serial != ""
	}, func() string { return fmt.Sprint(err) })
	return serial
}

// ordered is a certificate as gateway certificate ls --json prints it.
type ordered struct {
	Name, State, Source, Issuer, Challenge, Error, Fix string
	Failures                                           int
}

func certificates(t *testing.T) map[string]ordered {
	t.Helper()
	var list []ordered
	text := must(t, "certificate", "ls", "--json")
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	byName := map[string]ordered{}
	for _, c := range list {
		byName[c.Name] = c
	}
	return byName
}

func expectText(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func TestUp_OrdersOneCertificateAndKeepsIt(t *testing.T) {
	w := newWorld(t)
	w.record(public, "club.example.org")
	run(t, "e2e-acme", "--label", "gateway.path=/e2e-acme")
	const page = "https://club.example.org/e2e-acme/"
	expectText(t, w.up(t, "--domain", "club.example.org"),
		"the gateway is up at https://club.example.org/\n", page, "certificate of club.example.org: valid until ")
	c := certificates(t)["club.example.org"]
	if c.State != "valid" || c.Source != "acme" || c.Challenge == "" || !strings.Contains(c.Issuer, "Pebble") {
		t.Errorf("gateway certificate ls has %+v", c)
	}
	first := w.serial(t, page)
	if a, _, err := w.get(t, "http://club.example.org/e2e-acme/x%2Fy?z=%20"); err != nil || a.status != http.StatusPermanentRedirect ||
		a.header.Get("Location") != page+"x%2Fy?z=%20" {
		t.Errorf("HTTP leads to %d %q (%v)", a.status, a.header.Get("Location"), err)
	}
	status, _, err := gateway("status")
	t.Logf("gateway status:\n%s", status)
	if err != nil {
		t.Errorf("gateway status: %v", err)
	}
	expectText(t, status, "names: 1, with a problem: 0")

	for _, c := range []struct {
		what  string
		again func()
	}{
		{"a restart", func() { docker(t, "restart", "gateway-proxy") }},
		{"kill -9", func() {
			before := pid(t, "gateway-proxy")
			if out, err := exec.Command("kill", "-9", before).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			await(t, "another process", func() bool { p := pid(t, "gateway-proxy"); return p != "0" && p != before }, func() string { return "" })
		}},
		{"down and up", func() {
			must(t, "down")
			w.up(t, "--host", "gw.test", "--domain", "club.example.org")
		}},
	} {
		c.again()
		if got := w.serial(t, page); got != first || w.orders() != 1 {
			t.Errorf("after %s there are %d orders and the serial is %s, was %s", c.what, w.orders(), got, first)
		}
	}

	must(t, "certificate", "renew", "club.example.org")
	if w.orders() != 1 {
		t.Errorf("renewing what is not due made an order")
	}
	must(t, "certificate", "renew", "--force", "club.example.org")
	if got := w.serial(t, page); got == first || w.orders() != 2 {
		t.Errorf("after a forced renewal there are %d orders, and the serial is %s", w.orders(), got)
	}
}

func TestUp_SaysWhatToChangeInDNSBeforeAnOrder(t *testing.T) {
	w := newWorld(t)
	const name = "wrong.example.org"
	advice := "wrong.example.org has no address at the servers of example.org; fix: add the record: wrong.example.org. A "
	expectText(t, w.up(t, "--domain", name), advice)
	checked, _, err := gateway("certificate", "check", name)
	t.Logf("gateway certificate check:\n%s", checked)
	if err == nil {
		t.Error("the check of a name without a record exits with 0")
	}
	status, warnings, err := gateway("status")
	t.Logf("gateway status:\n%s%s", status, warnings)
	if err != nil {
		t.Errorf("gateway status of a name that waits: %v", err)
	}
	expectText(t, status+warnings, "names: 1, with a problem: 1", advice)
	if w.orders() != 0 {
		t.Errorf("%d orders were made", w.orders())
	}

	w.record(public, name)
	checked = must(t, "certificate", "check", name)
	t.Logf("gateway certificate check:\n%s", checked)
	expectText(t, checked, "wrong.example.org is "+public, "the gateway answers at "+public)
	out, stderr, err := gateway("certificate", "renew", name)
	t.Logf("gateway certificate renew:\n%s%s", stderr, out)
	if err != nil {
		t.Errorf("gateway certificate renew: %v", err)
	}
	if c := certificates(t)[name]; c.State != "valid" || w.orders() != 1 {
		t.Errorf("after %d orders: %+v", w.orders(), c)
	}
}

func TestUp_OrdersForHostsOfContainersThatAreAllowed(t *testing.T) {
	w := newWorld(t)
	w.record(public, "club.example.org", "chess.club.example.org", "bank.example.org")
	w.up(t, "--domain", "club.example.org", "--allow-domain", "*.club.example.org")
	run(t, "e2e-chess", "--label", "gateway.host=chess.club.example.org", "--label", "gateway.path=/")
	run(t, "e2e-bank", "--label", "gateway.host=bank.example.org", "--label", "gateway.path=/")
	w.serial(t, "https://chess.club.example.org/")
	await(t, "the refusal", func() bool { return certificates(t)["bank.example.org"].State == "refused" }, func() string { return fmt.Sprint(certificates(t)) })
	ls := must(t, "certificate", "ls")
	t.Logf("gateway certificate ls:\n%s", ls)
	const fix = "gateway up --domain club.example.org,bank.example.org"
	expectText(t, ls, "bank.example.org: refused: ", fix, "gateway up --allow-domain '*.club.example.org,*.example.org'")
	if a, _, err := w.get(t, "http://bank.example.org/"); err != nil || a.status != http.StatusOK {
		t.Errorf("a host without a certificate is served %d (%v)", a.status, err)
	}
	if _, _, err := w.get(t, "https://bank.example.org/"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("HTTPS for a host without a certificate: %v", err)
	}
	if w.orders() != 2 {
		t.Errorf("%d orders were made for two names", w.orders())
	}

	out, stderr, err := gateway("add", "portfolio", "e2e-acme-card", "--path", "/", "--host", "card.club.example.org")
	t.Cleanup(func() { gateway("rm", "e2e-acme-card", "--yes") })
	t.Logf("gateway add portfolio:\n%s%s", stderr, out)
	if err != nil {
		t.Fatal(err)
	}
	expectText(t, stderr, "dns: card.club.example.org has no address at the servers of example.org\n  fix: add the record: card.club.example.org. A ")

	// What was said helps.
	w.record(public, "card.club.example.org")
	must(t, "certificate", "renew", "card.club.example.org")
	must(t, strings.Fields(strings.TrimPrefix(fix, "gateway "))...)
	w.serial(t, "https://card.club.example.org/")
	w.serial(t, "https://bank.example.org/")
	if w.orders() != 4 {
		t.Errorf("%d orders were made for four names", w.orders())
	}
}
