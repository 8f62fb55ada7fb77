package health

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

// serve is an app on the loopback that speaks a scheme.
func serve(t *testing.T, scheme route.Scheme, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	switch scheme {
	case route.HTTPS:
		s.StartTLS()
	case route.H2C:
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	default:
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// raw is an app that sends the same to each connection after a request, and then closes it.
func raw(t *testing.T, response string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, response)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func target(address string, scheme route.Scheme, path string) Target {
	return Target{Name: "app", Key: Key{Address: address, Scheme: scheme, Check: route.Check{
		Path: path, Interval: time.Millisecond, Timeout: 10 * time.Second, Rise: 1, Fall: 1,
	}}}
}

// once makes one check over the network.
func once(t *testing.T, target Target) string {
	t.Helper()
	return newLoop(target).ask(t.Context(), newNetwork().transport(target.Scheme))
}

func TestAsk_SpeaksEveryScheme(t *testing.T) {
	for scheme, proto := range map[route.Scheme]string{route.HTTP: "HTTP/1.1", route.HTTPS: "HTTP/1.1", route.H2C: "HTTP/2.0"} {
		got := make(chan *http.Request, 1)
		s := serve(t, scheme, func(_ http.ResponseWriter, r *http.Request) { got <- r })
		address := s.Listener.Addr().String()
		for host, want := range map[string]string{"": address, "example.org": "example.org"} {
			asked := target(address, scheme, "//up%2Fa/?deep=%31&x")
			asked.Host = host
			if reason := once(t, asked); reason != "" {
				t.Fatalf("%s: %s", scheme, reason)
			}
			r := <-got
			if r.Method != "GET" || r.Proto != proto || r.Host != want || r.RequestURI != "//up%2Fa/?deep=%31&x" ||
				r.UserAgent() != "gateway-health" || proto == "HTTP/1.1" && !r.Close || r.Header.Get("Accept-Encoding") != "" {
				t.Errorf("%s: got %s %s %s %s %v", scheme, r.Method, r.RequestURI, r.Proto, r.Host, r.Header)
			}
		}
	}
}

func TestAsk_KeepsNoConnection(t *testing.T) {
	for _, scheme := range []route.Scheme{route.HTTP, route.HTTPS, route.H2C} {
		var opened, closed atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened.Add(1)
			case http.StateClosed:
				closed.Add(1)
			}
		}
		switch scheme {
		case route.HTTPS:
			s.StartTLS()
		default:
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP1(scheme == route.HTTP)
			s.Config.Protocols.SetUnencryptedHTTP2(scheme == route.H2C)
			s.Start()
		}
		transport := newNetwork().transport(scheme)
		l := newLoop(target(s.Listener.Addr().String(), scheme, "/"))
		for range 3 {
			if reason := l.ask(t.Context(), transport); reason != "" {
				t.Fatalf("%s: %s", scheme, reason)
			}
		}
		until(t, string(scheme)+": 3 connections, all closed", func() bool { return opened.Load() == 3 && closed.Load() == 3 })
		s.Close()
	}
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never came true: %s", what)
		}
	}
}

func TestAsk_PassesWithTwoAndThreeHundreds(t *testing.T) {
	var asked atomic.Int64
	s := serve(t, route.HTTP, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.Header().Set("Location", "/500")
		w.WriteHeader(status)
	})
	for status, passes := range map[int]bool{200: true, 204: true, 299: true, 301: true, 304: true, 308: true, 399: true, 400: false, 401: false, 404: false, 500: false, 503: false} {
		before := asked.Load()
		want := ""
		if !passes {
			want = fmt.Sprintf("GET /%d answered %d", status, status)
		}
		if got := once(t, target(s.Listener.Addr().String(), route.HTTP, fmt.Sprintf("/%d?token=secret", status))); got != want {
			t.Errorf("%d: got %q", status, got)
		}
		if asked.Load() != before+1 {
			t.Errorf("%d: it asked %d times", status, asked.Load()-before)
		}
	}
}

func TestAsk_WaitsForTheFinalResponse(t *testing.T) {
	hints := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 3)
	for response, want := range map[string]string{
		"HTTP/1.1 204 No Content\r\n\r\n":              "",
		"HTTP/1.1 500 Internal Server Error\r\n\r\n":   "GET / answered 500",
		strings.Repeat("HTTP/1.1 102 X\r\n\r\n", 5000): "the head of its response is too large",
	} {
		if got := once(t, target(raw(t, hints+response), route.HTTP, "/")); got != want {
			t.Errorf("%.30q: got %q, want %q", response, got, want)
		}
	}
}

func TestAsk_ReadsNoMoreThanItNeeds(t *testing.T) {
	for _, scheme := range []route.Scheme{route.HTTP, route.HTTPS, route.H2C} {
		ended := make(chan error, 1)
		s := serve(t, scheme, func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 16<<10))
			}
			ended <- err
		})
		if reason := once(t, target(s.Listener.Addr().String(), scheme, "/")); reason != "" {
			t.Errorf("%s: %s", scheme, reason)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: an endless response was read to its end", scheme)
		}
	}
}

// closedH2C is the reason for a target that speaks another protocol, unless the connection ends first.
const closedH2C = "it does not speak HTTP/2"

