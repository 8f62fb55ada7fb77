package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// watching returns a watch that runs until the test ends.
func watching(t testing.TB) *Watch {
	t.Helper()
	w := NewWatch(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

// pair returns both ends of a connection, the first as a socket.
func pair(t testing.TB, w *Watch) (*Socket, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = other.SetDeadline(time.Now().Add(patience))
	s := New(conn, w)
	t.Cleanup(func() { _ = s.Close(); _ = other.Close() })
	return s, other.(*net.TCPConn)
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// respondOnce reads one message of that length and sends a response.
func respondOnce(conn net.Conn, length int, response string) {
	if _, err := io.ReadFull(conn, make([]byte, length)); err == nil {
		_, _ = io.WriteString(conn, response)
	}
}

// ask sends a question, with Write for what Ask leaves, and reads the first bytes of the response.
func ask(s *Socket, question, in []byte, kept bool) (n int, err error) {
	n, sent, err := s.Ask(question, in, kept)
	if err != ErrPart {
		return n, err
	}
	if _, err := s.Write(question[sent:]); err != nil {
		return 0, err
	}
	return s.Read(in)
}

func TestSocket_AsksAndReadsTheResponse(t *testing.T) {
	s, other := pair(t, watching(t))
	in := make([]byte, 100)
	for _, kept := range []bool{false, true, true} {
		go respondOnce(other, 8, "response")
		n, err := ask(s, []byte("question"), in, kept)
		if err != nil || string(in[:n]) != "response" {
			t.Fatalf("%q, %v", in[:n], err)
		}
	}
}

func TestSocket_AsksMoreThanTheSendBufferTakes(t *testing.T) {
	s, other := pair(t, watching(t))
	question := bytes.Repeat([]byte("0123456789"), 1<<20)
	go respondOnce(other, len(question), "response")
	in := make([]byte, 100)
	if n, err := ask(s, question, in, true); err != nil || string(in[:n]) != "response" {
		t.Fatalf("%q, %v", in[:n], err)
	}
}

func TestSocket_AskFailsWhenThePeerEnds(t *testing.T) {
	s, other := pair(t, watching(t))
	go func() {
		_, _ = io.ReadFull(other, make([]byte, 8))
		_ = other.Close()
	}()
	if n, err := ask(s, []byte("question"), make([]byte, 10), false); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

func TestSocket_InterruptsWhatIsDue(t *testing.T) {
	s, _ := pair(t, watching(t))
	expired := make(chan struct{})
	s.OnDue(func() { close(expired) })
	s.Within(time.Hour)
	s.Within(20 * time.Millisecond)
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !s.Interrupted() {
		t.Errorf("%v, interrupted %v", err, s.Interrupted())
	}
	<-expired
	// It is for good.
	s.Within(time.Hour)
	_ = s.SetDeadline(time.Time{})
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after it was interrupted: %v", err)
	}
}

func TestSocket_WaitsForWhatIsPostponed(t *testing.T) {
	w := NewWatch(time.Millisecond)
	s, other := pair(t, w)
	s.Within(time.Millisecond)
	s.Within(0)
	pass(w, 10)
	_, _ = io.WriteString(other, "x")
	if n, err := s.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestSocket_TimesOutWritesToAPeerThatReadsNothing(t *testing.T) {
	s, _ := pair(t, watching(t))
	s.WriteTimeout(20 * time.Millisecond)
	if _, err := s.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a timeout", err)
	}
}

func TestSocket_WaitsForAPeerThatReadsSlowly(t *testing.T) {
	s, other := pair(t, watching(t))
	s.WriteTimeout(300 * time.Millisecond)
	const size = 16 << 20
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		buf := make([]byte, 256<<10)
		for left := size; left > 0; {
			<-tick.C
			n, err := other.Read(buf)
			if err != nil {
				done <- err
				return
			}
			left -= n
		}
		done <- nil
	}()
	if n, err := s.Write(make([]byte, size)); n != size || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Each direction has its own timeout: that of a Write which waits does not extend that of a Read.
func TestSocket_WritesHaveTheirOwnTimeout(t *testing.T) {
	for name, c := range map[string]struct{ write, within time.Duration }{
		"a read ends while a write may wait":   {time.Hour, time.Millisecond},
		"a write ends while a read may wait":   {time.Millisecond, time.Hour},
		"a write ends while a read has no end": {time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWatch(time.Millisecond)
			s, _ := pair(t, w)
			s.WriteTimeout(c.write)
			s.Within(time.Minute)
			ended := make(chan error, 1)
			go func() {
				_, err := s.Write(make([]byte, 64<<20))
				ended <- err
			}()
			eventually(t, "the write waits", func() bool { return s.writeDue.Load() != 0 })
			s.Within(c.within)
			eventually(t, "it is interrupted", func() bool {
				w.sweep(w.now.Add(1))
				return s.Interrupted()
			})
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the write ended with %v", err)
			}
		})
	}
}

// A time that is set while a Write waits still applies once the Write has ended.
func TestSocket_KeepsTheReadTimeoutDuringWrites(t *testing.T) {
	w := NewWatch(time.Millisecond)
	s, other := pair(t, w)
	s.WriteTimeout(time.Millisecond)
	s.Within(time.Hour)
	const size = 16 << 20
	ended := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, size))
		ended <- err
	}()
	eventually(t, "the write waits", func() bool { return s.writeDue.Load() != 0 })
	s.Within(0)
	if _, err := io.CopyN(io.Discard, other, size); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	pass(w, int64(2*time.Hour/time.Millisecond))
	if s.Interrupted() {
		t.Error("a time that was over came back, or that of the write stayed")
	}
}

