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

// answerOnce reads one message of that length and answers it.
func answerOnce(conn net.Conn, length int, answer string) {
	if _, err := io.ReadFull(conn, make([]byte, length)); err == nil {
		_, _ = io.WriteString(conn, answer)
	}
}

// ask has a question answered, and sends itself what Ask leaves.
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

func TestSocket_AsksAndReadsTheAnswer(t *testing.T) {
	s, other := pair(t, watching(t))
	in := make([]byte, 100)
	for _, kept := range []bool{false, true, true} {
		go answerOnce(other, 8, "answer")
		n, err := ask(s, []byte("question"), in, kept)
		if err != nil || string(in[:n]) != "answer" {
			t.Fatalf("%q, %v", in[:n], err)
		}
	}
}

func TestSocket_AsksMoreThanTheKernelTakesAtOnce(t *testing.T) {
	s, other := pair(t, watching(t))
	question := bytes.Repeat([]byte("0123456789"), 1<<20)
	go answerOnce(other, len(question), "answer")
	in := make([]byte, 100)
	if n, err := ask(s, question, in, true); err != nil || string(in[:n]) != "answer" {
		t.Fatalf("%q, %v", in[:n], err)
	}
}

func TestSocket_EndsToAskWhereThePeerEnds(t *testing.T) {
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

func TestSocket_WaitsForWhatIsNotDueAnyMore(t *testing.T) {
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

func TestSocket_LosesPatienceWithAPeerThatTakesNothing(t *testing.T) {
	s, _ := pair(t, watching(t))
	s.Patience(20 * time.Millisecond)
	if _, err := s.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a timeout", err)
	}
}

func TestSocket_HasPatienceWithAPeerThatTakesALittle(t *testing.T) {
	s, other := pair(t, watching(t))
	s.Patience(300 * time.Millisecond)
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

// Each direction has its own time: that of a Write which waits is not that of a Read, and gives none back.
func TestSocket_WritesInATimeOfTheirOwn(t *testing.T) {
	for name, c := range map[string]struct{ patience, within time.Duration }{
		"a read ends while a write may wait":   {time.Hour, time.Millisecond},
		"a write ends while a read may wait":   {time.Millisecond, time.Hour},
		"a write ends while a read has no end": {time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWatch(time.Millisecond)
			s, _ := pair(t, w)
			s.Patience(c.patience)
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

// What was awaited again while a Write waited stays so when that has ended.
func TestSocket_KeepsWhatWasAwaitedMeanwhile(t *testing.T) {
	w := NewWatch(time.Millisecond)
	s, other := pair(t, w)
	s.Patience(time.Millisecond)
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

func TestSocket_NudgesAReaderOnce(t *testing.T) {
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
	if !client.Interrupted() || !target.Interrupted() || !client.Gone() || !client.StopNotify() || client.StopNotify() {
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

func TestSocket_LoopAnswersAndWaits(t *testing.T) {
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
