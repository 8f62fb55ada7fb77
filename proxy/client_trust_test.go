package proxy

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// clientFields is what a request says of its client.
type clientFields struct{ For, Real, Proto, Host, Port, Forwarded, Asked string }

// describingClients is an app that responds with the clientFields that it received.
func describingClients(t *testing.T, name string) route.Target {
	t.Helper()
	return app(t, name, func(w http.ResponseWriter, r *http.Request) {
		all := func(name string) string { return strings.Join(r.Header.Values(name), " | ") }
		_ = json.NewEncoder(w).Encode(clientFields{
			all("X-Forwarded-For"), all("X-Real-Ip"), all("X-Forwarded-Proto"), all("X-Forwarded-Host"), all("X-Forwarded-Port"),
			all("Forwarded"), r.Host,
		})
	})
}

// clientFields reads the response of a describingClients app.
func (r response) clientFields(t *testing.T) (v clientFields) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Errorf("%d %q: %v", r.StatusCode, r.body, err)
	}
	return v
}

func TestClient_IsTakenFromTrustedProxiesAlone(t *testing.T) {
	fields := []string{
		"X-Forwarded-For: 198.51.100.1, 192.0.2.1", "X-Forwarded-For: 10.0.0.7:4711", "X-Real-IP: 198.51.100.2",
		"X-Forwarded-Proto: https", "X-Forwarded-Host: public.example:8443", "X-Forwarded-Port: 1", "Forwarded: for=198.51.100.3",
		"X-Forwarded-Prefix: /evil",
	}
	for _, c := range []struct {
		trusted []string
		headers []string
		want    clientFields
	}{
		{nil, fields, clientFields{"127.0.0.1", "127.0.0.1", "http", "example.org", "80", "for=127.0.0.1;proto=http;host=\"example.org\"", "example.org"}},
		{[]string{"192.0.2.0/24", "10.0.0.0/8"}, fields, clientFields{"127.0.0.1", "127.0.0.1", "http", "example.org", "80", "for=127.0.0.1;proto=http;host=\"example.org\"", "example.org"}},
		{[]string{"127.0.0.1"}, fields, clientFields{
			"10.0.0.7, 127.0.0.1", "10.0.0.7", "https", "public.example:8443", "8443", "for=10.0.0.7;proto=https;host=\"public.example:8443\"", "public.example:8443",
		}},
		{[]string{"private"}, fields, clientFields{
			"192.0.2.1, 10.0.0.7, 127.0.0.1", "192.0.2.1", "https", "public.example:8443", "8443", "for=192.0.2.1;proto=https;host=\"public.example:8443\"", "public.example:8443",
		}},
		{[]string{"private"}, []string{"X-Forwarded-For: [2001:DB8::1]:80"}, clientFields{
			"2001:db8::1, 127.0.0.1", "2001:db8::1", "http", "example.org", "80", "for=\"[2001:db8::1]\";proto=http;host=\"example.org\"", "example.org",
		}},
		{[]string{"private"}, []string{"X-Forwarded-For: 192.0.2.1, nonsense", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: a b"}, clientFields{
			"127.0.0.1", "127.0.0.1", "http", "example.org", "80", "for=127.0.0.1;proto=http;host=\"example.org\"", "example.org",
		}},
		{[]string{"private"}, nil, clientFields{"127.0.0.1", "127.0.0.1", "http", "example.org", "80", "for=127.0.0.1;proto=http;host=\"example.org\"", "example.org"}},
	} {
		log, closeLog := keepLog(t)
		p := start(t, Config{Trusted: trusting(t, c.trusted...), Forwarded: true, AccessLog: log}, mount(t, "/", route.Strip, describingClients(t, "x")))
		if got := p.do(t, "GET", "/", c.headers...).clientFields(t); got != c.want {
			t.Errorf("trusting %v with %v:\n got %+v\nwant %+v", c.trusted, c.headers, got, c.want)
		}
		all := p.logLines(t, closeLog, 1)
		if len(all) != 1 {
			t.Fatalf("%d lines", len(all))
		}
		logged := logLine{"client": c.want.Real, "peer": nil, "tls": c.want.Proto == "https", "host": c.want.Host}
		if c.want.Real != "127.0.0.1" {
			logged["peer"] = "127.0.0.1"
		}
		all[0].wants(t, logged)
		p.stop()
	}
}

