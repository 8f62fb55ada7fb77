package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func TestHTTP3_CarriesRequests(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %d %s %s", r.Method, r.RequestURI, r.Host, r.ContentLength, r.Header.Get("Cookie"), body)
		})
		conn := m.dialRaw(t)
		for _, path := range []string{"/a?b", "//twice?", "/%2F!'|^\"<>`{}\\", "/\xc3\xa4?%zz?", "/?", "/a/../b"} {
			if scheme == H2C && strings.Contains(path, "|") {
				continue // The standard library's server refuses it.
			}
			for _, body := range []string{"", "small", strings.Repeat("x", 1<<20)} {
				s := conn.open()
				s.ask(":method", "POST", ":scheme", "https", ":authority", "h:1", ":path", path, "cookie", "a=1", "cookie", "b=2",
					"content-length", fmt.Sprint(len(body)))
				go func() {
					s.send(http3Data, []byte(body))
					_ = s.Close()
				}()
				heads, got, reset := s.answer()
				want := fmt.Sprintf("POST %s h:1 %d a=1; b=2 %s", path, len(body), body)
				if string(got) != want || len(heads) != 1 || heads[0][":status"] != "200" || reset != 0 {
					t.Fatalf("got %v %.200q, %s, want %.200q", heads, got, reset, want)
				}
			}
		}
	})
}

// A stream that ends with the head has no body, even without a Content-Length.
func TestHTTP3_KnowsRequestsWithoutBody(t *testing.T) {
	m, _ := throughPackets(t, HTTP, Config{}, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %d %v", r.Method, r.ContentLength, r.TransferEncoding)
	})
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		s := m.dialRaw(t).open()
		s.ask(":method", method, ":scheme", "https", ":authority", "h", ":path", "/")
		_ = s.Close()
		if _, got, _ := s.answer(); string(got) != method+" 0 []" {
			t.Errorf("the target got %s", got)
		}
		s = m.dialRaw(t).open()
		s.ask(":method", method, ":scheme", "https", ":authority", "h", ":path", "/")
		s.send(http3Data, []byte("body"))
		_ = s.Close()
		if _, got, _ := s.answer(); string(got) != method+" -1 [chunked]" {
			t.Errorf("with a body, the target got %s", got)
		}
	}
}

func TestHTTP3_SaysWhoTheClientIs(t *testing.T) {
	seen := make(chan Request, 1)
	m := servingPackets(t, Config{Handler: describing(seen)})
	m.do(t, request(t, "GET", m.url("/"), nil))
	if r := <-seen; r.Major != 3 || r.Minor != 0 || !r.Secure || r.Peer != "127.0.0.1" || !r.Addr.IsValid() {
		t.Errorf("the request is %+v", r)
	}
}

// describing passes requests on.
type describing chan Request

func (d describing) Serve(x *Exchange) {
	d <- x.Request
	_ = x.Reply(http.StatusOK, nil, nil)
}

func (describing) Refuse(x *Exchange, _ *Refusal) { x.Abort() }

func TestHTTP3_RespondsWithoutBodies(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, p := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
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
		for path, want := range map[string]string{"/204": "204 ", "/304": "304 ", "/200": "200 12345"} {
			method := "GET"
			if path == "/200" {
				method = "HEAD"
			}
			resp, body := m.do(t, request(t, method, m.url(path), nil))
			got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Length"))
			if got != want || body != "" || resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "" {
				t.Errorf("%s: %q, want %q; %v", path, got, want, resp.Header)
			}
		}
		if len(p.fails) > 0 {
			t.Error(<-p.fails)
		}
	})
}

func TestHTTP3_PassesTrailersBothWays(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for name := range r.Trailer {
				if name != "X-Sum" && r.Trailer[name] != nil {
					t.Errorf("the target got %s", name)
				}
			}
			w.Header().Set("X-Asked", r.Trailer.Get("X-Sum")+r.Header.Get("Te"))
			w.Header().Set("Trailer", "X-Declared")
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("X-Declared", "1")
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
			w.Header().Set(http.TrailerPrefix+"Set-Cookie", "a=b")
		})
		s := m.dialRaw(t).open()
		s.ask(":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/", "te", "trailers", "trailer", "x-sum")
		s.send(http3Data, []byte("abc"))
		s.send(http3Headers, section("x-sum", "7", "x-forwarded-for", "127.0.0.1", "cookie", "a=b"))
		_ = s.Close()
		heads, body, _ := s.answer()
		if len(heads) != 2 || heads[1]["x-declared"] != "1" || heads[1]["grpc-status"] != "0" || heads[1]["set-cookie"] != "" || string(body) != "body" {
			t.Fatalf("%q with %v", body, heads)
		}
		if got := heads[0]["x-asked"]; got != "7trailers" {
			t.Errorf("the target saw %q", got)
		}
	})
}

func TestHTTP3_RelaysInformationalResponses(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X-Final", "yes")
			w.WriteHeader(http.StatusTeapot)
		})
		hints := make(chan string, 1)
		req := request(t, "GET", m.url("/"), nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
				hints <- fmt.Sprint(status, " ", h.Get("Link"), h.Get("X-Final"))
				return nil
			},
		}))
		resp, _ := m.do(t, req)
		if got := <-hints; got != "103 </style.css>; rel=preload" || resp.StatusCode != 418 {
			t.Errorf("%q before %d", got, resp.StatusCode)
		}
	})
}

