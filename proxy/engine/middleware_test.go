package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/header"
)

// middle forwards with transformers in both directions.
type middle struct {
	carrier
	receive []func(io.Reader) io.Reader
	wraps   []func(Sink) Sink
}

func (m *middle) Serve(x *Exchange) {
	for _, wrap := range m.receive {
		x.Receive(wrap)
	}
	m.fails <- x.Forward(m.to, x.Request.Path, transforming{x, m})
	if !x.Began() {
		_ = x.Reply(http.StatusBadGateway, nil, nil)
	}
}

type transforming struct {
	*Exchange
	m *middle
}

func (transforming) Outgoing(*header.Header) {}

func (h transforming) Incoming(status int, _ *header.Header) {
	if status < 200 {
		return
	}
	for _, wrap := range h.m.wraps {
		h.Transform(wrap)
	}
}

// middling is before with transformers.
func middling(t *testing.T, part func(p *peer, n int)) (running, *middle) {
	t.Helper()
	m := &middle{carrier: carrier{hooks: none{}, fails: make(chan error, 100)}}
	r, p := before(t, Config{Handler: m}, part)
	m.to = p.to
	return r, m
}

// capitals holds nothing back.
type capitals struct{ Sink }

func (c capitals) Write(p []byte) (int, error) { return c.Sink.Write(bytes.ToUpper(p)) }

// reversed returns everything at once when the body ends.
type reversed struct {
	Sink
	all []byte
}

func (r *reversed) Write(p []byte) (int, error) {
	r.all = append(r.all, p...)
	return len(p), nil
}

func (r *reversed) Close() error {
	for i, j := 0, len(r.all)-1; i < j; i, j = i+1, j-1 {
		r.all[i], r.all[j] = r.all[j], r.all[i]
	}
	if _, err := r.Sink.Write(r.all); err != nil {
		return err
	}
	return r.Sink.Close()
}

// failing passes some bytes on and then fails.
type failing struct {
	Sink
	left int
}

var errFailing = errors.New("it cannot be transformed")

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.Sink.Write(p[:min(len(p), f.left)])
	if f.left -= n; err == nil && n < len(p) {
		err = errFailing
	}
	return n, err
}

// bracketed puts marks around the body.
type bracketed struct {
	Sink
	open, end string
	begun     bool
}

func (b *bracketed) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		if _, err := io.WriteString(b.Sink, b.open); err != nil {
			return 0, err
		}
	}
	return b.Sink.Write(p)
}

func (b *bracketed) Close() error {
	if _, err := io.WriteString(b.Sink, b.end); err != nil {
		return err
	}
	return b.Sink.Close()
}

func brackets(open, end string) func(Sink) Sink {
	return func(s Sink) Sink { return &bracketed{Sink: s, open: open, end: end} }
}

// framings are the ways in which a target may frame a body.
var framings = map[string]func(p *peer, body string){
	"counted": func(p *peer, body string) {
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	},
	"chunked": func(p *peer, body string) {
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n%x\r\n%s\r\n0\r\nX-Sum: 7\r\n\r\n", len(body), body)
	},
	"until close": func(p *peer, body string) {
		p.send("HTTP/1.1 200 OK\r\n\r\n%s", body)
		_ = p.Close()
	},
}

