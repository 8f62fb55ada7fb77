package engine

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// unaccepting is an address whose connections are neither accepted nor refused: the line before it is full.
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

// hurried has targets take a connection soon.
type hurried struct{ carrier }

func (p *hurried) Serve(x *Exchange) {
	x.Connect = soon
	p.carrier.Serve(x)
}

// Exchange.Connect goes before Timeouts.Connect, and nothing was sent then.
func TestExchange_ConnectsInItsOwnTime(t *testing.T) {
	address := unaccepting(t)
	for _, scheme := range []Scheme{HTTP, HTTPS, H2C} {
		t.Run(string(scheme), func(t *testing.T) {
			p := &hurried{carrier{hooks: none{}, fails: make(chan error, 1)}}
			r := serving(t, Config{Handler: p, Timeouts: Timeouts{Connect: time.Hour}})
			p.to = r.Upstream(scheme, address)
			say(t, r.address, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
			if err := failure(t, &p.carrier); !errors.Is(err, ErrConnect) || !errors.Is(err, ErrTimeout) {
				t.Errorf("%v, want ErrConnect and ErrTimeout", err)
			}
		})
	}
}
