package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func TestHTTP3_ServesManyStreamsAtOnce(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		const streams = 100
		var all sync.WaitGroup
		all.Add(streams)
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
			all.Done()
			all.Wait()
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
			fmt.Fprint(w, r.URL.Path)
		})
		var clients sync.WaitGroup
		for i := range streams {
			clients.Go(func() {
				body := strings.Repeat(fmt.Sprint(i), 1+i*50)
				_, got := m.do(t, request(t, "POST", m.url(fmt.Sprint("/", i)), strings.NewReader(body)))
				if want := body + fmt.Sprint("/", i); got != want {
					t.Errorf("stream %d got %d bytes, want %d", i, len(got), len(want))
				}
			})
		}
		clients.Wait()
	})
}

// engineStacks are the stacks of goroutines that have to do with HTTP/3.
func engineStacks() []string {
	buf := make([]byte, 4<<20)
	var found []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "engine.(*http3") || strings.Contains(stack, "quic-go.(*Transport)") || strings.Contains(stack, "quic-go.(*Conn).run") {
			found = append(found, stack)
		}
	}
	return found
}

func TestHTTP3_LeavesNothingBehind(t *testing.T) {
	const requests = 1000
	before := len(engineStacks())
	d := &few{inside: map[string]int{}, underWay: map[string]int{}, requests: 1000, most: 100}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &carrier{hooks: none{}, fails: make(chan error, requests)}
	e := New(Config{
		Handler: p, ConnLimiter: d, Timeouts: Timeouts{Quiet: -1},
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}},
	})
	p.to = e.Upstream(HTTP, serve(t, HTTP, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(body)
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.ServePackets(socket, func(err error) { t.Error(err) })
	}()
	transport := &http3.Transport{TLSClientConfig: insecure()}
	client := &http.Client{Transport: transport}
	for i := range requests {
		ctx, cancel := context.WithCancel(t.Context())
		path := map[int]string{7: "/broken"}[i%10]
		resp, err := client.Do(request(t, "POST", "https://"+socket.LocalAddr().String()+path, strings.NewReader("body")).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if i%10 != 3 {
			if got, err := io.ReadAll(resp.Body); err != nil || path == "" && string(got) != "body" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		_ = resp.Body.Close()
		cancel()
	}
	eventually(t, func() bool { return e.busy.Load() == 0 && d.countRequests("127.0.0.1") == 0 })
	if n := d.count("127.0.0.1"); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
	// A client can open no stream once a hundred that ended are not released.
	var active int
	e.http3.each(func(c *http3Conn) { c.mu.Lock(); active += c.active; c.mu.Unlock() })
	if active != 0 {
		t.Errorf("%d exchanges are under way", active)
	}
	_ = transport.Close()
	e.Drain(t.Context())
	closed(t, "ServePackets returns", ended)
	e.Close()
	eventually(t, func() bool { return len(engineStacks()) <= before })
	if len(e.http3.conns) != 0 || e.http3.handshakes.Load() != 0 || d.count("127.0.0.1") != 0 {
		t.Errorf("%d connections are left, %d handshakes, %d with the limiter", len(e.http3.conns), e.http3.handshakes.Load(), d.count("127.0.0.1"))
	}
}

func TestHTTP3_DrainsExchangesUnderWay(t *testing.T) {
	asked, response := make(chan bool, 1), make(chan bool)
	m, _ := throughPackets(t, HTTP, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-response
		_, _ = io.WriteString(w, strings.Repeat("whole", 1<<20))
	})
	got := make(chan string, 1)
	go func() {
		_, body := m.do(t, request(t, "GET", m.url("/"), nil))
		got <- body
	}()
	<-asked
	conn := m.dialRaw(t)
	control, err := conn.AcceptUniStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() {
		m.Drain(t.Context())
		close(drained)
	}()
	// The client is told which requests were not processed.
	var r http3Reader
	r.reset(control)
	_, _ = r.number()
	_, length, _ := r.next()
	_ = r.skip(length)
	if kind, length, err := r.next(); kind != http3GoAway || err != nil {
		t.Errorf("came frame %d, %v", kind, err)
	} else if id, _ := r.payload(nil, int(length)); !bytes.Equal(id, []byte{0}) {
		t.Errorf("the first stream that is not processed is %x", id)
	}
	s := conn.open()
	s.ask(plainGet...)
	if _, _, reset := s.answer(); reset != http3.ErrCodeRequestRejected {
		t.Errorf("a late request gets %s", reset)
	}
	if _, err := quic.DialAddr(t.Context(), m.address, insecure(), &quic.Config{HandshakeIdleTimeout: 100 * time.Millisecond}); err == nil {
		t.Error("a connection is accepted")
	}
	close(response)
	if body := <-got; body != strings.Repeat("whole", 1<<20) {
		t.Errorf("got %d bytes", len(body))
	}
	closed(t, "Drain returns", drained)
	if code := conn.closing(); code != http3.ErrCodeNoError {
		t.Error(code)
	}
}

func TestHTTP3_CutsLongExchanges(t *testing.T) {
	asked := make(chan struct{})
	m, _ := throughPackets(t, HTTP, Config{}, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(asked)
		<-r.Context().Done()
	})
	conn := m.dialRaw(t)
	s := conn.open()
	s.ask(plainGet...)
	_ = s.Close()
	closed(t, "the target is asked", asked)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Drain(ctx)
	if code := conn.closing(); code != http3.ErrCodeNoError {
		t.Error(code)
	}
	eventually(t, func() bool { return m.busy.Load() == 0 })
}

