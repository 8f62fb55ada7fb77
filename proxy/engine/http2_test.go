package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"gateway/proxy/header"
)

func TestHTTP2_CarriesRequests(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %d %s %s", r.Method, r.RequestURI, r.Host, r.ContentLength, r.Header.Get("Cookie"), body)
		})
		for _, path := range []string{"/a?b", "//twice?", "/%2F%zz!'|^\"<>`{}\\", "/\xc3\xa4?%zz?#"[:len("/\xc3\xa4?%zz?")], "/?"} {
			for _, body := range []string{"", "small", strings.Repeat("x", 1<<20)} {
				req := request(t, "POST", m.url("/"), strings.NewReader(body))
				req.URL.Opaque = path
				if strings.HasPrefix(path, "//") {
					req.URL.Opaque = "//" + m.address + path
				}
				if strings.Contains(path, "%zz!") {
					continue
				}
				req.Header.Set("Cookie", "a=1; b=2")
				_, got := m.do(t, req)
				want := fmt.Sprintf("POST %s %s %d a=1; b=2 %s", path, m.address, len(body), body)
				if got != want {
					t.Fatalf("got %.200q, want %.200q", got, want)
				}
			}
		}
	})
}

func TestHTTP2_RespondsWithoutBodies(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, p := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/204":
				w.WriteHeader(http.StatusNoContent)
			case "/304":
				w.Header().Set("ETag", `"x"`)
				w.WriteHeader(http.StatusNotModified)
			default:
				w.Header().Set("Content-Length", "12345")
			}
		})
		for path, want := range map[string]string{"/204": "204 -1 ", "/304": "304 -1 ", "/200": "200 12345 12345"} {
			method := "GET"
			if path == "/200" {
				method = "HEAD"
			}
			resp, body := m.do(t, request(t, method, m.url(path), nil))
			length := resp.ContentLength
			if resp.Header.Get("Content-Length") == "" {
				length = -1
			}
			got := fmt.Sprintf("%d %d %s", resp.StatusCode, length, resp.Header.Get("Content-Length"))
			if got != want || body != "" || resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "" {
				t.Errorf("%s: %q, want %q; %v", path, got, want, resp.Header)
			}
		}
		if len(p.fails) > 0 {
			t.Error(<-p.fails)
		}
	})
}

func TestHTTP2_PassesTrailersBothWays(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Asked", r.Trailer.Get("X-Sum")+r.Header.Get("Te"))
			w.Header().Set("Trailer", "X-Declared")
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("X-Declared", "1")
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		})
		req := request(t, "POST", m.url("/"), io.MultiReader(strings.NewReader("abc")))
		req.Header.Set("Te", "trailers")
		req.Trailer = http.Header{"X-Sum": {"7"}}
		resp, body := m.do(t, req)
		if resp.Trailer.Get("X-Declared") != "1" || resp.Trailer.Get("Grpc-Status") != "0" || body != "body" {
			t.Errorf("%q with %v", body, resp.Trailer)
		}
		if got := resp.Header.Get("X-Asked"); got != "7trailers" {
			t.Errorf("the target saw %q", got)
		}
	})
}

func TestHTTP2_RelaysInformationalResponses(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X-Final", "yes")
			w.WriteHeader(http.StatusTeapot)
		})
		hints := make(chan string, 1)
		req := request(t, "GET", m.url("/"), nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
				hints <- fmt.Sprint(status, h.Get("Link"), h.Get("X-Final"))
				return nil
			},
		}))
		resp, _ := m.do(t, req)
		if got := <-hints; got != "103 </style.css>; rel=preload" && got != "103</style.css>; rel=preload" || resp.StatusCode != 418 {
			t.Errorf("%q before %d", got, resp.StatusCode)
		}
	})
}

// echo responds to each line of the request while the request continues, and ends with a status as gRPC does.
func echo(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex()
	w.Header().Set("Content-Type", "application/grpc")
	w.WriteHeader(http.StatusOK)
	_ = rc.Flush()
	buf := make([]byte, 1024)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			_, _ = w.Write(bytes.ToUpper(buf[:n]))
			_ = rc.Flush()
		}
		if err != nil {
			break
		}
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

func TestHTTP2_CarriesBothDirectionsAtOnce(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, echo)
		carriesBothDirections(t, m.client, m.url("/svc/Method"))
	})
}

