package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gateway/proxy/certificate/preflight"

	"github.com/caddyserver/certmagic"
)

// pebbleVariable names the program pebble, a certificate authority for tests; see testdata/acme.
const pebbleVariable = "GATEWAY_PEBBLE"

// macKey is that of the external account binding which pebbles ask for.
const macKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

func TestMain(m *testing.M) {
	// certmagic lets ten orders begin in ten seconds, for the sake of real authorities.
	certmagic.RateLimitEvents = 10000
	if text := os.Getenv(childVariable); text != "" {
		child(text)
		return
	}
	os.Exit(m.Run())
}

// lab is a certificate authority with all that is around it: a DNS zone, a server that hears and changes what is said to
// the authority, and the listeners of a proxy.
type lab struct {
	t     *testing.T
	front *httptest.Server
	zone  *zone
	// management is the URL of the authority's other side.
	management        string
	httpPort, tlsPort int

	mu     sync.Mutex
	orders []string
	// answer is asked before the authority is, and reports whether it answered; hear is told what was answered.
	answer func(w http.ResponseWriter, r *http.Request) bool
	hear   func(path string)
}

// newLab starts one; settings are added to pebble's.
func newLab(t *testing.T, settings map[string]any) *lab {
	t.Helper()
	if os.Getenv(pebbleVariable) == "" {
		t.Skipf("%s names no pebble: testdata/test.sh acme runs this", pebbleVariable)
	}
	t.Parallel()
	ports := freePorts(t, 2)
	l := &lab{t: t, zone: newZone(t), httpPort: ports[0], tlsPort: ports[1]}
	l.start(settings)
	return l
}

// another is a second authority, which looks at the same zone and the same listeners.
func (l *lab) another(settings map[string]any) *lab {
	second := &lab{t: l.t, zone: l.zone, httpPort: l.httpPort, tlsPort: l.tlsPort}
	second.start(settings)
	return second
}

func (l *lab) start(settings map[string]any) {
	t := l.t
	ports := freePorts(t, 2)
	backend := fmt.Sprintf("127.0.0.1:%d", ports[0])
	l.management = fmt.Sprintf("https://127.0.0.1:%d", ports[1])
	l.startPebble(os.Getenv(pebbleVariable), backend, ports[1], settings)
	target := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: backend})
	target.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	l.front = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.pass(target, w, r) }))
	t.Cleanup(l.front.Close)
}

func (l *lab) startPebble(program, address string, management int, settings map[string]any) {
	t := l.t
	dir := t.TempDir()
	endpoint := named(t, "localhost")
	for name, content := range map[string][]byte{"cert.pem": endpoint.certificate, "key.pem": endpoint.key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]any{
		"listenAddress": address, "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", management),
		"certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": l.httpPort, "tlsPort": l.tlsPort, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "usual", "validityPeriod": 7776000}},
	}
	maps.Copy(all, settings)
	text, err := json.Marshal(map[string]any{"pebble": all})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-config", file, "-dnsserver", l.zone.address)
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() && testing.Verbose() {
			t.Log(said.String())
		}
	})
	await(t, "pebble", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// pass hears a request on its way to the authority.
func (l *lab) pass(target http.Handler, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	answer, hear := l.answer, l.hear
	if r.URL.Path == "/order-plz" {
		l.orders = append(l.orders, payload(body))
	}
	l.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	target.ServeHTTP(w, r)
	if hear != nil {
		hear(r.URL.Path)
	}
}

// payload is what a signed request says.
func payload(body []byte) string {
	var jws struct{ Payload string }
	if json.Unmarshal(body, &jws) != nil {
		return ""
	}
	text, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	return string(text)
}

// ordered are the orders that the authority was asked for, as JSON.
func (l *lab) ordered() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.orders)
}

