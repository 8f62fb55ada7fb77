package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// tooMuch is the error of a limit on bodies.
type tooMuch struct{ limit int }

func (e tooMuch) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// limitedTo relays that much of a body.
func limitedTo(limit int) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return &limiter{r, limit, limit} }
}

type limiter struct {
	io.Reader
	limit, left int
}

func (l *limiter) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, tooMuch{l.limit}
	}
	return n, err
}

// bounding limits bodies, and says so to clients.
type bounding struct {
	carrier
	wraps []func(io.Reader) io.Reader
}

func (b *bounding) Serve(x *Exchange) {
	for _, wrap := range b.wraps {
		x.Receive(wrap)
	}
	err := x.Forward(b.to, x.Request.Path, b.hooks)
	b.fails <- err
	if _, much := errors.AsType[tooMuch](err); much && !x.Began() {
		_ = x.Reply(http.StatusRequestEntityTooLarge, nil, []byte("much"))
	}
}

func newBounding(wraps ...func(io.Reader) io.Reader) *bounding {
	return &bounding{carrier: carrier{hooks: none{}, fails: make(chan error, 100)}, wraps: wraps}
}

// plainly relays a body and hides its errors.
func plainly(r io.Reader) io.Reader { return hiding{r} }

type hiding struct{ io.Reader }

var errHidden = errors.New("something is wrong")

func (h hiding) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errHidden
	}
	return n, err
}

func TestReceive_MayRefuseBodies(t *testing.T) {
	const limit = 10
	for name, framed := range map[string]string{
		"in memory":    "Content-Length: 11\r\n\r\nhello world",
		"counted":      "Content-Length: 100000\r\n\r\nhello world",
		"large":        "Content-Length: 300000\r\n\r\n" + strings.Repeat("x", 300000),
		"chunked":      "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n",
		"with its end": "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
	} {
		for _, wraps := range [][]func(io.Reader) io.Reader{{limitedTo(limit)}, {limitedTo(limit), plainly}} {
			t.Run(fmt.Sprint(name, len(wraps)), func(t *testing.T) {
				b := newBounding(wraps...)
				r, p := before(t, Config{Handler: b}, func(p *peer, _ int) {
					p.head()
					if rest, _ := p.rest(); strings.HasSuffix(rest, "0\r\n\r\n") || len(rest) > 0 && len(wraps) == 1 {
						t.Errorf("the target got %q", rest)
					}
				})
				b.to = p.to
				v := dial(t, r.address)
				v.send("POST / HTTP/1.1\r\nHost: h\r\n%s", framed)
				if resp, body := v.response("POST"); resp.StatusCode != 413 || body != "much" || resp.Close != (name != "in memory") {
					t.Error(resp.Status, body, resp.Close)
				}
				if err := failure(t, &b.carrier); !errors.Is(err, ErrReceive) || !errors.Is(err, tooMuch{limit}) || errors.Is(err, ErrDisconnected) {
					t.Errorf("%v, want ErrReceive for %v", err, tooMuch{limit})
				}
			})
		}
	}
}

// The same for every pair of versions.
func TestReceive_MayRefuseBodiesInHTTP2(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		b := newBounding(limitedTo(100))
		m := servingTLS(t, Config{Handler: b})
		got := make(chan error, 10)
		b.to = m.Upstream(scheme, serve(t, scheme, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			got <- err
		}))
		for _, length := range []int{101, 300000} {
			resp, body := m.do(t, request(t, "POST", m.url("/"), strings.NewReader(strings.Repeat("x", length))))
			if resp.StatusCode != 413 || body != "much" {
				t.Error(resp.Status, body)
			}
			if err := failure(t, &b.carrier); !errors.Is(err, ErrReceive) || !errors.Is(err, tooMuch{100}) {
				t.Errorf("%v, want ErrReceive", err)
			}
			if err := <-got; err == nil {
				t.Error("the target got a body that looks whole")
			}
		}
		if resp, _ := m.do(t, request(t, "POST", m.url("/"), strings.NewReader("small"))); resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
	})
}

func TestReceive_AbortsResponsesThatHaveBegun(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		b := newBounding(limitedTo(10))
		r := serving(t, Config{Handler: b})
		b.to = r.Upstream(scheme, serve(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		v := dial(t, r.address)
		v.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		v.head()
		v.expect("5\r\nbegun\r\n")
		v.send("6\r\n world\r\n")
		if rest, err := v.rest(); err == nil || strings.HasSuffix(rest, "0\r\n\r\n") {
			t.Errorf("the response looks whole behind %q", rest)
		}
		if err := failure(t, &b.carrier); !errors.Is(err, ErrBroken) || !errors.Is(err, tooMuch{10}) || errors.Is(err, ErrDisconnected) {
			t.Errorf("%v, want ErrBroken for %v", err, tooMuch{10})
		}
	})
}

// hushing turns every error into the end.
type hushing struct{ io.Reader }

func (h hushing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// An error of the body itself stays one, whatever a transformer makes of it.
func TestReceive_LeavesTheErrorsOfClientsAlone(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"hidden": plainly,
		"hushed": func(r io.Reader) io.Reader { return hushing{r} },
	} {
		for sent, want := range map[string]error{"4\r\npart\r\nx\r\n": ErrRequest, "9\r\npart": ErrDisconnected} {
			t.Run(fmt.Sprint(name, want), func(t *testing.T) {
				b := newBounding(wrap)
				r, p := before(t, Config{Handler: b}, func(p *peer, _ int) {
					p.head()
					if rest, _ := p.rest(); strings.HasSuffix(rest, "0\r\n\r\n") {
						t.Errorf("the target got %q", rest)
					}
				})
				b.to = p.to
				v := dial(t, r.address)
				v.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s", sent)
				_ = v.CloseWrite()
				if err := failure(t, &b.carrier); !errors.Is(err, want) || errors.Is(err, ErrReceive) {
					t.Errorf("%v, want %v", err, want)
				}
				_, _ = v.rest()
			})
		}
	}
}

// throwingReader panics.
type throwingReader struct{ io.Reader }

func (throwingReader) Read([]byte) (int, error) { panic("thrown") }

func TestReceive_OutlivesATransformerThatPanics(t *testing.T) {
	for _, scheme := range []Scheme{HTTP, H2C} {
		b := newBounding(func(r io.Reader) io.Reader { return throwingReader{r} })
		r := serving(t, Config{Handler: b})
		b.to = r.Upstream(scheme, serve(t, scheme, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		c := dial(t, r.address)
		c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")
		if err := failure(t, &b.carrier); !errors.Is(err, ErrReceive) || !strings.Contains(err.Error(), "thrown") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}