// carriesBothDirections fails unless the response goes on while the request does, as gRPC needs it, up to the trailers.
func carriesBothDirections(t *testing.T, client *http.Client, url string) {
	t.Helper()
	from, to := io.Pipe()
	req := request(t, "POST", url, from)
	req.Header.Set("Te", "trailers")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 100)
	for _, line := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(to, line); err != nil {
			t.Fatal(err)
		}
		n, err := io.ReadFull(resp.Body, buf[:len(line)])
		if got := string(buf[:n]); got != strings.ToUpper(line) {
			t.Fatalf("%q came back as %q, %v", line, got, err)
		}
	}
	_ = to.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("ended with %q, %v, trailers %v", rest, err, resp.Trailer)
	}
}

func TestHTTP2_CancelsWhenTheClientDisconnects(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		for _, path := range []string{"/before", "/amid"} {
			asked, left := make(chan bool, 1), make(chan bool, 1)
			m, p := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/amid" {
					_ = http.NewResponseController(w).Flush()
				}
				asked <- true
				<-r.Context().Done()
				left <- true
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-asked; cancel() }()
			resp, err := m.client.Do(request(t, "GET", m.url(path), nil).WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Error("there was a response")
			}
			<-left
			if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

func TestHTTP2_ResetsTheStreamOfATruncatedResponse(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, p := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/good" {
				return
			}
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		resp, err := m.client.Do(request(t, "GET", m.url("/"), nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") || string(body) != "some" {
			t.Errorf("%q, %v", body, err)
		}
		if err := <-p.fails; !errors.Is(err, ErrBroken) {
			t.Error(err)
		}
		// Other streams of the connection continue.
		if resp, _ := m.do(t, request(t, "GET", m.url("/good"), nil)); resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
	})
}

// editing transforms every body to upper case both ways and edits heads.
type editing struct{ x *Exchange }

func (editing) Outgoing(h *header.Header) { h.Add("X-To-Target", "1") }

func (e editing) Incoming(_ int, h *header.Header) {
	h.Add("X-To-Client", "1")
	e.x.Transform(func(to Sink) Sink { return upper{to} })
}

type upper struct{ Sink }

// Write implements Sink.
func (u upper) Write(p []byte) (int, error) { return u.Sink.Write(bytes.ToUpper(p)) }

type editor struct{ to *Upstream }

// Serve implements Handler.
func (p editor) Serve(x *Exchange) {
	x.Receive(func(r io.Reader) io.Reader { return io.MultiReader(strings.NewReader("<"), r, strings.NewReader(">")) })
	if err := x.Forward(p.to, x.Request.Path, editing{x}); err != nil && !x.Began() {
		_ = x.Reply(http.StatusBadGateway, nil, []byte(err.Error()))
	}
}

// Refuse implements Handler.
func (editor) Refuse(x *Exchange, r *Refusal) { _ = x.Reply(r.Status, nil, []byte(r.Reason)) }

func TestHTTP2_TransformsBodies(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		p := &editor{}
		m := servingTLS(t, Config{Handler: p})
		p.to = m.Upstream(scheme, serve(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %d", body, r.Header.Get("X-To-Target"), r.ContentLength)
		}))
		resp, body := m.do(t, request(t, "POST", m.url("/"), strings.NewReader("text")))
		if body != "<TEXT> 1 -1" || resp.Header.Get("X-To-Client") != "1" {
			t.Errorf("%q with %v", body, resp.Header)
		}
	})
}

// What is not a trailer field in HTTP/1.1 is none here either: a target that merges trailers would take it for the
// gateway's.
func TestHTTP2_PassesNoTrailersThatAreNone(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for name := range r.Trailer {
				if name != "X-Sum" && r.Trailer[name] != nil {
					t.Errorf("the target got %s", name)
				}
			}
			fmt.Fprint(w, r.Trailer.Get("X-Sum"))
			w.Header().Set(http.TrailerPrefix+"Set-Cookie", "a=b")
		})
		req := request(t, "POST", m.url("/"), io.NopCloser(strings.NewReader("body")))
		req.Trailer = http.Header{"X-Sum": {"7"}, "X-Forwarded-For": {"127.0.0.1"}, "Cookie": {"a=b"}}
		if resp, body := m.do(t, req); body != "7" || resp.Trailer.Get("Set-Cookie") != "" {
			t.Errorf("%q, %v", body, resp.Trailer)
		}
	})
}

func (editing) Accepts(int) bool { return true }