func TestHTTP3_SendsContinueToClientsThatWait(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		s := m.dialRaw(t).open()
		s.ask(":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/", "expect", "100-continue", "content-length", "4")
		kind, length, err := s.next()
		payload, _ := s.payload(nil, int(length))
		if err != nil || kind != http3Headers || string(payload) != string(section(":status", "100")) {
			t.Fatalf("came %d %x, %v", kind, payload, err)
		}
		s.send(http3Data, []byte("body"))
		_ = s.Close()
		if _, body, _ := s.answer(); string(body) != "body" {
			t.Errorf("%q", body)
		}
	})
}

func TestHTTP3_CarriesBothDirectionsAtOnce(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, echo)
		carriesBothDirections(t, m.client, m.url("/svc/Method"))
	})
}

// noise is a body that does not repeat.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
}

func TestHTTP3_CarriesLargeBodies(t *testing.T) {
	const size = 4 << 20
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
			sum := sha256.New()
			n, err := io.Copy(sum, r.Body)
			w.Header().Set("X-Sum", fmt.Sprintf("%d %x %v", n, sum.Sum(nil), err))
			_, _ = io.Copy(w, noise(size))
		})
		sum := sha256.New()
		_, _ = io.Copy(sum, noise(size))
		want := fmt.Sprintf("%d %x <nil>", size, sum.Sum(nil))
		resp, err := m.client.Do(request(t, "POST", m.url("/"), noise(size)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("X-Sum"); got != want {
			t.Errorf("the target got %s, want %s", got, want)
		}
		sum.Reset()
		n, err := io.Copy(sum, resp.Body)
		if got := fmt.Sprintf("%d %x %v", n, sum.Sum(nil), err); got != want {
			t.Errorf("the client got %s, want %s", got, want)
		}
	})
}

func TestHTTP3_CancelsWhenTheClientDisconnects(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		for _, path := range []string{"/before", "/amid"} {
			asked, left := make(chan bool, 1), make(chan bool, 1)
			m, p := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
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
			eventually(t, func() bool { return m.busy.Load() == 0 })
		}
	})
}

// A client that resets its body gets no response, and the target no complete request.
func TestHTTP3_CancelsUploadsThatAreReset(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		ended := make(chan error, 1)
		m, p := throughPackets(t, scheme, Config{}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			ended <- err
		})
		s := m.dialRaw(t).open()
		s.ask(":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/")
		s.send(http3Data, []byte("part"))
		eventually(t, func() bool { return m.busy.Load() == 1 })
		s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		if err := <-ended; err == nil {
			t.Error("the target took a part for the whole")
		}
		if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
			t.Error(err)
		}
	})
}

func TestHTTP3_ResetsTheStreamOfATruncatedResponse(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, p := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/good" {
				return
			}
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
			if r.URL.Path == "/late" {
				_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
			}
			panic(http.ErrAbortHandler)
		})
		for _, path := range []string{"/", "/late"} {
			resp, err := m.client.Do(request(t, "GET", m.url(path), nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if failed, ok := errors.AsType[*http3.Error](err); !ok || failed.ErrorCode != http3.ErrCodeInternalError {
				t.Errorf("%s: %v", path, err)
			}
			if err := <-p.fails; !errors.Is(err, ErrBroken) && !errors.Is(err, ErrResponse) {
				t.Error(err)
			}
			// Other streams of the connection continue.
			if resp, _ := m.do(t, request(t, "GET", m.url("/good"), nil)); resp.StatusCode != 200 {
				t.Error(resp.Status)
			}
		}
	})
}

func TestHTTP3_TransformsBodies(t *testing.T) {
	p := &editor{}
	address := serve(t, HTTP, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", body, r.Header.Get("X-To-Target"), r.ContentLength)
	})
	m := servingPackets(t, Config{Handler: p}, func(e *Engine) { p.to = e.Upstream(HTTP, address) })
	resp, body := m.do(t, request(t, "POST", m.url("/"), strings.NewReader("text")))
	if body != "<TEXT> 1 -1" || resp.Header.Get("X-To-Client") != "1" {
		t.Errorf("%q with %v", body, resp.Header)
	}
}

func TestHTTP3_AcceptsEarlyResponses(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughPackets(t, scheme, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})
		s := m.dialRaw(t).open()
		s.ask(":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/")
		s.send(http3Data, []byte("there is more to come"))
		heads, _, reset := s.answer()
		if len(heads) != 1 || heads[0][":status"] != "413" || reset != 0 {
			t.Errorf("%v, %s", heads, reset)
		}
		// The client is told to send no more, without an error (RFC 9114 section 4.1).
		for {
			_, err := s.Stream.Write(make([]byte, 1<<10))
			if failed, ok := errors.AsType[*quic.StreamError](err); ok {
				if http3.ErrCode(failed.ErrorCode) != http3.ErrCodeNoError {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
