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

func TestEngine_NoticesClientsThatLeave(t *testing.T) {
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
	// A client that ends its side only may wait for the response.
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

// A client that has nothing more to send may end its side and wait (RFC 9293 section 3.6), whatever it asked for.
func TestEngine_AnswersClientsThatEndedTheirSide(t *testing.T) {
	for name, c := range map[string]struct{ ask, answer, want string }{
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
				p.say("%s", c.answer)
				_ = p.CloseWrite()
				_, _ = p.rest()
			})
			v := dial(t, r.address)
			v.say("%s", c.ask)
			_ = v.CloseWrite()
			<-asked
			// As soon as one who is gone is noticed, the other would have been.
			gone := dial(t, r.address)
			gone.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			<-asked
			_ = gone.SetLinger(0)
			_ = gone.Close()
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

// A tunnel of which one side has ended goes on until that side is gone.
func TestTunnel_GoesOnForOneSide(t *testing.T) {
	speak, ended := make(chan string), make(chan struct{})
	r, _ := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
		p.head()
		p.say("%s", giveUpgrade)
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
	v.say("%sthis", askUpgrade)
	v.hear(upgradedHead)
	_ = v.CloseWrite()
	for range 5 {
		speak <- "words"
		v.hear("words")
	}
	close(speak)
	_ = v.SetLinger(0)
	_ = v.Close()
	closed(t, "the target is told", ended)
}
