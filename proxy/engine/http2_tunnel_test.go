package engine

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// websocket responds to an upgrade, and then sends back what arrives.
func websocket(t testing.TB, ended chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			fmt.Fprint(w, "no tunnel")
			return
		}
		key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
		if r.Method != "GET" || r.Header.Get("Upgrade") != "websocket" || len(key) != 16 || err != nil {
			t.Errorf("the target got %s %v", r.Method, r.Header)
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Accept: x\r\n\r\nhello")
		ended <- echoed(conn, rw.Reader)
	}
}

func echoed(to io.Writer, from *bufio.Reader) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "bye\n" {
			return nil
		}
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
	}
}

// connect opens a tunnel as browsers do.
func (w *wire) connect(path string) {
	w.t.Helper()
	w.ask(1, 0, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", path, ":authority", "h",
		"sec-websocket-version", "13", "origin", "https://h")
}

// expect reads that from the tunnel.
func (w *wire) expect(want string) {
	w.t.Helper()
	got := ""
	for len(got) < len(want) {
		f := w.next()
		if f.kind != dataFrame {
			w.t.Fatalf("came %+v after %q", f, got)
		}
		got += string(f.payload)
	}
	if got != want {
		w.t.Fatalf("heard %q, want %q", got, want)
	}
}

func tunnelled(t *testing.T) (modern, *wire, chan error) {
	ended := make(chan error, 1)
	m, _ := throughTLS(t, HTTP, websocket(t, ended))
	w := dialWire(t, m.address, true)
	w.connect("/chat")
	if f := w.next(); f.kind != headersFrame || f.payload[0] != 0x88 {
		t.Fatalf("came %+v", f)
	}
	w.expect("hello")
	w.send(dataFrame, 0, 1, []byte("one\n"))
	w.expect("one\n")
	return m, w, ended
}

func TestHTTP2_AnnouncesExtendedConnect(t *testing.T) {
	if env := os.Getenv("GODEBUG"); strings.Contains(env, "http2xconnect") {
		t.Errorf("the environment is left with GODEBUG=%s", env)
	}
	m, _ := throughTLS(t, HTTP, func(http.ResponseWriter, *http.Request) {})
	f := dialWire(t, m.address, true).read()
	for s := f.payload; len(s) >= 6; s = s[6:] {
		const enableConnectProtocol = 8
		if binary.BigEndian.Uint16(s) == enableConnectProtocol && binary.BigEndian.Uint32(s[2:]) == 1 {
			return
		}
	}
	t.Errorf("the settings %x do not say that WebSockets may come", f.payload)
}

func TestHTTP2_TunnelsWebSockets(t *testing.T) {
	_, w, ended := tunnelled(t)
	w.send(dataFrame, 0, 1, []byte("bye\n"))
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, data, _ := w.body(); len(data) > 0 {
		t.Errorf("the tunnel ended with %q", data)
	}
}

func TestHTTP2_EndsTunnelsWithTheClient(t *testing.T) {
	_, w, ended := tunnelled(t)
	w.send(dataFrame, endStream, 1, []byte("two\n"))
	w.expect("two\n")
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestHTTP2_EndsTunnelsThatAreReset(t *testing.T) {
	_, w, ended := tunnelled(t)
	w.send(resetFrame, 0, 1, []byte{0, 0, 0, 8})
	if err := <-ended; err == nil {
		t.Error("the target was informed to end")
	}
}

func TestHTTP2_DoesNotWaitForTunnelsToDrain(t *testing.T) {
	m, _, ended := tunnelled(t)
	if n := m.busy.Load(); n != 0 {
		t.Errorf("%d exchanges are under way", n)
	}
	m.Drain(context.Background())
	if err := <-ended; err == nil {
		t.Error("the target was informed to end")
	}
	eventually(t, func() bool { return m.busy.Load() == 0 })
}

func TestHTTP2_OpensNoTunnelWithoutA101(t *testing.T) {
	m, _ := throughTLS(t, HTTP, websocket(t, nil))
	w := dialWire(t, m.address, true)
	w.connect("/refused")
	head, data, _ := w.body()
	if len(head) == 0 || head[0] == 0x88 || string(data) != "no tunnel" {
		t.Errorf("head %x, data %q", head, data)
	}
}

// noting keeps the status that exchanges ended with.
type noting struct {
	carrier
	statuses chan int
}

func (n *noting) Serve(x *Exchange) {
	n.carrier.Serve(x)
	n.statuses <- x.Status()
}

func TestStatus_OfTunnels(t *testing.T) {
	n := &noting{carrier{hooks: none{}}, make(chan int, 2)}
	m := servingTLS(t, Config{Handler: n})
	ended := make(chan error, 2)
	n.to = m.Upstream(HTTP, serve(t, HTTP, websocket(t, ended)))
	for path, want := range map[string]int{
		"/chat": http.StatusSwitchingProtocols,
		// Another 2xx is a 502 to the client.
		"/refused": http.StatusBadGateway,
	} {
		w := dialWire(t, m.address, true)
		w.connect(path)
		w.next()
		w.send(dataFrame, endStream, 1, nil)
		if status := <-n.statuses; status != want {
			t.Errorf("%s over HTTP/2: %d, want %d", path, status, want)
		}
	}
	plain := serving(t, Config{Handler: n})
	n.to = plain.Upstream(HTTP, n.to.address)
	v := dial(t, plain.address)
	v.send("GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	v.head()
	v.expect("hello")
	_ = v.CloseWrite()
	if status := <-n.statuses; status != http.StatusSwitchingProtocols {
		t.Errorf("over HTTP/1.1: %d", status)
	}
}