func TestHTTP3_RefusesConnectionsBeyondTheLimit(t *testing.T) {
	d := &few{inside: map[string]int{}, underWay: map[string]int{}, requests: 1000, most: 1}
	m := servingPackets(t, Config{Handler: refuser{}, ConnLimiter: d})
	first := m.dialRaw(t)
	_, err := quic.DialAddr(t.Context(), m.address, insecure(), nil)
	if refused, ok := errors.AsType[*quic.TransportError](err); !ok || refused.ErrorCode != quic.ConnectionRefused {
		t.Errorf("the second connection gets %v", err)
	}
	_ = first.CloseWithError(0x100, "")
	eventually(t, func() bool { return d.count("127.0.0.1") == 0 })
	m.dialRaw(t)
}

func TestHTTP3_RefusesRequestsBeyondTheLimit(t *testing.T) {
	d := &few{inside: map[string]int{}, underWay: map[string]int{}, requests: 2, most: 10}
	asked, release := make(chan bool, 2), make(chan bool)
	p := &carrier{hooks: none{}}
	address := serve(t, HTTP, func(http.ResponseWriter, *http.Request) { asked <- true; <-release })
	m := servingPackets(t, Config{Handler: p, ConnLimiter: d}, func(e *Engine) { p.to = e.Upstream(HTTP, address) })
	conn := m.dialRaw(t)
	served := []*rawStream{conn.open(), conn.open()}
	for _, s := range served {
		s.ask(plainGet...)
		_ = s.Close()
		<-asked
	}
	s := conn.open()
	s.ask(plainGet...)
	if heads, _, reset := s.answer(); len(heads) > 0 || reset != http3.ErrCodeRequestRejected {
		t.Errorf("%v, %s", heads, reset)
	}
	close(release)
	for _, s := range served {
		if heads, _, reset := s.answer(); len(heads) != 1 || reset != 0 {
			t.Errorf("%v, %s", heads, reset)
		}
	}
	eventually(t, func() bool { return d.countRequests("127.0.0.1") == 0 })
}

// A client that goes on with what is refused loses its connection.
func TestHTTP3_EndsConnectionsThatFlood(t *testing.T) {
	d := &few{inside: map[string]int{}, underWay: map[string]int{}, requests: 1, most: 10}
	m := servingPackets(t, Config{Handler: refuser{}, ConnLimiter: d})
	conn := m.dialRaw(t)
	// The first one takes the place of all others.
	_, _ = conn.open().Stream.Write([]byte{http3Headers})
	eventually(t, func() bool { return d.countRequests("127.0.0.1") == 1 })
	for range 10 * mostRefused {
		s, err := conn.OpenStreamSync(t.Context())
		if err != nil {
			break
		}
		_, _ = s.Write([]byte{http3Headers})
		s.CancelRead(0x10c)
		_ = s.Close()
	}
	if code := conn.closing(); code != http3.ErrCodeExcessiveLoad {
		t.Error(code)
	}
}

