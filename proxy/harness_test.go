package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gateway/proxy/route"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// logged is a log that tests can read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
	// on is called with each message that was logged, by the goroutine that logs, if it is set.
	on atomic.Pointer[func(message string)]
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(notifying{slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}), l})
}

// notifying is a handler that calls logged.on.
type notifying struct {
	slog.Handler
	log *logged
}

// Handle implements slog.Handler.
func (c notifying) Handle(ctx context.Context, r slog.Record) error {
	err := c.Handler.Handle(ctx, r)
	if on := c.log.on.Load(); on != nil {
		(*on)(r.Message)
	}
	return err
}

// running is a proxy that serves clients on a real socket.
type running struct {
	*Server
	address string
	log     *logged
	stop    context.CancelFunc
	ended   chan error
}

// start runs a proxy until the test ends. It listens on the loopback, and has a table of the routes if there are any.
func start(t *testing.T, c Config, routes ...route.Route) *running {
	t.Helper()
	log := &logged{}
	if c.Timeouts.Quiet == 0 {
		// Most tests want connections used again at once.
		c.Timeouts.Quiet = -1
	}
	c.Listen, c.Logger = append(c.Listen, "127.0.0.1:0"), log.logger()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if routes != nil {
		s.SetTable(route.Build(routes, nil))
	}
	ctx, stop := context.WithCancel(t.Context())
	p := &running{Server: s, log: log, stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- s.Serve(ctx) }()
	t.Cleanup(stop)
	eventually(t, "the proxy listens", func() bool { return len(s.Status().Proxy.Listeners) > 0 })
	// The last without TLS is the one from above.
	for _, url := range s.Status().Proxy.Listeners {
		if address, plain := strings.CutPrefix(url, "http://"); plain {
			p.address = address
		}
	}
	return p
}

// app is an app on a real socket. With a nil handle it responds with its name, the method and the request target.
func app(t *testing.T, name string, handle http.HandlerFunc) route.Target {
	t.Helper()
	if handle == nil {
		handle = func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s %s", name, r.Method, r.RequestURI) }
	}
	server := httptest.NewServer(handle)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return at(name, server.Listener.Addr().String())
}

// appH2C is an app that speaks HTTP/2 without TLS alone.
func appH2C(t *testing.T, name string, handle http.HandlerFunc) route.Target {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	target := at(name, server.Listener.Addr().String())
	target.Scheme = route.H2C
	return target
}

func at(name, address string) route.Target {
	return route.Target{ID: name, Name: name, Address: address, Scheme: route.HTTP, State: route.Ready}
}

// deadAddress is an address that refuses connections.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// refusingAddress is an address that refuses connections until the test ends: a socket is bound to it and does not listen,
// so that no listener, such as the proxy's own, gets its port meanwhile.
func refusingAddress(t *testing.T) string {
	t.Helper()
	// As the net package does, so that no child process keeps it.
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// mount makes a route; its service is the name of the first target.
func mount(t *testing.T, path string, how route.Mount, targets ...route.Target) route.Route {
	t.Helper()
	key, err := route.ParseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return route.Route{Key: key, Service: targets[0].Name, Source: "docker", Mount: how, Targets: targets}
}

// response is a response that was read whole, with its body.
type response struct {
	*http.Response
	body string
}

// do sends one request over a connection of its own and follows nothing. Headers are "Name: value".
func (p *running) do(t *testing.T, method, target string, headers ...string) response {
	t.Helper()
	head := method + " " + target + " HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return p.raw(t, method, head+"\r\n")
}

// raw sends bytes and reads one response.
func (p *running) raw(t *testing.T, method, request string) response {
	t.Helper()
	conn := p.dial(t)
	// A proxy that responds before it has read everything may close the connection.
	_, _ = io.WriteString(conn, request)
	return read(t, bufio.NewReader(conn), method)
}

func read(t *testing.T, r *bufio.Reader, method string) response {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading the response: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the body of the response: %v", err)
	}
	return response{resp, string(body)}
}

// resetConn resets a connection. After a mere close the client could still wait for the response.
func resetConn(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (p *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}
