package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// throughPlain puts an engine between HTTP/1.1 and a target that speaks HTTP/2.
func throughPlain(t *testing.T, c Config, backend http.HandlerFunc) (running, *carrier) {
	t.Helper()
	p := &carrier{hooks: none{}, fails: make(chan error, 100)}
	c.Handler = p
	r := servingOn(t, c, false)
	p.to = r.Upstream(H2C, serve(t, H2C, backend))
	return r, p
}

// sendRaw sends bytes as they are, and returns the connection.
func sendRaw(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestH2C_CarriesHTTP1(t *testing.T) {
	r, _ := throughPlain(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if sum := r.Trailer.Get("X-Sum"); sum != "" {
			_ = http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Sum", sum)
		}
		fmt.Fprintf(w, "%s %s %s %s %d %q %v", r.Proto, r.Method, r.RequestURI, r.Host, r.ContentLength, body, err)
		for _, name := range []string{"User-Agent", "Accept-Encoding", "Te", "Connection", "X-Hop", "Content-Length"} {
			if values, ok := r.Header[name]; ok {
				fmt.Fprintf(w, " %s=%q", name, values)
			}
		}
	})
	for name, c := range map[string]struct{ request, response string }{
		"bare":     {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", `GET / h 0 "" <nil>`},
		"odd path": {"GET //a//\xc3\xa4!'\"|?% HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET //a//\xc3\xa4!'\"|?% h:1 0 \"\" <nil>"},
		"hop":      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n", `GET / h 0 "" <nil> Te=["trailers"]`},
		"whole":    {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", `PUT / h 3 "abc" <nil> Content-Length=["3"]`},
		"chunked": {
			"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n",
			"POST / h -1 \"abc\" <nil>\r\n0\r\nX-Sum: 6\r\n",
		},
		"empty": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nUser-Agent: me\r\n\r\n", `POST / h 0 "" <nil> User-Agent=["me"] Content-Length=["0"]`},
		"star":  {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn := sendRaw(t, r.address, strings.Replace(c.request, "\r\n", "\r\nX-Close: 1\r\n", 1))
			_ = conn.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(conn)
			if want := c.response; err != nil || !strings.Contains(string(got), want) || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestH2C_ReturnsItsErrors(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, c := range map[string]struct {
		address string
		want    error
	}{
		"nobody": {closed.Addr().String(), ErrConnect},
		"silent": {silent.Addr().String(), ErrTimeout},
		"HTTP/1": {serve(t, HTTP, func(http.ResponseWriter, *http.Request) {}), ErrResponse},
		"broken": {serve(t, H2C, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), ErrResponse},
	} {
		t.Run(name, func(t *testing.T) {
			p := &carrier{hooks: none{}, fails: make(chan error, 1)}
			r := servingOn(t, Config{Handler: p, Timeouts: Timeouts{Response: 100 * time.Millisecond}}, false)
			p.to = r.Upstream(H2C, c.address)
			resp, err := http.Get("http://" + r.address + "/")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if err := <-p.fails; !errors.Is(err, c.want) || resp.StatusCode != 502 {
				t.Errorf("%d, %v, want %v", resp.StatusCode, err, c.want)
			}
		})
	}
}

func TestH2C_RefusesUpgrades(t *testing.T) {
	r, p := throughPlain(t, Config{}, func(http.ResponseWriter, *http.Request) { t.Error("the target was asked") })
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
	if err := <-p.fails; !errors.Is(err, ErrResponse) || !strings.Contains(err.Error(), "websocket") {
		t.Error(err)
	}
}

func TestH2C_DistinguishesMalformedFromTruncatedBodies(t *testing.T) {
	r, p := throughPlain(t, Config{}, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	sendRaw(t, r.address, head+"xyz\r\n")
	if err := <-p.fails; !errors.Is(err, ErrRequest) {
		t.Error(err)
	}
	_ = sendRaw(t, r.address, head+"5\r\nab").Close()
	if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
}

func TestH2C_EndsWithItsDeadline(t *testing.T) {
	left := make(chan bool, 1)
	r, p := throughPlain(t, Config{Timeouts: Timeouts{Total: 50 * time.Millisecond}}, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		left <- true
	})
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if err := <-p.fails; !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	<-left
}

func TestH2C_EndsResponsesThatPause(t *testing.T) {
	left := make(chan bool, 1)
	r, p := throughPlain(t, Config{Timeouts: Timeouts{Pause: 50 * time.Millisecond}}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		left <- true
	})
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if err := <-p.fails; !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	<-left
}

func TestH2C_ClosesItsConnections(t *testing.T) {
	var open atomic.Int64
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	app.Config.Protocols = new(http.Protocols)
	app.Config.Protocols.SetUnencryptedHTTP2(true)
	app.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		case http.StateActive, http.StateIdle, http.StateHijacked:
		}
	}
	app.Start()
	defer app.Close()
	p := &carrier{hooks: none{}}
	r := servingOn(t, Config{Handler: p}, false)
	p.to = r.Upstream(H2C, app.Listener.Addr().String())
	ask := func() {
		resp, err := http.Get("http://" + r.address + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
	}
	ask()
	if n := open.Load(); n != 1 {
		t.Errorf("%d connections are kept", n)
	}
	p.to.Close()
	// Connections that are in use continue, and then close.
	ask()
	eventually(t, func() bool { return open.Load() == 0 })
}

// eventually waits for a condition.
func eventually(t testing.TB, met func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !met(); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatal("it does not come to be")
		}
	}
}
