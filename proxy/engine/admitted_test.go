package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// limiting is an engine that limits the requests of each client. Its app responds once it has all of a body, and
// switches to any protocol.
func limiting(t *testing.T, requests int, secure bool) (running, *few) {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if protocol := r.Header.Get("Upgrade"); protocol != "" {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
			_, _ = io.Copy(io.Discard, rw)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d", r.URL.Path, len(body))
	}))
	t.Cleanup(app.Close)
	limiter := &few{most: 1000, requests: requests, inside: map[string]int{}, underWay: map[string]int{}}
	p := &carrier{hooks: none{}}
	c := Config{Handler: p, ConnLimiter: limiter}
	if secure {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	}
	r := servingOn(t, c, secure)
	p.to = r.Upstream(HTTP, app.Listener.Addr().String())
	return r, limiter
}

// post are the fields of a request with a body.
var post = []string{":method", "POST", ":scheme", "http", ":path", "/", ":authority", "h"}

func TestAdmitted_RefusesStreams(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			const most = 5
			r, limiter := limiting(t, most, secure)
			first, second := dialWire(t, r.address, secure), dialWire(t, r.address, secure)
			for i := range uint32(most - 1) {
				first.ask(1+2*i, 0, post...)
			}
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == most-1 })
			second.ask(1, 0, post...)
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == most })
			// Each connection has one request too many.
			for _, w := range []*wire{first, second} {
				w.ask(99, 0, post...)
				if head, data, reset := w.body(); len(head) > 0 || len(data) > 0 || reset != refusedStream {
					t.Errorf("head %x, body %q, reset %d, want REFUSED_STREAM", head, data, reset)
				}
			}
			if n := limiter.countRequests("127.0.0.1"); n != most {
				t.Errorf("%d requests are counted, want %d", n, most)
			}
			elsewhere(t, r.address, secure)
			// The connections continue with what is under way, and with other requests once the limit allows it.
			second.send(dataFrame, endStream, 1, []byte("abc"))
			if _, data, reset := second.body(); string(data) != "/ 3" || reset != 0 {
				t.Errorf("body %q, reset %d", data, reset)
			}
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == most-1 })
			second.ask(101, endStream, post...)
			if _, data, reset := second.body(); string(data) != "/ 0" || reset != 0 {
				t.Errorf("body %q, reset %d", data, reset)
			}
			_, _ = first.Close(), second.Close()
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 0 && limiter.count("127.0.0.1") == 0 })
		})
	}
}

