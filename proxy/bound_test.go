package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// handshaking is a target that authenticates its connections in two steps. Its name is in the challenge.
func handshaking(t *testing.T, name string) route.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go authenticateInSteps(conn, name)
		}
	}()
	return at(name, l.Addr().String())
}

func authenticateInSteps(conn net.Conn, name string) {
	defer conn.Close()
	in, step, user := bufio.NewReader(conn), 0, ""
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		switch credentials := r.Header.Get("Authorization"); {
		case credentials == "NTLM one":
			step = 1
		case credentials == "NTLM two "+name && step == 1:
			user = "alice"
		}
		if user == "" {
			fmt.Fprintf(conn, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM %s\r\nContent-Length: 0\r\n\r\n", name)
			continue
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(user), user)
	}
}

// All steps of a handshake go to one of several targets, and so do the later requests of that client.
func TestConnection_StaysWithTheTargetWhereTheClientAuthenticates(t *testing.T) {
	r := mount(t, "/", route.Preserve, handshaking(t, "a"), handshaking(t, "b"), handshaking(t, "c"))
	r.Balance = "round-robin"
	p := start(t, Config{}, r)
	for range 5 {
		alice, other := p.connect(t), p.connect(t)
		alice.send(rawRequest("GET", "/", "", "Authorization: NTLM one"))
		_, name, _ := strings.Cut(alice.response("GET").value("WWW-Authenticate"), " ")
		other.send(get("/"))
		other.wants("GET", 401, "")
		alice.send(rawRequest("GET", "/", "", "Authorization: NTLM two "+name))
		alice.wants("GET", 200, "alice")
		for range 4 {
			alice.send(get("/"))
			alice.wants("GET", 200, "alice")
			other.send(get("/"))
			other.wants("GET", 401, "")
		}
	}
}
