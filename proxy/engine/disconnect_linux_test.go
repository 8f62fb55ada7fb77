//go:build !portable

package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEngine_NoticesClientsThatDisconnect(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	r, p := through(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release)
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /slow/ HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	// A client that ends only its side may wait for the response.
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	select {
	case err := <-p.fails:
		if !errors.Is(err, ErrDisconnected) {
			t.Errorf("%v, want ErrGone", err)
		}
	case <-time.After(3 * time.Second):
		t.Error("the client left unnoticed")
	}
}

// A client that has nothing more to send may end its side and wait (RFC 9293 section 3.6), whatever its request.
func TestEngine_RespondsToClientsThatEndedTheirSide(t *testing.T) {
	for name, c := range map[string]struct{ ask, response, want string }{
		"a request": {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
		"a body":    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
		"an upgrade": {
			askUpgrade, giveUpgrade + "and more", "and more",
		},
		"an upgrade that is refused": {askUpgrade, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno", "no"},
	} {
		t.Run(name, func(t *testing.T) {
			asked, release := make(chan int, 10), make(chan struct{})
			r, p := before(t, Config{Timeouts: brisk}, func(p *peer, n int) {
				p.head()
				asked <- n
				if n > 0 {
					_, _ = p.rest()
					return
				}
				<-release
				p.send("%s", c.response)
				_ = p.CloseWrite()
				_, _ = p.rest()
			})
			v := dial(t, r.address)
			v.send("%s", c.ask)
			_ = v.CloseWrite()
			<-asked
			// Once the disconnect of this one is noticed, that of the other one would have been too.
			disconnected := dial(t, r.address)
			disconnected.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			<-asked
			_ = disconnected.SetLinger(0)
			_ = disconnected.Close()
			if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
				t.Error(err)
			}
			close(release)
			if got, err := v.rest(); !strings.HasSuffix(got, c.want) || err != nil {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// A tunnel whose one side has ended continues until that side disconnects.
func TestTunnel_GoesOnForOneSide(t *testing.T) {
	speak, ended := make(chan string), make(chan struct{})
	r, _ := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
		p.head()
		p.send("%s", giveUpgrade)
		_, _ = p.rest()
		for words := range speak {
			_, _ = p.Write([]byte(words))
		}
		defer close(ended)
		for {
			if _, err := p.Write([]byte("x")); err != nil {
				return
			}
		}
	})
	v := dial(t, r.address)
	v.send("%sthis", askUpgrade)
	v.expect(upgradedHead)
	_ = v.CloseWrite()
	for range 5 {
		speak <- "words"
		v.expect("words")
	}
	close(speak)
	_ = v.SetLinger(0)
	_ = v.Close()
	closed(t, "the target notices it", ended)
}
