package bounded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gateway/proxy/limit"
)

// small is what has room for 16 requests under way and as many connections as files say.
func small(conns uint64) limit.Room { return limit.Room{Memory: 1 << 20, Files: 256 + 2*conns} }

// serving serves until the test ends, and returns the address.
func serving(t *testing.T, c Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Log = slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, c) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// ask sends a request over a connection of its own.
func ask(t *testing.T, address, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readHead reads the head of a response.
func readHead(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

func TestServe_RefusesRequestsThatItHasNoRoomFor(t *testing.T) {
	begun, release := make(chan bool), make(chan bool)
	// There is room for more connections than requests.
	room := limit.Room{Files: 512}
	address := serving(t, Config{Room: room, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- true
		<-release
	})})
	var held []net.Conn
	for range room.Requests() {
		held = append(held, ask(t, address, get))
		<-begun
	}
	for range 3 {
		resp := readHead(t, ask(t, address, get))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !resp.Close {
			t.Errorf("%s %v", resp.Status, resp.Header)
		}
	}
	close(release)
	for _, conn := range held {
		if resp := readHead(t, conn); resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	}
}

func TestServe_LetsConnectionsWaitForASlot(t *testing.T) {
	room := small(16)
	address := serving(t, Config{Room: room, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })})
	var kept []net.Conn
	for range room.Conns() {
		conn := ask(t, address, get)
		if resp := readHead(t, conn); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		kept = append(kept, conn)
	}
	waiting := ask(t, address, get)
	_ = kept[0].Close()
	if resp := readHead(t, waiting); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestServe_WaitsForABodyOnlySoLong(t *testing.T) {
	address := serving(t, Config{Body: 50 * time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "late", http.StatusBadRequest)
		}
	})})
	conn := ask(t, address, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
	if resp := readHead(t, conn); resp.StatusCode != http.StatusBadRequest {
		t.Error(resp.Status)
	}
}

func TestServe_RefusesLongHeads(t *testing.T) {
	address := serving(t, Config{Handler: http.NotFoundHandler()})
	conn := ask(t, address, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: "+strings.Repeat("x", 2*maxHead))
	if resp := readHead(t, conn); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(resp.Status)
	}
}

func TestServe_SaysWhatEndedIt(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	c := Config{Handler: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)}
	if err := Serve(t.Context(), ln, c); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener ends it with %v", err)
	}
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := Serve(ended, ln, c); err != nil {
		t.Errorf("a context that ended ends it with %v", err)
	}
}