// connect opens a connection.
func connect(t *testing.T, address string, secure bool) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// elsewhere sends a request as another client.
func elsewhere(t *testing.T, address string, secure bool) {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	transport := &http.Transport{DialContext: from.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	scheme := "http"
	if secure {
		scheme = "https"
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get(scheme + "://" + address + "/else")
	if err != nil {
		t.Fatal("another client:", err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "/else 0" {
		t.Errorf("another client gets %s %q", resp.Status, body)
	}
}

// Streams that are opened and reset at once count as long as they are processed.
func TestAdmitted_CountsResetStreams(t *testing.T) {
	r, limiter := limiting(t, 20, false)
	w := dialWire(t, r.address, false)
	for i := range uint32(60) {
		w.ask(1+2*i, 0, post...)
		w.send(resetFrame, 0, 1+2*i, []byte{0, 0, 0, 8})
		if n := limiter.countRequests("127.0.0.1"); n > 20 {
			t.Fatalf("%d requests are under way", n)
		}
	}
	// Then nothing is left of them. Until then, the next ones are refused.
	for stream := uint32(1001); ; stream += 2 {
		w.ask(stream, endStream, post...)
		f := w.next()
		for f.stream != stream {
			f = w.next()
		}
		if f.kind == headersFrame {
			break
		}
		if f.kind != resetFrame || f.payload[3] != refusedStream {
			t.Fatalf("came %+v", f)
		}
	}
	eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 0 })
}

// A connection of HTTP/2 has the advertised number of streams.
func TestAdmitted_BoundsTheStreamsOfAConnection(t *testing.T) {
	r, limiter := limiting(t, 1000, false)
	w := dialWire(t, r.address, false)
	if f := w.read(); f.kind != settingsFrame || !bytes.Contains(f.payload, []byte{0, 3, 0, 0, 0, maxStreams}) {
		t.Errorf("the settings are %x", f.payload)
	}
	for i := range uint32(maxStreams + 10) {
		w.ask(1+2*i, 0, post...)
	}
	for range 10 {
		if f := w.next(); f.kind != resetFrame || f.stream <= 2*maxStreams || f.payload[3] != refusedStream {
			t.Errorf("came %+v", f)
		}
	}
	if n := limiter.countRequests("127.0.0.1"); n > maxStreams {
		t.Errorf("%d requests are under way", n)
	}
}

// A request counts while any part of it is awaited: its head, its body, or the end of its upgraded connection.
func TestAdmitted_CountsRequestsOfHTTP1(t *testing.T) {
	upgraded := "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	for name, begun := range map[string]string{
		"part of a line":   "GET / HT",
		"part of a head":   "POST / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n",
		"part of HTTP/2":   "PRI * HTTP",
		"part of a body":   "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
		"part of a chunk":  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"second of a kind": "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT",
		"upgraded":         upgraded,
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " TLS ", secure), func(t *testing.T) {
				const most = 3
				r, limiter := limiting(t, most, secure)
				var held []net.Conn
				for range most {
					held = append(held, connect(t, r.address, secure))
					_, _ = io.WriteString(held[len(held)-1], begun)
				}
				eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == most })
				for _, ask := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HT"} {
					more := connect(t, r.address, secure)
					_, _ = io.WriteString(more, ask)
					resp, err := http.ReadResponse(bufio.NewReader(more), nil)
					if err != nil {
						t.Fatalf("%q gets %v", ask, err)
					}
					if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(body), "too many requests") {
						t.Errorf("%q gets %s %q", ask, resp.Status, body)
					}
					_ = more.Close()
				}
				elsewhere(t, r.address, secure)
				_ = held[0].Close()
				eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == most-1 })
				for _, c := range held {
					_ = c.Close()
				}
				eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 0 && limiter.count("127.0.0.1") == 0 })
			})
		}
	}
}

// A connection that waits for its next request holds no memory.
func TestAdmitted_CountsNoIdleConnections(t *testing.T) {
	r, limiter := limiting(t, 1, false)
	for range 5 {
		c := dial(t, r.address)
		if resp, _ := c.get("/"); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 0 })
	}
	if n := limiter.count("127.0.0.1"); n != 5 {
		t.Errorf("%d connections are open, want 5", n)
	}
}

// Only some of the refused requests get a response of the handler, and the others a short one.
func TestAdmitted_RejectsManyWithoutABody(t *testing.T) {
	r, limiter := limiting(t, 1, false)
	_, _ = io.WriteString(connect(t, r.address, false), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
	eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 1 })
	peers, short := make([]*peer, 5*maxRefusals), 0
	for i := range peers {
		peers[i] = dial(t, r.address)
		peers[i].send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	for i, c := range peers {
		resp, _ := c.response("GET")
		if resp.StatusCode != http.StatusTooManyRequests || !resp.Close {
			t.Fatalf("connection %d: %s", i, resp.Status)
		}
		if resp.Header.Get("Cache-Control") == "no-store" {
			short++
		}
	}
	if short == 0 {
		t.Errorf("all %d got a response with a body", len(peers))
	}
}

func TestFrames_ChangeTheCodeOfRefusedStreamsAlone(t *testing.T) {
	reset := func(stream, code byte) []byte { return []byte{0, 0, 4, resetFrame, 0, 0, 0, 0, stream, 0, 0, 0, code} }
	data := append([]byte{0, 0, 13, dataFrame, 0, 0, 0, 0, 3}, reset(3, 2)...)
	all := slices.Concat([]byte{0, 0, 0, settingsFrame, 0, 0, 0, 0, 0}, reset(1, 2), data, reset(3, 2), reset(5, 2), reset(3, 2))
	want := slices.Concat([]byte{0, 0, 0, settingsFrame, 0, 0, 0, 0, 0}, reset(1, 2), data, reset(3, 7), reset(5, 7), reset(3, 2))
	for size := 1; size <= len(all); size++ {
		var out written
		f := newFrames(&out)
		f.refuse(3)
		f.refuse(5)
		for piece := range slices.Chunk(all, size) {
			given := slices.Clone(piece)
			if n, err := f.Write(given); n != len(piece) || err != nil || !bytes.Equal(given, piece) {
				t.Fatalf("%d, %v, and %x became %x", n, err, piece, given)
			}
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("in pieces of %d: %x, want %x", size, out.Bytes(), want)
		}
	}
}

