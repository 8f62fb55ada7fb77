package forward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

func engine(t *testing.T) *Engine {
	t.Helper()
	e := New(slog.New(slog.DiscardHandler))
	t.Cleanup(e.Close)
	return e
}

func to(address string) *Exchange {
	return &Exchange{
		Scheme: route.HTTP, Address: address, Path: "/",
		Outgoing: func(http.Header) {}, Incoming: func(int, http.Header) {},
	}
}

// forwarding serves one exchange per request and tells what became of the last.
func forwarding(t *testing.T, e *Engine, x *Exchange) (url string, became <-chan error) {
	t.Helper()
	results := make(chan error, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := e.Forward(w, r, x)
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		results <- err
	}))
	t.Cleanup(server.Close)
	return server.URL, results
}

func TestEngine_EditsHeadsInTwoPlaces(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Got", r.Header.Get("X-Sent"))
		w.Header().Set("X-App", "app")
	}))
	defer app.Close()
	x := to(app.Listener.Addr().String())
	x.Outgoing = func(h http.Header) { h.Set("X-Sent", "edited") }
	x.Incoming = func(status int, h http.Header) {
		if status != 200 {
			t.Errorf("status %d", status)
		}
		h.Del("X-App")
	}
	target, became := forwarding(t, engine(t), x)
	// What the client writes into Connection must not take away what Outgoing sets.
	req, _ := http.NewRequestWithContext(t.Context(), "GET", target, nil)
	req.Header.Set("Connection", "x-sent")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := <-became; err != nil || resp.Header.Get("X-Got") != "edited" || resp.Header.Get("X-App") != "" {
		t.Errorf("%v, header %v", err, resp.Header)
	}
}

func TestEngine_LeavesTheBodyWhenItCannotConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	body := strings.NewReader("untouched")
	r := httptest.NewRequest("POST", "/", io.NopCloser(body))
	r.ContentLength = 9
	err = engine(t).Forward(httptest.NewRecorder(), r, to(l.Addr().String()))
	if !errors.Is(err, ErrConnect) || errors.Is(err, ErrTimeout) {
		t.Errorf("err = %v, want ErrConnect", err)
	}
	if body.Len() != 9 {
		t.Errorf("%d bytes of the body are left, want all 9", body.Len())
	}
}

func TestEngine_GivesUpOnTargetsThatNeverAnswer(t *testing.T) {
	release := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer app.Close()
	defer close(release)
	e := engine(t)
	e.plain.ResponseHeaderTimeout = time.Millisecond
	err := e.Forward(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), to(app.Listener.Addr().String()))
	if !errors.Is(err, ErrTimeout) || errors.Is(err, ErrConnect) {
		t.Errorf("err = %v, want ErrTimeout", err)
	}
}

func TestEngine_TellsGoneVisitorsFromFailures(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer app.Close()
	err := engine(t).Forward(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), to(app.Listener.Addr().String()))
	if !errors.Is(err, ErrGone) {
		t.Errorf("err = %v, want ErrGone", err)
	}
}

func TestEngine_RefusesUpgradesToNonsense(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "wéb")
	if err := engine(t).Forward(httptest.NewRecorder(), r, to("127.0.0.1:1")); !errors.Is(err, ErrRequest) {
		t.Errorf("err = %v, want ErrRequest", err)
	}
}

func TestEngine_DoesNotHangOnAppsThatRefuseABody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	}()
	target, became := forwarding(t, engine(t), to(l.Addr().String()))
	conn, err := net.Dial("tcp", strings.TrimPrefix(target, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The body never comes.
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want the app's 413", resp.StatusCode)
	}
	if err := <-became; err != nil {
		t.Error(err)
	}
}

func TestClassify_TellsTimeoutsFromRefusals(t *testing.T) {
	late := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	for _, test := range []struct {
		err  error
		want []error
	}{
		{dialError{late}, []error{ErrConnect, ErrTimeout}},
		{dialError{io.EOF}, []error{ErrConnect}},
		{context.DeadlineExceeded, []error{ErrTimeout}},
		{io.EOF, []error{ErrAnswer}},
	} {
		got := classify(t.Context(), test.err)
		for _, kind := range []error{ErrConnect, ErrTimeout, ErrAnswer, ErrGone, ErrRequest} {
			wanted := false
			for _, w := range test.want {
				wanted = wanted || w == kind
			}
			if errors.Is(got, kind) != wanted {
				t.Errorf("classify(%v) = %v: is it %v? want %v", test.err, got, kind, wanted)
			}
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"/", "//", "//a|b", "/%2F%zz", "///\xff?", "//%", "/a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
			return
		}
		var out url.URL
		address(&out, &url.URL{RawQuery: "a=%zz;b"}, &Exchange{Address: "h:1", Path: path})
		want := path
		if strings.HasPrefix(path, "//") {
			if _, err := url.PathUnescape(path); err != nil {
				return // Refused before it gets here.
			}
			want = escape(path)
		}
		if got := out.RequestURI(); got != want+"?a=%zz;b" {
			t.Errorf("%q is asked for as %q, want %q", path, got, want)
		}
	})
}
