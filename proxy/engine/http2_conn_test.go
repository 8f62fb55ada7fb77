package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHTTP2_ServesManyStreamsAtOnce(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		const streams = 100
		var all sync.WaitGroup
		all.Add(streams)
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			all.Done()
			all.Wait()
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
			fmt.Fprint(w, r.URL.Path)
		})
		var clients sync.WaitGroup
		for i := range streams {
			clients.Go(func() {
				body := strings.Repeat(fmt.Sprint(i), 1+i*500)
				_, got := m.do(t, request(t, "POST", m.url(fmt.Sprint("/", i)), strings.NewReader(body)))
				if want := body + fmt.Sprint("/", i); got != want {
					t.Errorf("stream %d got %d bytes, want %d", i, len(got), len(want))
				}
			})
		}
		clients.Wait()
	})
}

func TestHTTP2_DrainsStreamsUnderWay(t *testing.T) {
	asked, response := make(chan bool), make(chan bool)
	m, _ := throughTLS(t, HTTP, func(w http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-response
		_, _ = io.WriteString(w, "whole")
	})
	got := make(chan string, 1)
	go func() {
		_, body := m.do(t, request(t, "GET", m.url("/"), nil))
		got <- body
	}()
	<-asked
	drained := make(chan bool)
	go func() {
		m.Drain(t.Context())
		close(drained)
	}()
	eventually(t, m.draining.Load)
	close(response)
	if body := <-got; body != "whole" {
		t.Errorf("got %q", body)
	}
	m.client.CloseIdleConnections()
	<-drained
	if _, err := m.client.Get(m.url("/")); err == nil {
		t.Error("a drained engine serves")
	}
}

func TestHTTP2_ServesPriorKnowledge(t *testing.T) {
	r, p := through(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, r.RequestURI) })
	defer func() {
		if len(p.fails) > 0 {
			t.Error(<-p.fails)
		}
	}()
	resp, err := priorClient(t).Get("http://" + r.address + "/prior?x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.ProtoMajor != 2 || string(body) != "GET/prior?x" || err != nil {
		t.Errorf("%s %q %v", resp.Proto, body, err)
	}
}

func TestHTTP2_SharesThePortWithHTTP1(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(m.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.ProtoMajor != 1 || string(body) != "ok" {
		t.Errorf("%s %q", resp.Proto, body)
	}
}

// RFC 7301 section 3.2: the server chooses a common protocol by its own order, or the handshake fails.
func TestHTTP2_ChoosesAProtocolThatTheClientOffers(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	for _, c := range []struct {
		offered []string
		want    string
		fails   bool
	}{
		{[]string{"http/1.0"}, "http/1.0", false},
		{[]string{"http/1.0", "http/1.1"}, "http/1.1", false},
		{[]string{"http/1.0", "http/1.1", "h2"}, "h2", false},
		{[]string{"spdy/3", "http/1.0"}, "http/1.0", false},
		{nil, "", false},
		{[]string{"spdy/3", "http/0.9"}, "", true},
	} {
		conn, err := tls.Dial("tcp", m.address, &tls.Config{InsecureSkipVerify: true, NextProtos: c.offered})
		if c.fails {
			if err == nil || !strings.Contains(err.Error(), "no application protocol") {
				t.Errorf("%v: %v, want the alert", c.offered, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.offered, err)
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("%v: %q, want %q", c.offered, got, c.want)
		}
		if c.want != "h2" {
			fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
			if response, _ := io.ReadAll(conn); !strings.HasSuffix(string(response), "\r\n\r\nok") {
				t.Errorf("%v: %q", c.offered, response)
			}
		}
		_ = conn.Close()
	}
}

func TestHTTP2_LeavesNothingBehind(t *testing.T) {
	app := serve(t, H2C, echo)
	p := &carrier{hooks: none{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := New(Config{Handler: p})
	p.to = e.Upstream(H2C, app)
	ended := make(chan error, 1)
	go func() {
		e.Serve(l, false, func(err error) { t.Error(err) })
		ended <- nil
	}()
	client := priorClient(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := client.Do(request(t, "POST", "http://"+l.Addr().String(), strings.NewReader("x")).WithContext(ctx))
			if err != nil {
				t.Error(err)
				return
			}
			if i%2 == 0 {
				_, _ = io.Copy(io.Discard, resp.Body)
			}
			_ = resp.Body.Close()
		})
	}
	all.Wait()
	client.CloseIdleConnections()
	e.Drain(t.Context())
	if err := <-ended; err != nil {
		t.Error(err)
	}
	e.Close()
	buf := make([]byte, 1<<20)
	eventually(t, func() bool {
		return !bytes.Contains(buf[:runtime.Stack(buf, true)], []byte("net/http.(*http2"))
	})
	if n := e.busy.Load(); n != 0 || len(e.http2.conns) != 0 {
		t.Errorf("%d exchanges and %d connections are left", n, len(e.http2.conns))
	}
}

// A client that negotiated HTTP/2 and does not begin has the timeout of a head.
func TestHTTP2_AwaitsThePrefaceForATime(t *testing.T) {
	m := servingTLS(t, Config{Handler: refuser{}, Timeouts: Timeouts{Head: time.Second}})
	var conns []net.Conn
	for _, begun := range []string{"", preface[:10], preface[:20]} {
		conn, err := tls.Dial("tcp", m.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, begun)
		conns = append(conns, conn)
	}
	for i, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); timedOut(err) {
			t.Errorf("connection %d may wait for ever", i)
		}
	}
}
