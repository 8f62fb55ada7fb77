package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// brisk has ticks of 5 ms.
var brisk = Timeouts{Total: 40 * time.Second, Keep: 40 * time.Millisecond}

func TestCancel_EndsRepeatableExchanges(t *testing.T) {
	for ask, repeatable := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n":                            true,
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok":     true,
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok":    false,
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\nok": false,
	} {
		t.Run(ask[:5], func(t *testing.T) {
			asked, released := make(chan struct{}), make(chan struct{})
			r, p := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
				p.head()
				close(asked)
				<-released
				// A canceled exchange reads none of it.
				_, _ = fmt.Fprint(p, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
			})
			c := dial(t, r.address)
			c.send("%s", ask)
			closed(t, "the target was asked", asked)
			p.to.Cancel()
			if repeatable {
				if err := failure(t, p); !errors.Is(err, ErrResponse) || !errors.Is(err, ErrCanceled) || errors.Is(err, ErrTimeout) {
					t.Errorf("%v, want ErrAnswer and ErrRecalled", err)
				}
			}
			close(released)
			if resp, body := c.response("GET"); (resp.StatusCode == http.StatusOK) == repeatable || !repeatable && body != "ok" {
				t.Error(resp.Status, body)
			}
			if !repeatable && len(p.fails) > 0 {
				t.Error(<-p.fails)
			}
		})
	}
}

// Cancel ends neither later waits nor a response that has begun.
func TestCancel_SparesLaterExchanges(t *testing.T) {
	begun, more := make(chan struct{}), make(chan struct{})
	r, p := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
		begun <- struct{}{}
		<-more
		p.send("cd")
	})
	for range 2 {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-begun
		p.to.Cancel()
		sweeps(t, r, 3)
		more <- struct{}{}
		if resp, body := c.response("GET"); resp.StatusCode != http.StatusOK || body != "abcd" {
			t.Error(resp.Status, body)
		}
		_ = c.Close()
	}
}

// sweeps waits until the watch has run that often: it has its own clock.
func sweeps(t testing.TB, r running, times int) {
	t.Helper()
	for range times {
		fires := make(chan struct{})
		probe := socket.New(&net.TCPConn{}, r.watch)
		probe.InterruptWhen(sync.OnceValue(func() bool { close(fires); return false }))
		closed(t, "the watch looks", fires)
		_ = probe.Close()
	}
}

func TestCancel_OverH2C(t *testing.T) {
	asked, released := make(chan struct{}, 1), make(chan struct{})
	r, p := throughPlain(t, Config{Timeouts: brisk}, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		if r.Method == http.MethodPost {
			<-released
			return
		}
		<-r.Context().Done()
	})
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	p.to.Cancel()
	if err := failure(t, p); !errors.Is(err, ErrResponse) {
		t.Errorf("%v, want ErrAnswer", err)
	}
	c := dial(t, r.address)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	<-asked
	p.to.Cancel()
	close(released)
	if resp, _ := c.response("POST"); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

// declining declines every status from 500 on.
type declining struct{ none }

func (declining) Accepts(status int) bool { return status < 500 }

func TestForward_DropsDeclinedResponses(t *testing.T) {
	for name, c := range map[string]struct {
		ask, response  string
		declined, kept bool
	}{
		"whole":   {"GET", "503 Busy\r\nContent-Length: 2\r\n\r\nno", true, true},
		"part":    {"GET", "503 Busy\r\nContent-Length: 9\r\n\r\nno", true, false},
		"chunked": {"GET", "503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true, false},
		"head":    {"HEAD", "503 Busy\r\nContent-Length: 2\r\n\r\n", true, false},
		"fine":    {"GET", "200 OK\r\nContent-Length: 2\r\n\r\nok", false, true},
		"post":    {"POST", "503 Busy\r\nContent-Length: 2\r\n\r\nno", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			connected := make(chan int, 10)
			r, p := before(t, Config{}, func(p *peer, n int) {
				connected <- n
				for p.head() != "" {
					p.send("HTTP/1.1 %s", c.response)
					if !c.kept {
						_, _ = p.rest()
						return
					}
				}
			})
			p.hooks = declining{}
			v := dial(t, r.address)
			for range 2 {
				v.send("%s / HTTP/1.1\r\nHost: h\r\n\r\n", c.ask)
				resp, _ := v.response(c.ask)
				if got := resp.StatusCode == http.StatusBadGateway; got != c.declined {
					t.Error(resp.Status)
				}
				if !c.declined {
					continue
				}
				if err := failure(t, p); !errors.Is(err, ErrDeclined) || !strings.Contains(err.Error(), "503") {
					t.Error(err)
				}
			}
			if got := len(connected) == 1; got != c.kept {
				t.Errorf("%d connections", len(connected))
			}
		})
	}
}

