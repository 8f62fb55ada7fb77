package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

// unaccepting is an address with a full backlog: connections are neither accepted nor refused.
func unaccepting(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "")
	t.Cleanup(func() { _ = file.Close() })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	address := l.Addr().String()
	for range 10 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this system lets any number wait")
	return ""
}

// The time to connect may end just when there is a connection: nothing is sent then either, and the error says so.
func TestExchange_SendsNothingWhenItConnectsTooLate(t *testing.T) {
	came := make(chan string, 1)
	address := serve(t, H2C, func(_ http.ResponseWriter, r *http.Request) { came <- r.URL.Path })
	p := &hurrying{carrier{hooks: none{}, fails: make(chan error, 1)}, 0}
	r := serving(t, Config{Handler: p})
	for i := range 500 {
		p.to, p.within = r.Upstream(H2C, address), time.Duration(1+i)*2*time.Microsecond
		sendRaw(t, r.address, fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", i))
		select {
		case path := <-came:
			if path != fmt.Sprintf("/%d", i) {
				t.Fatalf("request %d: %s came", i, path)
			}
		case err := <-p.fails:
			if !errors.Is(err, ErrConnect) || !errors.Is(err, ErrTimeout) {
				t.Fatalf("request %d: %v, want ErrConnect and ErrTimeout", i, err)
			}
		}
		p.to.Close()
	}
}

// hurrying sets its own limit for connecting.
type hurrying struct {
	carrier
	within time.Duration
}

func (p *hurrying) Serve(x *Exchange) {
	x.Connect = p.within
	p.carrier.Serve(x)
}

// Exchange.Connect takes precedence over Timeouts.Connect, and nothing was sent.
func TestExchange_ConnectsInItsOwnTime(t *testing.T) {
	address := unaccepting(t)
	for _, scheme := range []Scheme{HTTP, HTTPS, H2C} {
		t.Run(string(scheme), func(t *testing.T) {
			p := &hurrying{carrier{hooks: none{}, fails: make(chan error, 1)}, soon}
			r := serving(t, Config{Handler: p, Timeouts: Timeouts{Connect: time.Hour}})
			p.to = r.Upstream(scheme, address)
			sendRaw(t, r.address, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
			if err := failure(t, &p.carrier); !errors.Is(err, ErrConnect) || !errors.Is(err, ErrTimeout) {
				t.Errorf("%v, want ErrConnect and ErrTimeout", err)
			}
		})
	}
}
