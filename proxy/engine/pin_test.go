package engine

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// authenticating is a target that authenticates a connection by a scheme, in one step or in two.
func authenticating(p *peer, _ int) {
	user, step := "", 0
	for h := p.head(); h != ""; h = p.head() {
		credentials := ""
		for line := range strings.SplitSeq(h, "\r\n") {
			if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Authorization") {
				credentials = strings.TrimSpace(value)
			}
		}
		scheme, token, _ := strings.Cut(credentials, " ")
		switch {
		case token == "begin":
			step = 1
			p.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %s dGhlIGNoYWxsZW5nZQ==\r\nContent-Length: 0\r\n\r\n", scheme)
			continue
		case strings.HasPrefix(token, "end-") && step == 1, strings.HasPrefix(token, "user-"):
			_, user, _ = strings.Cut(token, "-")
		}
		if user == "" {
			p.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\"\r\nwww-authenticate: Digest, negotiate,NTLM\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		text := "hello " + user
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
}

func askAs(c *peer, credentials string) (int, string) {
	if credentials != "" {
		credentials = "authorization: " + credentials + "\r\n"
	}
	c.send("GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", credentials)
	resp, body := c.response(http.MethodGet)
	return resp.StatusCode, body
}

// These schemes authenticate the connection, so it serves one client (RFC 4559 section 6).
func TestPins_GiveNoConnectionToAnotherClient(t *testing.T) {
	for _, scheme := range []string{"NTLM", "negotiate", "Kerberos", "Nego2"} {
		t.Run(scheme, func(t *testing.T) {
			r, _ := before(t, Config{}, authenticating)
			alice, mallory := dial(t, r.address), dial(t, r.address)
			if status, body := askAs(alice, scheme+" begin"); status != 401 {
				t.Fatal(status, body)
			}
			// Another client comes between the steps.
			if status, body := askAs(mallory, ""); status != 401 {
				t.Error(status, body)
			}
			if status, body := askAs(alice, scheme+" end-alice"); status != 200 || body != "hello alice" {
				t.Error(status, body)
			}
			for range 3 {
				if status, body := askAs(dial(t, r.address), ""); status != 401 {
					t.Error("a stranger got", status, body)
				}
				if status, body := askAs(mallory, ""); status != 401 {
					t.Error("a stranger got", status, body)
				}
				if status, body := askAs(alice, ""); status != 200 || body != "hello alice" {
					t.Error(status, body)
				}
			}
		})
	}
}

// The connection ends with the client's.
func TestPins_EndWithTheClient(t *testing.T) {
	ended := make(chan int, 10)
	r, p := before(t, Config{}, func(p *peer, n int) {
		authenticating(p, n)
		ended <- n
	})
	alice := dial(t, r.address)
	if status, body := askAs(alice, "NTLM user-alice"); status != 200 {
		t.Fatal(status, body)
	}
	_ = alice.Close()
	<-ended
	if n := kept(p.to) + pinnedTo(p.to); n != 0 {
		t.Errorf("%d connections are kept", n)
	}
}

// pinnedTo is the number of connections to a target that are pinned and unused.
func pinnedTo(u *Upstream) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.pinned)
}

// A target that is closed keeps no pinned connection.
func TestPins_EndWithTheTarget(t *testing.T) {
	ended := make(chan int, 10)
	r, p := before(t, Config{}, func(p *peer, n int) {
		authenticating(p, n)
		ended <- n
	})
	alice := dial(t, r.address)
	askAs(alice, "NTLM user-alice")
	eventually(t, func() bool { return pinnedTo(p.to) == 1 })
	p.to.Close()
	<-ended
}

// A handshake cannot continue on another connection.
func TestPins_MoveNoHandshake(t *testing.T) {
	end, ended := make(chan struct{}), make(chan struct{})
	r, p := before(t, Config{}, func(p *peer, n int) {
		if n > 0 {
			authenticating(p, n)
			return
		}
		p.head()
		p.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM abc\r\nContent-Length: 0\r\n\r\n")
		<-end
		_ = p.Close()
		close(ended)
	})
	alice := dial(t, r.address)
	if status, body := askAs(alice, "NTLM begin"); status != 401 {
		t.Fatal(status, body)
	}
	close(end)
	<-ended
	if status, body := askAs(alice, "NTLM end-alice"); status != http.StatusBadGateway {
		t.Error(status, body)
	}
	if err := failure(t, p); !errors.Is(err, ErrUnpinned) || !errors.Is(err, ErrResponse) {
		t.Error(err)
	}
	// Then the client begins again.
	askAs(alice, "NTLM begin")
	if status, body := askAs(alice, "NTLM end-alice"); status != 200 || body != "hello alice" {
		t.Error(status, body)
	}
}

