package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	announce "gateway/proxy/peer"
)

// few is a ConnLimiter with a limit on the connections of each client, and on the requests over them; 0 is no limit.
type few struct {
	most, requests int

	mu       sync.Mutex
	inside   map[string]int
	underWay map[string]int
}

func (f *few) Enter(peer string) (Admitted, *Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inside[peer] >= f.most {
		return nil, &Refusal{Status: http.StatusTooManyRequests, Reason: "too many connections"}
	}
	f.inside[peer]++
	return in{f, peer}, nil
}

// in is a connection that few accepted.
type in struct {
	few  *few
	peer string
}

func (i in) Begin() *Refusal {
	i.few.mu.Lock()
	defer i.few.mu.Unlock()
	if i.few.requests == 0 {
		return nil
	}
	if i.few.underWay[i.peer] >= i.few.requests {
		return &Refusal{Status: http.StatusTooManyRequests, Reason: "too many requests"}
	}
	i.few.underWay[i.peer]++
	return nil
}

func (i in) End() {
	i.few.mu.Lock()
	defer i.few.mu.Unlock()
	if i.few.requests > 0 {
		i.few.underWay[i.peer]--
	}
}

func (i in) Leave() {
	i.few.mu.Lock()
	defer i.few.mu.Unlock()
	i.few.inside[i.peer]--
}

func (f *few) count(peer string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inside[peer]
}

func (f *few) countRequests(peer string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.underWay[peer]
}

// refuser responds with the address of the client.
type refuser struct{}

func (refuser) Serve(x *Exchange) { _ = x.Reply(http.StatusOK, nil, []byte(x.Request.Peer)) }

func (refuser) Refuse(x *Exchange, r *Refusal) { _ = x.Reply(r.Status, nil, []byte(r.Reason)) }

func TestConnLimiter_RefusesConnections(t *testing.T) {
	limiter := &few{most: 2, inside: map[string]int{}}
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: limiter})
	first, second := dial(t, r.address), dial(t, r.address)
	first.get("/")
	second.get("/")
	for i := range maxRefusals + 50 {
		third := dial(t, r.address)
		resp, body := third.get("/")
		if resp.StatusCode != http.StatusTooManyRequests || !resp.Close || i < maxRefusals/2 && !strings.Contains(body, "too many") {
			t.Fatalf("connection %d: %s %q", i, resp.Status, body)
		}
		_ = third.Close()
	}
	if resp, _ := first.get("/"); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	_ = second.Close()
	eventually(t, func() bool { return limiter.count("127.0.0.1") == 1 })
	if resp, _ := dial(t, r.address).get("/"); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

// A hundred refused connections a second get a response of the handler, and the others a short one.
func TestConnLimiter_RejectsManyWithoutABody(t *testing.T) {
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}})
	// All connect before the first response is read, so that it does not take a second for each hundred.
	peers, methods := make([]*peer, 5*maxRefusals), []string{"GET", "HEAD"}
	for i := range peers {
		peers[i] = dial(t, r.address)
		peers[i].send("%s / HTTP/1.1\r\nHost: h\r\n\r\n", methods[i%2])
	}
	short := 0
	for i, c := range peers {
		resp, body := c.response(methods[i%2])
		if resp.StatusCode != http.StatusTooManyRequests || !resp.Close || resp.Header.Get("Date") == "" {
			t.Fatalf("connection %d: %s %v %q", i, resp.Status, resp.Header, body)
		}
		if resp.Header.Get("Cache-Control") == "no-store" {
			short++
		}
		if rest, _ := c.rest(); rest != "" {
			t.Fatalf("%q follows", rest)
		}
	}
	if short == 0 {
		t.Errorf("all %d got a response with a body", 5*maxRefusals)
	}
}

// A refused connection that sends nothing is kept for a second only; all but a hundred of these get their response at
// once.
func TestConnLimiter_KeepsNoRefusedConnectionForLong(t *testing.T) {
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}})
	for range maxRefusals {
		rejectedSilently(t, r.address)
	}
	peers := make([]*peer, 2*maxRefusals)
	for i := range peers {
		peers[i] = dial(t, r.address)
	}
	refused := 0
	for _, c := range peers {
		if rest, _ := c.rest(); strings.HasPrefix(rest, "HTTP/1.1 429 ") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no silent connection got a response")
	}
}

// The same applies to one that begins a request and does not finish it.
func TestConnLimiter_EndsSlowRefusedConnections(t *testing.T) {
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}, Timeouts: Timeouts{Head: time.Hour}})
	for _, part := range []string{"G", "GET / HTTP/1.1\r\n", "P"} {
		c := dial(t, r.address)
		c.send("%s", part)
		if rest, _ := c.rest(); rest != "" {
			t.Errorf("%q got %q", part, rest)
		}
	}
}