func (l *lab) set(answer func(w http.ResponseWriter, r *http.Request) bool, hear func(path string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer, l.hear = answer, hear
}

// config is one for this authority.
func (l *lab) config(domains ...string) OrderConfig {
	roots := x509.NewCertPool()
	roots.AddCert(l.front.Certificate())
	return OrderConfig{
		Folder: filepath.Join(l.t.TempDir(), "certificates"), Domains: domains, Directory: l.front.URL + "/dir", Roots: roots,
		HTTPPort: l.httpPort, TLSPort: l.tlsPort, Resolvers: []string{l.zone.address}, Email: "a@example.com",
		Logger: slog.New(slog.NewTextHandler(l.t.Output(), nil)),
	}
}

// run makes an Ordered of a configuration, with the listeners of a proxy, and runs it until the test or stop ends it.
func (l *lab) run(c OrderConfig) (o *Ordered, stop func()) {
	l.t.Helper()
	o = l.open(c)
	return o, l.serve(o)
}

// open makes an Ordered that checks nothing before it orders: its checks would go to port 80 and to the real DNS.
func (l *lab) open(c OrderConfig) *Ordered {
	l.t.Helper()
	o, err := NewOrdered(c)
	if err != nil {
		l.t.Fatal(err)
	}
	o.preflight = func(context.Context, string) []Finding { return nil }
	return o
}

// check lets an Ordered check as it does, but for what is different in the lab.
func (l *lab) check(o *Ordered) {
	_, port, _ := net.SplitHostPort(l.zone.address)
	o.preflight = func(ctx context.Context, name string) []Finding {
		c := o.checks(name)
		c.HTTPPort, c.HTTPSPort = l.httpPort, l.tlsPort
		c.DNSPort, _ = strconv.Atoi(port)
		c.Public = func(netip.Addr) bool { return true }
		return findings(preflight.Run(ctx, c))
	}
}

func (l *lab) serve(o *Ordered) (stop func()) {
	l.t.Helper()
	closeDoors, err := openListeners(o, l.httpPort, l.tlsPort)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = o.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		closeDoors()
	})
	l.t.Cleanup(stop)
	return stop
}

// openListeners listens as a proxy does.
func openListeners(o *Ordered, httpPort, tlsPort int) (closeAll func(), err error) {
	plain, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", httpPort))
	if err != nil {
		return nil, err
	}
	secure, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", tlsPort), &tls.Config{
		NextProtos:     []string{"http/1.1", "acme-tls/1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return o.Certificate(h), nil },
	})
	if err != nil {
		return nil, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if token, is := strings.CutPrefix(r.URL.Path, "/.well-known/acme-challenge/"); is {
			if authorization, found := o.Challenge(host, token); found {
				_, _ = io.WriteString(w, authorization)
				return
			}
		}
		http.NotFound(w, r)
	})
	quiet := slog.NewLogLogger(slog.DiscardHandler, 0)
	a, b := &http.Server{Handler: handler, ErrorLog: quiet}, &http.Server{Handler: handler, ErrorLog: quiet}
	go func() { _ = a.Serve(plain) }()
	go func() { _ = b.Serve(secure) }()
	return func() { a.Close(); b.Close() }, nil
}

// valid waits until a name has a certificate that is not to be renewed, and nothing is wrong.
func (l *lab) valid(o *Ordered, name string) State {
	l.t.Helper()
	return l.until(o, name, func(s State) bool { return s.Phase == Valid && !s.Expires.IsZero() })
}

func (l *lab) until(o *Ordered, name string, good func(State) bool) (found State) {
	l.t.Helper()
	await(l.t, name, func() bool {
		found = stateIn(o, name)
		return good(found)
	}, func() string { return fmt.Sprintf("%+v", found) })
	return found
}

// leaf is the certificate that a client is shown.
func (l *lab) leaf(serverName string) *x509.Certificate {
	l.t.Helper()
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.tlsPort), &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// await waits until something is so, for a minute and a half at the most: the machine may be busy.
func await(t *testing.T, what string, so func() bool, more ...func() string) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for !so() {
		select {
		case <-deadline:
			for _, m := range more {
				what += ": " + m()
			}
			t.Fatalf("this does not come: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastPort is the port that was tried last. It is below those that systems give to connections, which would take a port
// between the look at it and its use; where it begins depends on the process.
var lastPort = func() *atomic.Int32 {
	p := new(atomic.Int32)
	p.Store(10000 + int32(os.Getpid()%2000)*8)
	return p
}()

// freePorts are ports of 127.0.0.1 that nothing listens on, and that no other test gets.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for len(ports) < n {
		port := int(lastPort.Add(1))
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		ln.Close()
		ports = append(ports, port)
	}
	return ports
}

// pemOf is a certificate as PEM.
func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