func TestHTTP3_EndsIdleConnections(t *testing.T) {
	m := servingPackets(t, Config{Handler: refuser{}, Timeouts: Timeouts{Idle: 100 * time.Millisecond}})
	conn := m.dialRaw(t)
	select {
	case <-conn.Context().Done():
	case <-time.After(patience):
		t.Error("it stays open")
	}
}

// A silent response does not end a connection.
func TestHTTP3_KeepsConnectionsWithExchangesUnderWay(t *testing.T) {
	m, _ := throughPackets(t, HTTP, Config{Timeouts: Timeouts{Idle: time.Second}}, func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(2500 * time.Millisecond)
		_, _ = io.WriteString(w, "late")
	})
	if _, body := m.do(t, request(t, "GET", m.url("/"), nil)); body != "late" {
		t.Errorf("%q", body)
	}
}

func TestHTTP3_GivesUpOnHeadsThatDoNotCome(t *testing.T) {
	d := &few{inside: map[string]int{}, underWay: map[string]int{}, requests: 1000, most: 10}
	m := servingPackets(t, Config{Handler: refuser{}, ConnLimiter: d, Timeouts: Timeouts{Head: 2 * time.Second}})
	conn := m.dialRaw(t)
	begun := [][]byte{{http3Headers}, {http3Headers, 10}, {http3Headers, 10, 0, 0, 1}, {0x21}}
	streams := make([]*rawStream, len(begun))
	for i := range begun {
		streams[i] = conn.open()
		_, _ = streams[i].Stream.Write(begun[i])
	}
	for i, s := range streams {
		if heads, _, reset := s.answer(); len(heads) > 0 || reset != http3.ErrCodeRequestIncomplete {
			t.Errorf("%x: %v, %s", begun[i], heads, reset)
		}
	}
	eventually(t, func() bool { return d.countRequests("127.0.0.1") == 0 })
}

// impatientPackets has short timeouts.
func impatientPackets(t *testing.T, backend http.HandlerFunc) (packets, *carrier) {
	limits := Timeouts{Body: 100 * time.Millisecond, Write: 100 * time.Millisecond, Response: time.Minute}
	return throughPackets(t, HTTP, Config{Timeouts: limits}, backend)
}