// Each proxy has its own fields for how the client came. Apps get one spelling, and never a client's.
func TestClient_HasTheSchemeThatTrustedProxiesName(t *testing.T) {
	spellings := []string{
		"X-Forwarded-Ssl: on", "Front-End-Https: on", "X-Forwarded-Scheme: https", "X-Url-Scheme: https", "X-Scheme: https", "X-Forwarded-Protocol: https",
		"CloudFront-Forwarded-Proto: https", `Cf-Visitor: {"scheme":"https"}`, "Forwarded: for=192.0.2.7;proto=https",
	}
	type came struct{ Proto, Host, Port string }
	target, heads := recordHeads(t)
	for trusted, believed := range map[string]bool{"private": true, "192.0.2.1": false} {
		p := start(t, Config{Trusted: trusting(t, trusted)}, mount(t, "/", route.Strip, target))
		check := func(want came, lines ...string) {
			t.Helper()
			if !believed {
				want = came{"http", "example.org", "80"}
			}
			p.do(t, "GET", "/", lines...)
			head := <-heads
			all := func(name string) string { return strings.Join(fields(head, name), "|") }
			if got := (came{all("X-Forwarded-Proto"), all("X-Forwarded-Host"), all("X-Forwarded-Port")}); got != want {
				t.Errorf("trusting %s with %q: %+v, want %+v", trusted, lines, got, want)
			}
			for _, spelling := range spellings {
				if name, _, _ := strings.Cut(spelling, ":"); all(name) != "" {
					t.Errorf("trusting %s with %q: the app gets %s: %s", trusted, lines, name, all(name))
				}
			}
		}
		for _, spelling := range spellings {
			check(came{"https", "example.org", "443"}, spelling)
		}
		check(came{"https", "public.example", "8443"}, "X-Forwarded-For: 192.0.2.7, 10.0.0.1", "X-Forwarded-Proto: https, http",
			"X-Forwarded-Port: 8443, 80", "X-Forwarded-Host: public.example, inner")
		check(came{"http", "public.example", "80"}, "X-Forwarded-Proto: https, http", "X-Forwarded-Host: evil.example, public.example")
		check(came{"http", "example.org", "80"}, "X-Forwarded-Proto: gopher", "Front-End-Https: on")
		p.stop()
	}
}

func TestClient_HasTheHostThatATrustedProxyNames(t *testing.T) {
	public, plain := mount(t, "/", route.Strip, describingClients(t, "plain")), mount(t, "public.example/", route.Strip, app(t, "public", nil))
	for trusted, want := range map[string]string{"127.0.0.1": "public GET /", "192.0.2.1": ""} {
		p := start(t, Config{Trusted: trusting(t, trusted)}, public, plain)
		got := p.do(t, "GET", "/", "X-Forwarded-Host: public.example")
		if (got.body == want) != (want != "") {
			t.Errorf("trusting %s: %q", trusted, got.body)
		}
		p.stop()
	}
}

// announcement is a header of version 2 of the PROXY protocol.
func announcement(source string) string {
	from := netip.MustParseAddrPort(source)
	family, length := byte(0x11), uint16(12)
	if from.Addr().Is6() {
		family, length = 0x21, 36
	}
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21"), family)
	b = binary.BigEndian.AppendUint16(b, length)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, make([]byte, len(from.Addr().AsSlice()))...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return string(binary.BigEndian.AppendUint16(b, 80))
}

// announcements are headers, with the client and the X-Forwarded-For that follow from each.
var announcements = map[string]struct{ client, isFor string }{
	"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n": {"192.0.2.1", "192.0.2.1"},
	announcement("[2001:db8::1]:1000"):           {"2001:db8::1", "2001:db8::1"},
	// The announced client may be a trusted proxy itself.
	announcement("10.0.0.1:1000"): {"198.51.100.9", "198.51.100.9, 10.0.0.1"},
	// A connection without an address is not trusted.
	"PROXY UNKNOWN\r\n":                      {"unknown", "unknown"},
	"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00": {"198.51.100.9", "198.51.100.9, 127.0.0.1"},
}

func TestClient_HasTheAddressOfItsPROXYHeader(t *testing.T) {
	log, closeLog := keepLog(t)
	config := withTLS(t, Config{Trusted: trusting(t, "private"), ProxyProtocol: true, AccessLog: log})
	p := start(t, config, mount(t, "/", route.Strip, describingClients(t, "x")))
	requests, clients := uint64(0), map[string]int{}
	for header, want := range announcements {
		ask := "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n"
		responses := []response{p.raw(t, "GET", header+ask)}
		// It may come in pieces.
		conn := p.dial(t)
		for i := range len(header) {
			_, _ = io.WriteString(conn, header[i:i+1])
		}
		_, _ = io.WriteString(conn, ask)
		responses = append(responses, read(t, bufio.NewReader(conn), "GET"))
		responses = append(responses, doHTTP2(t, p.http2(t, header), requestHTTP2(t, "GET", "/", nil, "X-Forwarded-For: 198.51.100.9")))
		for i, got := range responses {
			requests++
			clients[want.client]++
			if is := got.clientFields(t); is.For != want.isFor || is.Real != want.client {
				t.Errorf("%q, way %d: the app received %+v, want %v", header, i, is, want)
			}
		}
	}
	for _, l := range p.logLines(t, closeLog, requests) {
		client, _ := l["client"].(string)
		clients[client]--
	}
	for client, left := range clients {
		if left != 0 {
			t.Errorf("%s has %d lines too few", client, left)
		}
	}
}