func TestTransform_OfResponses(t *testing.T) {
	reverse := func(s Sink) Sink { return &reversed{Sink: s} }
	upper := func(s Sink) Sink { return capitals{s} }
	for name, say := range framings {
		for _, body := range []string{"hello", pattern(300 << 10)} {
			backwards := []byte(body)
			for i, j := 0, len(backwards)-1; i < j; i, j = i+1, j-1 {
				backwards[i], backwards[j] = backwards[j], backwards[i]
			}
			for _, c := range []struct {
				wraps []func(Sink) Sink
				want  string
			}{
				{[]func(Sink) Sink{upper}, strings.ToUpper(body)},
				{[]func(Sink) Sink{reverse}, string(backwards)},
				{[]func(Sink) Sink{brackets("<", ">")}, "<" + body + ">"},
				// The last is nearest to the target.
				{[]func(Sink) Sink{brackets("<", ">"), brackets("(", ")")}, "<(" + body + ")>"},
				{[]func(Sink) Sink{upper, brackets("a", "b"), reverse}, "A" + strings.ToUpper(string(backwards)) + "B"},
			} {
				t.Run(fmt.Sprint(name, len(body), len(c.wraps)), func(t *testing.T) {
					r, m := middling(t, func(p *peer, _ int) {
						for p.head() != "" {
							say(p, body)
						}
					})
					m.wraps = c.wraps
					v := dial(t, r.address)
					for range 2 {
						resp, got := v.get("/")
						if got != c.want || resp.ContentLength >= 0 || resp.Close {
							t.Errorf("%.40q of %d bytes, length %d, close %v", got, len(got), resp.ContentLength, resp.Close)
						}
						if sum := resp.Trailer.Get("X-Sum"); name == "chunked" && sum != "7" {
							t.Errorf("trailer %q", sum)
						}
						if err := <-m.fails; err != nil {
							t.Error(err)
						}
					}
					// For HTTP/1.0 the end of the connection ends the body.
					v.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
					if resp, got := v.response(http.MethodGet); got != c.want || !resp.Close {
						t.Errorf("HTTP/1.0: %d bytes, close %v", len(got), resp.Close)
					}
				})
			}
		}
	}
}

// replying responds without a target, with transformers.
type replying struct{ wraps []func(Sink) Sink }

func (h replying) Serve(x *Exchange) {
	for _, wrap := range h.wraps {
		x.Transform(wrap)
	}
	_ = x.Reply(http.StatusOK, nil, []byte("hello"))
}

func (replying) Refuse(*Exchange, *Refusal) {}

func TestTransform_OfReplies(t *testing.T) {
	r := serving(t, Config{Handler: replying{[]func(Sink) Sink{brackets("<", ">"), func(s Sink) Sink { return capitals{s} }}}})
	v := dial(t, r.address)
	for range 2 {
		if resp, got := v.get("/"); got != "<HELLO>" || resp.ContentLength >= 0 || resp.Close {
			t.Errorf("%q, length %d, close %v", got, resp.ContentLength, resp.Close)
		}
	}
	v.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, got := v.response(http.MethodHead); got != "" || resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %s %q", resp.Status, got)
	}
	broken := serving(t, Config{Handler: replying{[]func(Sink) Sink{func(s Sink) Sink { return &failing{s, 3} }}}})
	v = dial(t, broken.address)
	v.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := v.rest(); err == nil {
		t.Error("the response looks whole")
	}
}

// Responses without a body are not transformed, and have no length that a GET would not have.
func TestTransform_LeavesEmptyResponsesAlone(t *testing.T) {
	for _, c := range []struct{ method, status string }{{"HEAD", "200 OK"}, {"GET", "304 Not Modified"}, {"GET", "204 No Content"}} {
		t.Run(c.method+c.status, func(t *testing.T) {
			length := "Content-Length: 5\r\n"
			if strings.HasPrefix(c.status, "204") {
				length = ""
			}
			r, m := middling(t, func(p *peer, _ int) {
				for p.head() != "" {
					p.send("HTTP/1.1 %s\r\n%sETag: \"x\"\r\n\r\n", c.status, length)
				}
			})
			m.wraps = []func(Sink) Sink{brackets("<", ">")}
			v := dial(t, r.address)
			for range 2 {
				v.send("%s / HTTP/1.1\r\nHost: h\r\n\r\n", c.method)
				if h := v.head(); !strings.HasPrefix(h, "HTTP/1.1 "+c.status) || strings.Contains(h, "Content-Length") || strings.Contains(h, "Transfer") {
					t.Errorf("%q", h)
				}
			}
		})
	}
}