func TestHTTP3_ResetsStreamsThatTakeNothing(t *testing.T) {
	m, _ := impatientPackets(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	conn, err := quic.DialAddr(t.Context(), m.address, insecure(), &quic.Config{InitialStreamReceiveWindow: 10 << 10, MaxStreamReceiveWindow: 10 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseWithError(0x100, "") }()
	raw := rawConn{conn, t}
	s := raw.open()
	s.ask(plainGet...)
	_ = s.Close()
	eventually(t, func() bool { return m.busy.Load() == 1 })
	eventually(t, func() bool { return m.busy.Load() == 0 })
	if _, data, reset := s.answer(); len(data) > 10<<10 || reset != http3.ErrCodeInternalError {
		t.Errorf("%d bytes, %s", len(data), reset)
	}
	// The connection continues.
	s = raw.open()
	s.ask(put3(":method", "HEAD")...)
	_ = s.Close()
	if heads, _, reset := s.answer(); len(heads) != 1 || reset != 0 {
		t.Errorf("%v, %s", heads, reset)
	}
}

func TestHTTP3_GivesUpOnBodiesThatDoNotCome(t *testing.T) {
	m, p := impatientPackets(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := m.dialRaw(t).open()
	s.ask(append(put3(":method", "POST"), "content-length", "5")...)
	s.send(http3Data, []byte("ab"))
	if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if heads, _, reset := s.answer(); len(heads) > 0 && heads[0][":status"] == "200" || len(heads) == 0 && reset == 0 {
		t.Errorf("%v, %s", heads, reset)
	}
}

func TestHTTP3_LimitsWholeExchanges(t *testing.T) {
	m, p := throughPackets(t, HTTP, Config{Timeouts: Timeouts{Total: 200 * time.Millisecond}}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	resp, _ := m.do(t, request(t, "GET", m.url("/"), nil))
	if err := <-p.fails; !errors.Is(err, ErrTimeout) || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%v, %s", err, resp.Status)
	}
}

// RFC 6066 section 3: a name without a certificate gets the alert unrecognized_name.
func TestHTTP3_RefusesUnknownNames(t *testing.T) {
	known := certificate(t)
	m := servingPackets(t, Config{Handler: refuser{}, TLS: &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "h" {
				return nil, nil
			}
			return &known, nil
		},
	}})
	const unrecognizedName = 0x100 + 112
	config := insecure()
	config.ServerName = "other"
	_, err := quic.DialAddr(t.Context(), m.address, config, nil)
	if failed, ok := errors.AsType[*quic.TransportError](err); !ok || failed.ErrorCode != unrecognizedName {
		t.Errorf("%v", err)
	}
	config.ServerName = "h"
	conn, err := quic.DialAddr(t.Context(), m.address, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWithError(0x100, "")
	eventually(t, func() bool { return m.http3.handshakes.Load() == 0 })
}

// The handler is told of the certificate, and of the name that the client asked for.
func TestHTTP3_AsksForClientCertificates(t *testing.T) {
	own := certificate(t)
	guarded := &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: poolOf(t, own)}
	m := servingPackets(t, Config{Handler: witness{}, TLS: &tls.Config{
		Certificates:       []tls.Certificate{own},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return guarded, nil },
	}})
	for _, certificates := range [][]tls.Certificate{nil, {own}} {
		transport := &http3.Transport{TLSClientConfig: insecure()}
		transport.TLSClientConfig.Certificates, transport.TLSClientConfig.ServerName = certificates, "H"
		resp, err := (&http.Client{Transport: transport}).Do(request(t, "GET", m.url("/"), nil))
		if (err == nil) != (certificates != nil) {
			t.Errorf("with %d certificates: %v", len(certificates), err)
		}
		if err == nil {
			said, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(said) != `"h", 1 chains` {
				t.Errorf("the handler is told %s", said)
			}
		}
		_ = transport.Close()
	}
}

// What 0-RTT carries can be replayed, so it is not accepted, not even from a client with a ticket.
func TestHTTP3_AcceptsNoEarlyData(t *testing.T) {
	m := servingPackets(t, Config{Handler: refuser{}})
	config := insecure()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	config.ServerName = "h"
	for i := range 2 {
		conn, err := quic.DialAddrEarly(t.Context(), m.address, config, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-conn.HandshakeComplete()
		s := rawConn{conn, t}.open()
		s.ask(plainGet...)
		_ = s.Close()
		s.answer()
		state := conn.ConnectionState()
		if state.Used0RTT || state.TLS.DidResume != (i > 0) {
			t.Errorf("connection %d: 0-RTT %v, resumed %v", i, state.Used0RTT, state.TLS.DidResume)
		}
		_ = conn.CloseWithError(0x100, "")
	}
}

func TestHTTP3_SpeaksNothingElse(t *testing.T) {
	m := servingPackets(t, Config{Handler: refuser{}})
	config := insecure()
	config.NextProtos = []string{"acme-tls/1", "h2"}
	if _, err := quic.DialAddr(t.Context(), m.address, config, nil); err == nil {
		t.Error("it speaks another protocol")
	}
}

func TestHTTP3_WarnsOfSmallBuffersOnce(t *testing.T) {
	var log bytes.Buffer
	e := New(Config{Handler: refuser{}, Log: slog.New(slog.NewTextHandler(&log, nil)), TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}})
	defer e.Close()
	for range 2 {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		e.http3.enlarge(socket)
		size := bufferOf(socket.(*net.UDPConn))
		_ = socket.Close()
		if want := size < socketBuffer; strings.Count(log.String(), "net.core.rmem_max") != map[bool]int{true: 1}[want] {
			t.Errorf("with %d bytes: %s", size, &log)
		}
	}
	if _, set := os.LookupEnv(quietVariable); set {
		t.Error("the environment is changed")
	}
}

func TestHTTP3_NeedsCertificates(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broke := make(chan error, 1)
	e := New(Config{Handler: refuser{}})
	e.ServePackets(socket, func(err error) { broke <- err })
	e.Close()
	if err := <-broke; err == nil || !strings.Contains(err.Error(), "certificates") {
		t.Error(err)
	}
}
