//go:build linux && !portable

package socket

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestSocket_NoticesAKeptConnectionThatEnded(t *testing.T) {
	s, other := pair(t, watching(t))
	_ = other.Close()
	eventually(t, "the end arrives", func() bool { return !s.Usable() })
	if n, sent, err := s.Ask([]byte("question"), make([]byte, 10), true); n != 0 || sent != 0 || err != ErrStale {
		t.Errorf("%d, sent %d, %v; want ErrStale", n, sent, err)
	}
}

func TestSocket_NoticesUnsolicitedBytesOnAKeptConnection(t *testing.T) {
	s, other := pair(t, watching(t))
	_, _ = io.WriteString(other, "HTTP/1.1 408 Request Timeout\r\n\r\n")
	eventually(t, "it arrives", func() bool { return !s.Usable() })
	if _, sent, err := s.Ask([]byte("question"), make([]byte, 10), true); sent != 0 || err != ErrStale {
		t.Errorf("sent %d, %v; want ErrStale", sent, err)
	}
}

func TestSocket_InterruptsTheTargetOfAClientThatDisconnected(t *testing.T) {
	w := watching(t)
	client, leaving := pair(t, w)
	target, _ := pair(t, w)
	client.NotifyClosed(target.Interruption())
	waiting := make(chan error)
	go func() {
		_, err := target.Read(make([]byte, 1))
		waiting <- err
	}()
	_ = leaving.Close()
	if err := <-waiting; err == nil || !client.StopNotify() {
		t.Errorf("%v; the client's end is not said", err)
	}
}

// A step that reads until ErrAgain has seen that there is no end, and needs no check by the watch.
func TestSocket_LoopLetsTheWatchCheckOnlyInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		reads  int
		checks bool
	}{"a short read": {1, true}, "a read of nothing": {2, false}} {
		t.Run(name, func(t *testing.T) {
			s, other := pair(t, NewWatch(time.Hour))
			_, _ = io.WriteString(other, "half a head")
			eventually(t, "it arrives", func() bool { return !s.Usable() })
			stepped, ended := make(chan struct{}, 100), make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.Loop(func() bool {
					for range c.reads {
						_, _ = s.TryRead(make([]byte, 100))
					}
					stepped <- struct{}{}
					return false
				})
			}()
			<-stepped
			if c.checks {
				eventually(t, "the watch is to check", func() bool { return s.checkAt.Load() != never })
			}
			s.Interrupt()
			<-ended
			if checks := s.checkAt.Load() != never; checks != c.checks {
				t.Errorf("the watch is to check: %v, want %v", checks, c.checks)
			}
		})
	}
}

// An end that comes together with the last bytes causes no readiness of its own.
func TestSocket_LoopNoticesAnEndThatCameWithTheLastBytes(t *testing.T) {
	s, other := pair(t, watching(t))
	_, _ = io.WriteString(other, "last")
	_ = other.Close()
	eventually(t, "the end arrives", func() bool { ended, _ := s.hungUp(); return ended })
	if _, broken := s.hungUp(); broken {
		t.Error("a peer that ended its side is taken for one that disconnected")
	}
	buf := make([]byte, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Either the end is read, or the watch finds it.
		_ = s.Loop(func() bool {
			_, err := s.TryRead(buf)
			return err != nil && err != ErrAgain
		})
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the end was not noticed")
	}
}

// A readiness that comes while step runs is not lost.
func TestSocket_LoopLosesNoReadiness(t *testing.T) {
	s, other := pair(t, NewWatch(time.Hour))
	buf := make([]byte, 4)
	steps := 0
	err := s.Loop(func() bool {
		steps++
		n, _ := s.TryRead(buf)
		if steps == 1 {
			_, _ = io.WriteString(other, "a")
			return false
		}
		if steps == 2 && n == 1 {
			// While this step goes on, the next bytes arrive.
			_, _ = io.WriteString(other, "b")
			eventually(t, "it arrives", func() bool { return !s.Usable() })
			return false
		}
		return true
	})
	if err != nil || steps != 3 {
		t.Errorf("%d steps, %v", steps, err)
	}
}

func TestSocket_AllocatesNothing(t *testing.T) {
	s, other := pair(t, NewWatch(time.Hour))
	ready, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stop)
		buf := make([]byte, 8)
		close(ready)
		for {
			if _, err := io.ReadFull(other, buf); err != nil {
				return
			}
			if _, err := other.Write(buf); err != nil {
				return
			}
		}
	}()
	<-ready
	question, in := []byte("question"), make([]byte, 100)
	client, _ := pair(t, NewWatch(time.Hour))
	allocs := testing.AllocsPerRun(100, func() {
		client.Within(time.Minute)
		client.NotifyClosed(s.Interruption())
		if _, _, err := s.Ask(question, in, true); err != nil {
			t.Fatal(err)
		}
		client.StopNotify()
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a question", allocs)
	}
	runtime.KeepAlive(other)
	_ = s.Close()
	<-stop
}

func TestListen_ProbesItsConnections(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string][3]int{
		"SO_KEEPALIVE": {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		"TCP_KEEPIDLE": {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, keepIdle},
		"TCP_NODELAY":  {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
	} {
		got := 0
		_ = raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), option[0], option[1]) })
		if err != nil || got != option[2] {
			t.Errorf("%s is %d, %v; want %d", name, got, err, option[2])
		}
	}
}

// What a target sends before it is asked causes no readiness afterwards.
func TestSocket_TakesTheResponseOfAPeerThatSentFirst(t *testing.T) {
	s, other := pair(t, watching(t))
	_, _ = io.WriteString(other, "response")
	// The poller consumes the readiness only when nothing else is to be done.
	ticks := 0
	eventually(t, "it arrives", func() bool { ticks++; return ticks > 5 && !s.Usable() })
	s.Within(time.Second)
	in := make([]byte, 10)
	if n, sent, err := s.Ask([]byte("question"), in, false); err != nil || sent != 8 || string(in[:n]) != "response" {
		t.Errorf("%q, sent %d, %v", in[:n], sent, err)
	}
}

// A peer that has ended its side and disconnected responds to probes as long as its system remembers the connection.
func TestSocket_DetectsAPeerThatDisconnectsAfterItsEnd(t *testing.T) {
	w := watching(t)
	client, leaving := pair(t, w)
	target, _ := pair(t, w)
	client.NotifyBroken(target.Interruption())
	// Listeners that the system passes on may set no probes.
	_ = client.line.conn.(*net.TCPConn).SetKeepAlive(false)
	raw, err := leaving.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = leaving.Close()
	eventually(t, "it is found out", target.Interrupted)
	if !client.StopNotify() {
		t.Error("the client's end is not said")
	}
}
