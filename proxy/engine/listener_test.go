package engine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// frail is a listener that breaks when it is told to.
type frail struct {
	net.Listener
	breaks chan error
}

func (f *frail) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	if err == nil {
		return conn, nil
	}
	return nil, <-f.breaks
}

// A listener that broke is reported at once, and its connections continue.
func TestServe_ReportsABrokenListenerAtOnce(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &frail{inner, make(chan error, 1)}
	p := &carrier{hooks: none{}}
	e := New(Config{Handler: p})
	defer e.Close()
	p.to = e.Upstream(HTTP, acting(t, func(p *peer, _ int) { repeating(p, 0) }))
	broke, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		e.Serve(l, false, func(err error) { broke <- err })
	}()
	v := dial(t, inner.Addr().String())
	v.get("/before")
	wrong := errors.New("it broke")
	l.breaks <- wrong
	_ = inner.Close()
	select {
	case err := <-broke:
		if err != wrong {
			t.Errorf("reported %v", err)
		}
	case <-time.After(patience):
		t.Error("nobody was informed")
	}
	if _, body := v.get("/after"); body != "/after" {
		t.Errorf("%q", body)
	}
	select {
	case <-ended:
		t.Error("Serve left a connection behind")
	default:
	}
	e.Drain(context.Background())
	closed(t, "Serve returns", ended)
}

// exhausting is a listener without file descriptors.
type exhausting struct{ closed chan struct{} }

func (l *exhausting) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
		return nil, syscall.EMFILE
	}
}

func (l *exhausting) Close() error {
	close(l.closed)
	return nil
}

func (l *exhausting) Addr() net.Addr { return nil }

func TestServe_DoesNotFillTheLogWhenDescriptorsAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		e := New(Config{Handler: &carrier{}, Log: slog.New(slog.NewTextHandler(&said, nil))})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.Serve(&exhausting{make(chan struct{})}, false, func(err error) { t.Error(err) })
		}()
		time.Sleep(25 * time.Second)
		e.Drain(t.Context())
		<-ended
		e.Close()
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "tries=1") || !strings.Contains(lines[1], "tries=200") {
			t.Errorf("logged:\n%s", &said)
		}
	})
}