// A client does not take what a transformer did not complete for complete, and the next response is not affected.
func TestTransform_AbortsWhenItFails(t *testing.T) {
	for name, say := range framings {
		for _, left := range []int{0, 3, 100 << 10} {
			t.Run(fmt.Sprint(name, left), func(t *testing.T) {
				body := pattern(200 << 10)
				r, m := middling(t, func(p *peer, _ int) {
					for p.head() != "" {
						say(p, body)
					}
				})
				for _, version := range []string{"1.1", "1.0"} {
					m.wraps = []func(Sink) Sink{func(s Sink) Sink { return &failing{s, left} }}
					v := dial(t, r.address)
					v.send("GET / HTTP/%s\r\nHost: h\r\n\r\n", version)
					if _, err := v.rest(); err == nil {
						t.Error("the response looks whole")
					}
					if err := <-m.fails; !errors.Is(err, ErrBroken) || !errors.Is(err, errFailing) {
						t.Errorf("%v, want ErrBroken for %v", err, errFailing)
					}
				}
				m.wraps = nil
				if _, got := dial(t, r.address).get("/"); got != body {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
	}
}

// What the target has sent arrives before it sends more.
func TestTransform_KeepsEventsLive(t *testing.T) {
	heard := make(chan struct{})
	r, m := middling(t, func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 3 {
			p.send("5\r\nevent\r\n")
			<-heard
		}
		p.send("0\r\n\r\n")
	})
	m.wraps = []func(Sink) Sink{func(s Sink) Sink { return capitals{s} }, func(s Sink) Sink { return capitals{s} }}
	v := dial(t, r.address)
	v.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	v.head()
	for range 3 {
		v.expect("5\r\nEVENT\r\n")
		heard <- struct{}{}
	}
	v.expect("0\r\n\r\n")
}

// shouted transforms the body of a request.
func shouted(r io.Reader) io.Reader {
	return io.MultiReader(strings.NewReader("<"), &raised{r})
}

type raised struct{ io.Reader }

func (r *raised) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

func TestReceive_OfRequests(t *testing.T) {
	for _, body := range []string{"hello", pattern(300 << 10)} {
		for name, framed := range map[string]string{
			"counted": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			t.Run(fmt.Sprint(name, len(body)), func(t *testing.T) {
				r, m := middling(t, func(p *peer, _ int) {
					for {
						req, err := http.ReadRequest(p.in)
						if err != nil {
							return
						}
						got, err := io.ReadAll(req.Body)
						want := "<" + strings.ToUpper(body)
						if req.Method == http.MethodGet {
							want = ""
						}
						if string(got) != want || err != nil {
							t.Errorf("the target got %d bytes, %v", len(got), err)
						}
						p.send("HTTP/1.1 204 No Content\r\n\r\n")
					}
				})
				m.receive = []func(io.Reader) io.Reader{shouted}
				v := dial(t, r.address)
				for range 3 {
					v.send("POST / HTTP/1.1\r\nHost: h\r\n%s", framed)
					if resp, _ := v.response("POST"); resp.StatusCode != 204 || resp.Close {
						t.Fatal(resp.Status, resp.Close)
					}
				}
				// Without a body there is nothing to receive.
				if resp, _ := v.get("/"); resp.StatusCode != 204 || resp.Close {
					t.Error(resp.Status)
				}
			})
		}
	}
}

// A transformer that ends early completes the request to the target, and closes the connection of the client, which
// sent more.
func TestReceive_MayEndEarly(t *testing.T) {
	r, m := middling(t, func(p *peer, _ int) {
		for p.head() != "" {
			p.expect("4\r\nfour\r\n0\r\n\r\n")
			p.send("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	m.receive = []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return io.LimitReader(r, 4) }}
	for range 3 {
		v := dial(t, r.address)
		v.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nfour and more")
		if resp, _ := v.response("POST"); resp.StatusCode != 204 || !resp.Close {
			t.Error(resp.Status, resp.Close)
		}
	}
}

func (transforming) Accepts(int) bool { return true }