// Too many frames without content end the connection.
func TestHTTP2_EndsConnectionsThatFlood(t *testing.T) {
	for name, send := range map[string]func(w *wire){
		"pings":             func(w *wire) { w.send(6, 0, 0, make([]byte, 8)) },
		"settings":          func(w *wire) { w.send(settingsFrame, 0, 0, nil) },
		"window updates":    func(w *wire) { w.send(8, 0, 0, []byte{0, 0, 0, 1}) },
		"priorities":        func(w *wire) { w.send(2, 0, 3, []byte{0, 0, 0, 0, 1}) },
		"nothing of a body": func(w *wire) { w.send(dataFrame, 0, 1, nil) },
		"unknown frames":    func(w *wire) { w.send(99, 0, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			r, limiter := limiting(t, 10, false)
			w := dialWire(t, r.address, false)
			w.ask(1, 0, post...)
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 1 })
			flood := &wire{t: flooding{t}, Conn: w.Conn}
			for range 20 * allowance {
				send(flood)
			}
			eventually(t, func() bool { return limiter.count("127.0.0.1") == 0 && limiter.countRequests("127.0.0.1") == 0 })
			elsewhere(t, r.address, false)
		})
	}
}

// flooding is a test that continues after the connection has ended.
type flooding struct{ testing.TB }

func (flooding) Fatal(...any) {}

// A client may send such frames in proportion to its requests and their responses.
func TestHTTP2_TakesWhatBelongsToRequests(t *testing.T) {
	r, _ := limiting(t, 10, false)
	w := dialWire(t, r.address, false)
	for i := range uint32(allowance) {
		w.ask(1+2*i, endStream, post...)
		for range 3 {
			w.send(6, 0, 0, make([]byte, 8))
		}
		if _, data, reset := w.body(); string(data) != "/ 0" || reset != 0 {
			t.Fatalf("request %d: body %q, reset %d", i, data, reset)
		}
	}
}

// written keeps what is written to it.
type written struct {
	net.Conn
	bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) { return w.Buffer.Write(p) }

func (w *written) Read(p []byte) (int, error) { return w.Buffer.Read(p) }

// recording keeps what it can see of refused requests.
type recording struct {
	refuser
	refused chan string
}

func (h recording) Refuse(x *Exchange, r *Refusal) {
	h.refused <- fmt.Sprint(x.Request.Method, x.Request.Target, x.Request.Host, x.Request.Header)
	h.refuser.Refuse(x, r)
}

// A request that is refused before it was parsed shows nothing of the request that used the memory before.
func TestAdmitted_ShowsNothingOfOtherRequests(t *testing.T) {
	for name, c := range map[string]struct {
		sends  string
		secure bool
	}{
		"part of HTTP/2": {"PRI * HTTP", false},
		"TLS":            {"GET /mine HTTP/1.1\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := recording{refused: make(chan string, 1)}
			const clients = 20
			limiter := &few{most: 1000, requests: clients, inside: map[string]int{}, underWay: map[string]int{}}
			config := Config{Handler: h, ConnLimiter: limiter}
			if c.secure {
				config.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
			}
			r := servingOn(t, config, c.secure)
			var others []net.Conn
			for range clients {
				others = append(others, connect(t, r.address, c.secure))
				_, _ = io.WriteString(others[len(others)-1], "GET /secret HTTP/1.1\r\nHost: h\r\n")
			}
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == clients })
			for _, other := range others {
				_, _ = io.WriteString(other, "Referer: secret\r\nConnection: close\r\n\r\n")
				if got, err := io.ReadAll(other); err != nil || len(got) == 0 {
					t.Fatalf("%q, %v", got, err)
				}
			}
			limiter.mu.Lock()
			limiter.requests = 1
			limiter.mu.Unlock()
			_, _ = io.WriteString(connect(t, r.address, c.secure), "GET /secret HTTP/1.1\r\n")
			eventually(t, func() bool { return limiter.countRequests("127.0.0.1") == 1 })
			for range clients {
				_, _ = io.WriteString(connect(t, r.address, c.secure), c.sends)
				if got := <-h.refused; strings.Contains(got, "secret") {
					t.Fatalf("it was taken for %q", got)
				}
			}
		})
	}
}
