package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"gateway/proxy/peer"
	"gateway/proxy/route"
)

// withHTTP3 runs a proxy with HTTP/3, and returns a client that speaks it.
func withHTTP3(t *testing.T, c Config, routes ...route.Route) (*running, *http.Client) {
	t.Helper()
	c = withTLS(t, c)
	c.HTTP3 = true
	p := start(t, c, routes...)
	transport := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}
	t.Cleanup(func() { _ = transport.Close() })
	return p, &http.Client{Transport: transport}
}

func getHTTP3(t *testing.T, client *http.Client, address, path string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp, string(body)}
}

// Requests of HTTP/3 pass the same filters and are counted as those of other versions.
func TestHTTP3_IsServedBesideHTTPS(t *testing.T) {
	log, closeLog := keepLog(t)
	target, heads := recordHeads(t)
	p, client := withHTTP3(t, Config{AccessLog: log, Via: "club", MaxClientConns: 2}, mount(t, "/x", route.Strip, target))
	address := secureAddress(t, p)
	if want := "https+udp://" + address; !strings.Contains(fmt.Sprint(p.Status().Proxy.Listeners), want) {
		t.Errorf("the listeners are %v, without %s", p.Status().Proxy.Listeners, want)
	}
	got := getHTTP3(t, client, address, "/x/a?b")
	head := <-heads
	if got.StatusCode != 200 || got.ProtoMajor != 3 || got.Header.Get("X-Request-Id") == "" || got.Header.Get("Alt-Svc") != "" {
		t.Errorf("%s %s %v", got.Proto, got.Status, got.Header)
	}
	for name, want := range map[string]string{
		"Via": "3.0 club", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Prefix": "/x",
	} {
		if is := fields(head, name); len(is) != 1 || is[0] != want {
			t.Errorf("the app got %s %q, want %q", name, is, want)
		}
	}
	if got := getHTTP3(t, client, address, "/nowhere"); got.StatusCode != 404 || got.Header.Get("X-Request-Id") == "" {
		t.Errorf("without a route: %s %v", got.Status, got.Header)
	}
	if n := p.Status().Proxy.Connections.Open; n != 1 {
		t.Errorf("%d connections are open", n)
	}
	lines := p.logLines(t, closeLog, 2)
	lines[0].wants(t, logLine{"protocol": "HTTP/3.0", "status": 200, "client": "127.0.0.1", "path": "/x/a"})
	lines[1].wants(t, logLine{"protocol": "HTTP/3.0", "status": 404})
}

func TestHTTP3_IsAnnouncedToClientsOfOtherVersions(t *testing.T) {
	for port, want := range map[int]string{0: "", 8443: `h3=":8443"; ma=3600`} {
		p, _ := withHTTP3(t, Config{HTTPSPort: port}, mount(t, "/", route.Strip, app(t, "x", nil)))
		address := secureAddress(t, p)
		if _, number, _ := net.SplitHostPort(address); want == "" {
			want = fmt.Sprintf(`h3=":%s"; ma=3600`, number)
		}
		if got := doHTTP2(t, p.http2(t, ""), requestHTTP2(t, "GET", "/", nil)); got.Header.Get("Alt-Svc") != want {
			t.Errorf("%q, want %q", got.Header.Get("Alt-Svc"), want)
		}
		if got := p.do(t, "GET", "/"); got.Header.Get("Alt-Svc") != "" {
			t.Errorf("without TLS: %q", got.Header.Get("Alt-Svc"))
		}
	}
}

// A UDP port that is taken is an error, and the other listeners are closed.
func TestHTTP3_NeedsItsPort(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := withTLS(t, Config{HTTP3: true})
	c.TLSListen = []string{taken.LocalAddr().String()}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "UDP port of HTTP/3") {
		t.Error(err)
	}
}

func TestNew_RefusesHTTP3ThatCannotWork(t *testing.T) {
	announced := withTLS(t, Config{HTTP3: true, ProxyProtocol: true, Trusted: new(peer.Networks)})
	for want, c := range map[string]Config{"no address for HTTPS": {HTTP3: true}, "no PROXY header": announced} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

func TestHTTP3_EndsWithinTheGrace(t *testing.T) {
	p, client := withHTTP3(t, Config{}, mount(t, "/", route.Strip, app(t, "x", nil)))
	getHTTP3(t, client, secureAddress(t, p), "/")
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}