func TestForward_DropsDeclinedResponsesOfH2C(t *testing.T) {
	r, p := throughPlain(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	p.hooks = declining{}
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if err := failure(t, p); !errors.Is(err, ErrDeclined) {
		t.Error(err)
	}
}

func TestDrain_OfATargetCutsWhatIsLeft(t *testing.T) {
	for name, part := range map[string]func(p *peer){
		"response": func(p *peer) { p.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab") },
		"tunnel": func(p *peer) {
			p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nab")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			r, p := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
				p.head()
				part(p)
				_, _ = p.rest()
				close(ended)
			})
			c := dial(t, r.address)
			c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			c.head()
			c.expect("ab")
			p.to.Drain(time.Hour)
			sweeps(t, r, 3)
			select {
			case <-ended:
				t.Error("it was cut off before its time")
			default:
			}
			p.to.Drain(time.Millisecond)
			closed(t, "it is cut off", ended)
			_, _ = c.rest()
		})
	}
}

func TestDrain_OfATargetKeepsNoConnection(t *testing.T) {
	connected, left := make(chan int, 10), make(chan int, 10)
	r, p := before(t, Config{}, func(p *peer, n int) {
		connected <- n
		named(p, n)
		left <- n
	})
	c := dial(t, r.address)
	c.get("/")
	p.to.Drain(time.Hour)
	c.get("/")
	c.get("/")
	for range 3 {
		<-left
	}
	p.to.Drain(0)
	c.get("/")
	c.get("/")
	if n := len(connected); n != 4 || len(left) > 0 {
		t.Errorf("%d connections, want 4: three that were not kept, and one that was", n)
	}
}

// waiting lets requests wait for their turn.
type waiting struct {
	turn   chan struct{}
	within time.Duration
	waits  chan error
}

func (w *waiting) Serve(x *Exchange) {
	err := x.Await(w.turn, w.within)
	w.waits <- err
	_ = x.Reply(http.StatusOK, header.Header{}, fmt.Append(nil, err))
}

func (w *waiting) Refuse(x *Exchange, _ *Refusal) { x.Abort() }

func TestAwait_EndsWithTheTurnOrTheTime(t *testing.T) {
	w := &waiting{turn: make(chan struct{}, 1), waits: make(chan error, 1)}
	r := serving(t, Config{Handler: w, Timeouts: brisk})
	w.turn <- struct{}{}
	dial(t, r.address).get("/")
	if err := <-w.waits; err != nil {
		t.Error(err)
	}
	w.within = time.Millisecond
	dial(t, r.address).get("/")
	if err := <-w.waits; !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want ErrTimeout", err)
	}
}

// Drain cancels what can be repeated elsewhere, as Cancel does.
func TestDrain_OfATargetGivesUpWhatMayBeRepeated(t *testing.T) {
	asked := make(chan struct{})
	r, p := before(t, Config{Timeouts: brisk}, func(p *peer, _ int) {
		p.head()
		close(asked)
		_, _ = p.rest()
	})
	c := dial(t, r.address)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	closed(t, "the target was asked", asked)
	p.to.Drain(time.Millisecond)
	if err := failure(t, p); !errors.Is(err, ErrResponse) || errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want ErrAnswer", err)
	}
}

func TestDrain_OfATargetOfH2CGivesUpWhatMayBeRepeated(t *testing.T) {
	asked := make(chan struct{}, 2)
	r, p := throughPlain(t, Config{Timeouts: brisk}, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	sendRaw(t, r.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	p.to.Drain(time.Millisecond)
	if err := failure(t, p); !errors.Is(err, ErrResponse) || !errors.Is(err, ErrCanceled) || errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want ErrAnswer and ErrRecalled", err)
	}
	p.to.Drain(0)
	sendRaw(t, r.address, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	<-asked
	p.to.Drain(time.Millisecond)
	if err := failure(t, p); errors.Is(err, ErrCanceled) {
		t.Errorf("%v: it may not be repeated", err)
	}
}
