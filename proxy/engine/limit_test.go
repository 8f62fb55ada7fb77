package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// repeating responds to each request with its target.
func repeating(p *peer, _ int) {
	for {
		req, err := http.ReadRequest(p.in)
		if err != nil {
			return
		}
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.RequestURI), req.RequestURI)
	}
}

func TestLimit_OfHeads(t *testing.T) {
	const most = 10 << 10
	r, _ := before(t, Config{Limits: Limits{Head: most}}, repeating)
	const frame = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n"
	for _, c := range []struct {
		name, ask string
		want      int
	}{
		{"that fit", strings.Replace(frame, "X: ", "X: "+strings.Repeat("x", most-len(frame)), 1), 200},
		{"that do not", strings.Replace(frame, "X: ", "X: "+strings.Repeat("x", most-len(frame)+1), 1), 431},
		{"that do not end", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 20*most), 431},
		{"with a target that does not end", "GET /" + strings.Repeat("x", 20*most), 414},
	} {
		for _, behind := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, behind), func(t *testing.T) {
				v := dial(t, r.address)
				if behind {
					v.get("/before")
				}
				go func() { _, _ = v.Write([]byte(c.ask)) }()
				resp, _ := v.response(http.MethodGet)
				if resp.StatusCode != c.want || resp.Close != (c.want != 200) {
					t.Errorf("%s, close %v, want %d", resp.Status, resp.Close, c.want)
				}
			})
		}
	}
}

// Whatever is read together with a head is not lost, and does not count.
func TestLimit_OfHeadsDoesNotBoundWhatFollows(t *testing.T) {
	body := pattern(500 << 10)
	chunks := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 100<<10, body[:100<<10], 400<<10, body[100<<10:])
	for _, limit := range []int{300, 400 << 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			r, _ := before(t, Config{Limits: Limits{Head: limit}}, func(p *peer, _ int) {
				for {
					req, err := http.ReadRequest(p.in)
					if err != nil {
						return
					}
					got, err := io.ReadAll(req.Body)
					if req.Method == http.MethodPost && string(got) != body || err != nil {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.RequestURI), req.RequestURI)
				}
			})
			for _, framed := range []string{"Content-Length: 512000\r\n\r\n" + body, "Transfer-Encoding: chunked\r\n\r\n" + chunks} {
				v := dial(t, r.address)
				// A long head first, which enlarges the buffer for what is read together with it.
				long := strings.Repeat("x", min(limit-50, 140<<10))
				go func() {
					_, _ = fmt.Fprintf(v, "GET /0 HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\nPOST /1 HTTP/1.1\r\nHost: h\r\n%s"+
						"GET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n", long, framed)
				}()
				for _, want := range []string{"/0", "/1", "/2", "/3"} {
					if resp, got := v.response(http.MethodGet); got != want || resp.Close {
						t.Errorf("%q, want %q, close %v", got, want, resp.Close)
					}
				}
			}
		})
	}
}

func TestLimit_OfFields(t *testing.T) {
	const most = 10
	r, _ := before(t, Config{Limits: Limits{Fields: most}}, repeating)
	for fields, want := range map[int]int{most: 200, most + 1: 431, 1000: 431} {
		v := dial(t, r.address)
		v.send("GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", strings.Repeat("A: b\r\n", fields-1))
		if resp, _ := v.response(http.MethodGet); resp.StatusCode != want {
			t.Errorf("%d fields: %s, want %d", fields, resp.Status, want)
		}
	}
}

func TestLimit_OfResponses(t *testing.T) {
	const most, fields = 100 << 10, 10
	const frame = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \r\n\r\n"
	for _, c := range []struct {
		name, response string
		fits           bool
	}{
		{"that fit", strings.Replace(frame, "X: ", "X: "+strings.Repeat("x", most-len(frame)), 1) + "ok", true},
		{"that are too long", strings.Replace(frame, "X: ", "X: "+strings.Repeat("x", most-len(frame)+1), 1) + "ok", false},
		{"that do not end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10*most), false},
		{"with as many fields", strings.Replace(frame, "X: \r\n", strings.Repeat("A: b\r\n", 4*fields-1), 1) + "ok", true},
		{"with more fields", strings.Replace(frame, "X: \r\n", strings.Repeat("A: b\r\n", 4*fields), 1) + "ok", false},
		{"behind many others", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n", 1000) + strings.Replace(frame, "X: ", "X: y", 1) + "ok", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p := before(t, Config{Limits: Limits{ResponseHead: most, Fields: fields}}, func(p *peer, _ int) {
				p.head()
				_, _ = p.Write([]byte(c.response))
				_, _ = p.rest()
			})
			v := dial(t, r.address)
			v.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			h := v.head()
			for strings.HasPrefix(h, "HTTP/1.1 103 ") {
				h = v.head()
			}
			if c.fits {
				if v.expect("ok"); !strings.HasPrefix(h, "HTTP/1.1 200 ") {
					t.Errorf("%.80q", h)
				}
				return
			}
			if !strings.HasPrefix(h, "HTTP/1.1 502 ") {
				t.Errorf("%.80q", h)
			}
			if err := failure(t, p); !errors.Is(err, ErrResponse) {
				t.Errorf("%v, want ErrAnswer", err)
			}
		})
	}
}

// Endless informational responses do not keep a client waiting: the timeout of the response applies.
func TestLimit_OfInformationalResponses(t *testing.T) {
	r, p := before(t, Config{Timeouts: Timeouts{Response: soon}}, func(p *peer, _ int) {
		p.head()
		ticker := time.NewTicker(soon / 10)
		defer ticker.Stop()
		for range ticker.C {
			if _, err := p.Write([]byte("HTTP/1.1 102 Processing\r\n\r\n")); err != nil {
				return
			}
		}
	})
	v := dial(t, r.address)
	v.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, v.in)
	}()
	if err := failure(t, p); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want ErrTimeout", err)
	}
	_ = v.Close()
	<-read
}

// Nor do many within a short time.
func TestLimit_OfInformationalResponsesTogether(t *testing.T) {
	for name, ask := range map[string]string{
		"GET":  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\npart",
	} {
		for _, hint := range []string{"HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", 9<<10) + "\r\n\r\n"} {
			t.Run(name+hint[9:12], func(t *testing.T) {
				r, p := before(t, Config{}, func(p *peer, _ int) {
					p.head()
					for {
						if _, err := p.Write([]byte(hint)); err != nil {
							return
						}
					}
				})
				v := dial(t, r.address)
				v.send("%s", ask)
				got := 0
				for strings.HasPrefix(v.head(), hint[:13]) {
					got++
				}
				if most := min(maxInformational, maxInformationalBytes/len(hint)); got != most {
					t.Errorf("%d were passed on, want %d", got, most)
				}
				if err := failure(t, p); !errors.Is(err, ErrResponse) {
					t.Errorf("%v, want ErrAnswer", err)
				}
			})
		}
	}
}