// A client of HTTP/2 cannot read a response of HTTP/1.1.
func TestConnLimiter_EndsHTTP2AtOnce(t *testing.T) {
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}})
	c := dial(t, r.address)
	c.send("%s", preface)
	if rest, _ := c.rest(); rest != "" {
		t.Errorf("it got %q", rest)
	}
}

// A body that was not read does not count as received.
func TestRefuse_ReceivesNoBody(t *testing.T) {
	r := serving(t, Config{Handler: counter{}, ConnLimiter: &few{inside: map[string]int{}}})
	c := dial(t, r.address)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
	if _, body := c.response("POST"); body != "0" {
		t.Errorf("%s bytes were received", body)
	}
}

// counter responds with the number of bytes received.
type counter struct{ refuser }

func (counter) Refuse(x *Exchange, r *Refusal) {
	_ = x.Reply(r.Status, nil, fmt.Append(nil, x.Received()))
}

func TestConnLimiter_EndsTLSAtOnce(t *testing.T) {
	r := servingOn(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}, true)
	rejectedSilently(t, r.address)
}

// rejectedSilently connects and expects the connection to end without a response, perhaps while it is opened.
func rejectedSilently(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer conn.Close()
		if rest, _ := newPeer(conn, t.Errorf).rest(); rest != "" {
			t.Errorf("it was informed %q", rest)
		}
	})
}

func TestAnnounced_NamesTheClient(t *testing.T) {
	trusted, err := announce.ParseNetworks("127.0.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	const ask = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	for said, want := range map[string]string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n":                                         "192.0.2.1",
		"PROXY TCP6 2001:DB8::1 2001:db8::2 1 2\r\n":                                     "2001:db8::1",
		"PROXY UNKNOWN\r\n":                                                              "unknown",
		v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x02\x00\x01\x00\x02":          "192.0.2.7",
		v2 + "\x20\x00\x00\x00":                                                          "127.0.0.1",
		v2 + "\x21\x11\x00\x0fA\x00\x02\x07\xc0\x00\x02\x02\x00\x01\x00\x02\x04\x00\x00": "65.0.2.7",
		"": "", "PROXY TCP4 192.0.2.1\r\n": "", v2 + "\x31\x11\x00\x00": "",
	} {
		t.Run(fmt.Sprintf("%.30q", said), func(t *testing.T) {
			limiter := &few{most: 1, inside: map[string]int{}}
			r := serving(t, Config{Handler: refuser{}, ConnLimiter: limiter, Announced: trusted})
			c := dial(t, r.address)
			c.send("%s", said+ask+ask)
			if want == "" {
				if rest, _ := c.rest(); rest != "" {
					t.Errorf("it got %q", rest)
				}
				return
			}
			for range 2 {
				if _, body := c.response("GET"); body != want {
					t.Errorf("%q, want %q", body, want)
				}
			}
			if limiter.count(want) != 1 {
				t.Error("the ConnLimiter was asked about another")
			}
		})
	}
}

// A PROXY header may arrive in pieces, also before TLS.
func TestAnnounced_BeforeTLS(t *testing.T) {
	trusted, err := announce.ParseNetworks("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	r := servingOn(t, Config{Handler: refuser{}, Announced: trusted, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}, true)
	c := dial(t, r.address)
	for _, b := range []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n") {
		c.send("%c", b)
	}
	secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if _, err := io.WriteString(secure, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(secure); err != nil || !strings.HasSuffix(string(got), "192.0.2.1") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAnnounced_OthersAreNotAsked(t *testing.T) {
	elsewhere, err := announce.ParseNetworks("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	r := serving(t, Config{Handler: refuser{}, Announced: elsewhere})
	if _, body := dial(t, r.address).get("/"); body != "127.0.0.1" {
		t.Error(body)
	}
}

// No limit counts a refused connection, so it must not linger as long as others after their last response.
func TestConnLimiter_LingersShortlyForTheRefused(t *testing.T) {
	r := serving(t, Config{Handler: refuser{}, ConnLimiter: &few{inside: map[string]int{}}})
	c := dial(t, r.address)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n")
	if resp, _ := c.response(http.MethodPost); resp.StatusCode != http.StatusTooManyRequests {
		t.Error(resp.Status)
	}
	_ = c.SetDeadline(time.Now().Add(lingerTime / 2))
	for piece := make([]byte, 64<<10); ; {
		if _, err := c.Write(piece); err != nil {
			if timedOut(err) {
				t.Error("it can send for ever")
			}
			return
		}
	}
}