// A response alone may say that the connection is authenticated.
func TestPins_AreMadeByResponses(t *testing.T) {
	for _, field := range []string{
		"WWW-Authenticate: Negotiate oYG", "Persistent-Auth: true", "Authentication-Info: Negotiate oYG",
		"Proxy-Authenticate: NTLM", "WWW-AUTHENTICATE: Basic realm=\"x\",\tNTLM",
	} {
		t.Run(field, func(t *testing.T) {
			r, _ := before(t, Config{}, func(p *peer, n int) {
				for p.head() != "" {
					p.send("HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 1\r\n\r\n%d", field, n)
				}
			})
			one, two := dial(t, r.address), dial(t, r.address)
			for range 2 {
				if _, body := one.get("/"); body != "0" {
					t.Error("one uses connection", body)
				}
				if _, body := two.get("/"); body != "1" {
					t.Error("two uses connection", body)
				}
			}
		})
	}
}

// Streams of one client over HTTP/2 share its pinned connection, one at a time, and other clients do not.
func TestPins_ApplyToClientsOfHTTP2(t *testing.T) {
	p := &carrier{hooks: none{}}
	m := servingTLS(t, Config{Handler: p})
	p.to = m.Upstream(HTTP, acting(t, authenticating))
	get := func(client *http.Client, credentials string) (int, string) {
		ask := request(t, http.MethodGet, m.url("/"), nil)
		if credentials != "" {
			ask.Header.Set("Authorization", credentials)
		}
		resp, body := modern{m.running, client}.do(t, ask)
		return resp.StatusCode, body
	}
	other := &http.Client{Transport: m.client.Transport.(*http.Transport).Clone()}
	defer other.CloseIdleConnections()
	get(m.client, "NTLM begin")
	if status, body := get(m.client, "NTLM end-alice"); status != 200 || body != "hello alice" {
		t.Error(status, body)
	}
	if status, body := get(other, ""); status != 401 {
		t.Error("a stranger got", status, body)
	}
	if status, body := get(m.client, ""); status != 200 || body != "hello alice" {
		t.Error(status, body)
	}
}

// proxied takes the client's address from a trusted proxy, whose connections may carry the requests of several.
type proxied struct{ *carrier }

func (p proxied) Serve(x *Exchange) {
	for _, f := range x.Request.Header {
		if f.Name == "Client" {
			x.Request.Peer = f.Value
		}
	}
	p.carrier.Serve(x)
}

// Over a connection of a trusted proxy, another client gets nothing of the one that authenticated, and takes nothing
// away.
func TestPins_SeparateClientsBehindAProxy(t *testing.T) {
	p := &carrier{hooks: none{}, fails: make(chan error, 10)}
	r := serving(t, Config{Handler: proxied{p}})
	p.to = r.Upstream(HTTP, acting(t, authenticating))
	c := dial(t, r.address)
	ask := func(client, credentials string) string {
		if credentials != "" {
			credentials = "Authorization: NTLM " + credentials + "\r\n"
		}
		c.send("GET / HTTP/1.1\r\nHost: h\r\nClient: %s\r\n%s\r\n", client, credentials)
		_, body := c.response(http.MethodGet)
		return body
	}
	for _, step := range []struct{ client, credentials, want string }{
		{"alice", "begin", ""},
		{"mallory", "", ""},
		{"alice", "end-alice", "hello alice"},
		{"mallory", "", ""},
		{"alice", "", "hello alice"},
		{"bob", "begin", ""},
		{"mallory", "", ""},
		{"alice", "", ""},
		{"bob", "end-bob", "hello bob"},
		{"alice", "", ""},
		{"bob", "", "hello bob"},
	} {
		if body := ask(step.client, step.credentials); body != step.want {
			t.Errorf("%s %q gets %q, want %q", step.client, step.credentials, body, step.want)
		}
	}
	if n := pinnedTo(p.to); n > 1 {
		t.Errorf("%d connections are bound", n)
	}
}