func TestAsk_SaysWhatIsWrong(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := free.Addr().String()
	_ = free.Close()
	release := make(chan struct{})
	hangs := serve(t, route.HTTP, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	secret := serve(t, route.HTTPS, func(http.ResponseWriter, *http.Request) {})
	hung := hangs.Listener.Addr().String()
	tests := []struct {
		target Target
		want   string
	}{
		{target(refusing, route.HTTP, "/"), "connection refused"},
		{target(refusing, route.HTTPS, "/"), "connection refused"},
		{target(refusing, route.H2C, "/"), "connection refused"},
		{target(hung, route.HTTP, "/"), "no response within 20ms"},
		{target(raw(t, ""), route.HTTP, "/"), "the connection was closed without a response"},
		{target(raw(t, ""), route.HTTPS, "/"), "the connection was closed without a response"},
		{target(raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), route.HTTP, "/"), "its response broke off"},
		{target(raw(t, "SSH-2.0-\x1b[31mhello\r\n"), route.HTTP, "/"), "its response is not HTTP"},
		{target(raw(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), route.HTTP, "/"), "GET / answered 101"},
		{target(hung, route.HTTPS, "/"), "it does not speak TLS"},
		{target(raw(t, "HTTP/1.1 200 OK\r\n\r\n"), route.H2C, "/"), closedH2C},
		{target(raw(t, ""), route.H2C, "/"), closedH2C},
		{target(secret.Listener.Addr().String(), route.H2C, "/"), closedH2C},
		{target(raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxResponse)+"\r\n\r\n"), route.HTTP, "/"), "the head of its response is too large"},
		{target(secret.Listener.Addr().String(), route.HTTP, "/"), "GET / answered 400"},
		{target("no-such-host.invalid:80", route.HTTP, "/"), "its address is not known"},
		{target("127.0.0.1:notaport", route.HTTP, "/"), "its address is not known"},
		{target(hung, route.HTTP, "relative"), "the check cannot be sent: "},
		{target(hung, route.HTTP, "/\x1b[31m"), "the check cannot be sent: "},
		{target(hung, route.HTTP, "/%zz"), "the check cannot be sent: "},
	}
	for _, tt := range tests {
		if tt.target.Address == hung && tt.target.Scheme == route.HTTP {
			tt.target.Check.Timeout = 20 * time.Millisecond
		}
		got := once(t, tt.target)
		if tt.want == closedH2C && got == "the connection was closed without a response" {
			continue
		}
		if !strings.HasPrefix(got, tt.want) || len(got) > 300 || strings.ContainsAny(got, "\x1b\n") {
			t.Errorf("%s %s%s: got %q, want %q", tt.target.Scheme, tt.target.Address, tt.target.Check.Path, got, tt.want)
		}
	}
}

func TestChecker_SeesARestart(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := serve(t, route.HTTP, handler)
	address := s.Listener.Addr().String()
	key := target(address, route.HTTP, "/").Key
	r := &reports{}
	c := New(Config{Report: r.add, Log: slog.New(slog.DiscardHandler)})
	c.Set([]Target{{Key: key}})
	run(t, c)
	is := func(want string) func() bool {
		return func() bool { return strings.HasPrefix(verdictOf(c, key), want) }
	}
	until(t, "it passes", is("passing"))
	s.Close()
	until(t, "it fails", is("failing"))
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the address was taken meanwhile: %v", err)
	}
	again := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = again.Serve(l) }()
	t.Cleanup(func() { again.Close() })
	until(t, "it passes again", is("passing"))
	if got := r.take(); strings.Count(got, ";") != 2 || strings.Count(got, address+" true") != 2 {
		t.Errorf("reported %q", got)
	}
}

// TestChecker_IsSafeToChange swaps targets while they are checked; the race detector and the end of Run judge it.
func TestChecker_IsSafeToChange(t *testing.T) {
	var targets []Target
	for _, scheme := range []route.Scheme{route.HTTP, route.HTTPS, route.H2C} {
		s := serve(t, scheme, func(http.ResponseWriter, *http.Request) {})
		for i := range 5 {
			targets = append(targets, target(s.Listener.Addr().String(), scheme, fmt.Sprintf("/%d", i)))
		}
	}
	targets = append(targets, target("127.0.0.1:1", route.HTTP, "/refused"))
	r := &reports{}
	c := New(Config{Report: r.add, Log: slog.New(slog.DiscardHandler)})
	stop := run(t, c)
	var churn sync.WaitGroup
	for n := range 4 {
		churn.Go(func() {
			for i := range 200 {
				c.Set(targets[(n+i)%len(targets):])
				verdictOf(c, targets[i%len(targets)].Key)
			}
		})
	}
	churn.Wait()
	c.Set(targets)
	until(t, "all are checked", func() bool {
		for _, one := range targets {
			if verdictOf(c, one.Key) == "unknown" {
				return false
			}
		}
		return true
	})
	stop()
	if got := verdictOf(c, targets[0].Key); got != "passing" {
		t.Errorf("after the end: %s", got)
	}
}

func TestNetwork_VerifiesNoCertificate(t *testing.T) {
	s := serve(t, route.HTTPS, func(http.ResponseWriter, *http.Request) {})
	if _, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{ServerName: "other.example"}); err == nil {
		t.Fatal("the certificate is good, so that this test proves nothing")
	}
	if reason := once(t, target(s.Listener.Addr().String(), route.HTTPS, "/")); reason != "" {
		t.Error(reason)
	}
}

func BenchmarkAsk(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	l, transport := newLoop(target(s.Listener.Addr().String(), route.HTTP, "/")), newNetwork().transport(route.HTTP)
	for b.Loop() {
		if reason := l.ask(b.Context(), transport); reason != "" {
			b.Fatal(reason)
		}
	}
}
