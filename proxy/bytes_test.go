package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// recordHeads is a target that records the requests it receives, byte for byte, and responds to each with an empty 200.
func recordHeads(t *testing.T) (route.Target, <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heads := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveRecorded(conn, heads)
		}
	}()
	return at("wire", l.Addr().String()), heads
}

func serveRecorded(conn net.Conn, heads chan<- string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		head.WriteString(line)
		if line == "\r\n" {
			heads <- head.String()
			head.Reset()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

func requestLine(head string) string {
	line, _, _ := strings.Cut(head, "\r\n")
	return line
}

// fields returns all values of a field. The name is compared without regard to case.
func fields(head, name string) []string {
	var values []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if key, value, found := strings.Cut(line, ":"); found && strings.EqualFold(key, name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func TestProxy_PassesPathsAndQueriesByteForByte(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, Config{}, mount(t, "/robots", route.Strip, target), mount(t, "/wiki", route.Preserve, target))
	for _, rest := range []string{
		"/", "/x", "/a%2Fb", "/a%2fb", "/a;b=c;d", "//", "//x", "///x//y//", "/x.", "/x...", "/%7euser", "/~user", "/%41",
		"/a%20b+c", "/a%00b", "/ü", "/a|b", "/\"<>{}^`", "/[x]", "/a:b@c", "//a|b%2F", "/%C3%BC", "/%ff", "/a&b=c", "/x%3Fy", "/x%23y",
		"/.well-known/x", "/./x", "/a/../b", "/a//../b",
		"/?", "/??", "/x?", "/x?a=1&b=2", "/x?b=2&a=1;c", "/x?%zz", "/x?a=%", "/x?a=b?c=d", "/x?a=/../..", "/x?<>|\"ü", "/x?a+b%20c&&=&",
		"//x?y", "/x?http://evil.org/",
	} {
		p.do(t, "GET", "/robots"+rest)
		if got, want := requestLine(<-heads), "GET "+rest+" HTTP/1.1"; got != want {
			t.Errorf("strip: got %q, want %q", got, want)
		}
		p.do(t, "GET", "/wiki"+rest)
		if got, want := requestLine(<-heads), "GET /wiki"+rest+" HTTP/1.1"; got != want {
			t.Errorf("preserve: got %q, want %q", got, want)
		}
	}
	p.do(t, "GET", "/%72obots/%72obots")
	if got, want := requestLine(<-heads), "GET /%72obots HTTP/1.1"; got != want {
		t.Errorf("an escaped prefix: got %q, want %q", got, want)
	}
}

func TestProxy_SetsForwardedFieldsItself(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, Config{}, mount(t, "/robots", route.Strip, target), mount(t, "/wiki", route.Preserve, target), mount(t, "/", route.Strip, target))
	lies := []string{
		"X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 6.6.6.7", "X_Forwarded_For: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "X.Forwarded.For: 6.6.6.6",
		"X-Forwarded-Proto: https", "X_FORWARDED_PROTO: https", "X-Forwarded-Host: evil.org", "X-Forwarded-Port: liar", "X-Forwarded-Prefix: /evil",
		"X_Forwarded_Prefix: /evil", "X-Forwarded-Server: evil", "X-Forwarded-Ssl: on", "X-Forwarded-User: root", "X-Forwarded: evil", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6", "X_Real_IP: 6.6.6.6", "X-Original-URL: /evil", "X_Rewrite_Url: /evil",
		"X-Request-Id: evil", "X_Request-ID: evil", "Proxy: http://evil.org",
	}
	plain := []string{"X-Other_Name: kept", "X-Real-Ips: kept", "X-Forward: kept", "User-Agent: me"}
	tricks := []string{"Connection: x-forwarded-prefix, X-Forwarded-For", "Connection: x-real-ip, x-request-id, x-forwarded-proto,x-forwarded-host,x-forwarded-port"}
	for path, prefix := range map[string]string{"/robots/": "/robots", "/wiki/": "", "/": ""} {
		got := p.do(t, "GET", path, append(append(append([]string{}, lies...), plain...), tricks...)...)
		head := <-heads
		want := map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "example.org",
			"X-Forwarded-Port": "80", "X-Forwarded-Prefix": prefix, "Host": "example.org", "X-Request-Id": got.Header.Get("X-Request-Id"),
		}
		for name, value := range want {
			if values := fields(head, name); strings.Join(values, "|") != value {
				t.Errorf("%s: %s is %q, want %q", path, name, values, value)
			}
		}
		for _, h := range plain {
			if !strings.Contains(strings.ToLower(head), strings.ToLower(h)) {
				t.Errorf("%s: %q did not pass", path, h)
			}
		}
		for _, lie := range []string{"6.6.6", "evil", "liar", "root", "https"} {
			if strings.Contains(head, lie) {
				t.Errorf("%s: the lie %q passed:\n%s", path, lie, head)
			}
		}
	}
}

func TestProxy_ForwardsThePortOfTheClient(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, Config{}, mount(t, "/", route.Strip, target))
	for host, want := range map[string]string{
		"example.org": "80", "example.org:8080": "8080", "[::1]:81": "81", "[::1]": "80", "example.org:": "80", "example.org:99999": "80",
	} {
		p.raw(t, "GET", "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		head := <-heads
		if got := fields(head, "X-Forwarded-Port"); len(got) != 1 || got[0] != want {
			t.Errorf("Host %q: port %q, want %s", host, got, want)
		}
		if got := fields(head, "Host"); len(got) != 1 || got[0] != host {
			t.Errorf("Host %q became %q", host, got)
		}
		if got := fields(head, "X-Forwarded-Host"); len(got) != 1 || got[0] != host {
			t.Errorf("X-Forwarded-Host of %q is %q", host, got)
		}
	}
}

func TestProxy_ForwardsThatTheClientUsesTLS(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, withTLS(t, Config{}), mount(t, "/robots", route.Strip, target))
	conn, err := tls.Dial("tcp", secureAddress(t, p), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /robots/x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
	if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 200 {
		t.Errorf("%d, want the app's 200", got.StatusCode)
	}
	head := <-heads
	for name, want := range map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "X-Forwarded-Host": "example.org"} {
		if got := strings.Join(fields(head, name), "|"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestProxy_AddsNothingTheClientDidNotSay(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, Config{}, mount(t, "/", route.Strip, target))
	got := p.do(t, "GET", "/", "Accept-Encoding: br;q=1.0, zstd", "Origin: http://example.org", "Cookie: a=1; b=2", "Proxy-Authorization: x")
	head := <-heads
	for _, name := range []string{"User-Agent", "Accept", "X-Forwarded-Prefix", "Via", "Forwarded", "Proxy-Authorization", "Connection"} {
		if values := fields(head, name); values != nil {
			t.Errorf("%s: %q, want none", name, values)
		}
	}
	if via := got.Header.Get("Via"); via != "" {
		t.Errorf("the client received Via %q", via)
	}
	if !strings.Contains(head, "Accept-Encoding: br;q=1.0, zstd\r\n") || !strings.Contains(head, "Origin: http://example.org\r\n") || !strings.Contains(head, "Cookie: a=1; b=2\r\n") {
		t.Errorf("a field changed:\n%s", head)
	}
}

func TestProxy_MapsHeadersOfStrippedApps(t *testing.T) {
	var target route.Target
	handle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+target.Address+"/login")
		w.Header().Set("Content-Location", "/wiki/page")
		w.Header().Set("X-Referer", r.Header.Get("Referer"))
		w.Header().Set("X-Request-Id", "the app's own")
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "1", Path: "/"})
		w.WriteHeader(http.StatusFound)
	}
	target = app(t, "robots", handle)
	p := start(t, Config{},
		mount(t, "/robots", route.Strip, target), mount(t, "/wiki", route.Preserve, target), mount(t, "/", route.Strip, app(t, "root", nil)))
	got := p.do(t, "GET", "/robots/", "Referer: http://example.org/robots/x")
	for name, want := range map[string]string{
		"Location": "http://example.org/robots/login", "Content-Location": "/robots/wiki/page", "Set-Cookie": "sid=1; Path=/robots",
		"X-Referer": "http://example.org/x",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("strip: %s is %q, want %q", name, value, want)
		}
	}
	if ids := got.Header["X-Request-Id"]; len(ids) != 1 || len(ids[0]) != 32 {
		t.Errorf("X-Request-Id %q, want ours alone", ids)
	}
	got = p.do(t, "GET", "/wiki/", "Referer: http://example.org/wiki/x")
	if cookie, referer := got.Header.Get("Set-Cookie"), got.Header.Get("X-Referer"); cookie != "sid=1; Path=/" || referer != "http://example.org/wiki/x" {
		t.Errorf("preserve: cookie %q and Referer %q changed", cookie, referer)
	}
}