func TestSocket_InterruptReadEndsOneRead(t *testing.T) {
	s, other := pair(t, watching(t))
	ended := make(chan error)
	go func() {
		_, err := s.Read(make([]byte, 1))
		ended <- err
	}()
	s.InterruptRead()
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || s.Interrupted() {
		t.Errorf("%v, interrupted %v", err, s.Interrupted())
	}
	s.ResumeRead()
	_, _ = io.WriteString(other, "x")
	if n, err := s.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("after it settled: %d, %v", n, err)
	}
}

func TestSocket_ResetShowsAsBroken(t *testing.T) {
	s, other := pair(t, watching(t))
	s.Reset()
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer saw %v", err)
	}
}

func TestSocket_CutsWhatWaitsForItsPeer(t *testing.T) {
	w := watching(t)
	client, _ := pair(t, w)
	target, _ := pair(t, w)
	client.NotifyClosed(target.Interruption())
	client.Cut()
	if !client.Interrupted() || !target.Interrupted() || !client.Disconnected() || !client.StopNotify() || client.StopNotify() {
		t.Error("the target was not interrupted, or not for that")
	}
}

func TestSocket_StopsToNotify(t *testing.T) {
	w := watching(t)
	client, _ := pair(t, w)
	target, _ := pair(t, w)
	client.NotifyClosed(target.Interruption())
	if client.StopNotify() {
		t.Error("nobody left")
	}
	client.Cut()
	if target.Interrupted() {
		t.Error("interrupted after it was let off")
	}
}

func TestSocket_LoopRespondsAndWaits(t *testing.T) {
	s, other := pair(t, watching(t))
	buf := make([]byte, 100)
	ended := make(chan error)
	var last error
	go func() {
		ended <- s.Loop(func() bool {
			for {
				n, err := s.TryRead(buf)
				if err == ErrAgain {
					return false
				}
				if err != nil {
					last = err
					return true
				}
				if _, err := s.Write(buf[:n]); err != nil {
					last = err
					return true
				}
			}
		})
	}()
	got := make([]byte, 5)
	for range 100 {
		_, _ = io.WriteString(other, "hello")
		if _, err := io.ReadFull(other, got); err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = other.Close()
	if err := <-ended; err != nil || last != io.EOF {
		t.Errorf("%v, %v", err, last)
	}
}
