//go:build linux && !portable

package socket

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// fast is what a socket needs to talk to the kernel by itself. The callbacks are made once, so that no call allocates.
type fast struct {
	raw syscall.RawConn
	// fd is valid inside of the callbacks of raw alone; looping reports that Loop runs, whose callback lasts.
	fd      uintptr
	looping bool
	// doubt asks the watch to look whether the peer has hung up.
	doubt atomic.Bool

	reader, asker, writer, looper func(fd uintptr) bool

	in, out       []byte
	step          func() bool
	got, sent     int
	inErr, outErr error
	asking        phase
	// waited reports that the write under way had to wait.
	waited bool
}

// phase is how far Ask got.
type phase uint8

const (
	looking phase = iota
	writing
	waiting
)

func (s *Socket) bind() {
	c, ok := s.conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	s.raw, s.reader, s.asker, s.writer, s.looper = raw, s.onRead, s.onAsk, s.onWrite, s.onLoop
}

// Read implements io.Reader: it waits until there is something.
func (s *Socket) Read(p []byte) (int, error) {
	if s.raw == nil {
		return s.conn.Read(p)
	}
	if s.looping {
		return 0, errors.New("reading with Read inside of Loop would wait forever")
	}
	if len(p) == 0 {
		return 0, nil
	}
	s.in = p
	err := s.raw.Read(s.reader)
	s.in = nil
	if err != nil {
		return 0, err
	}
	return s.got, s.inErr
}

func (s *Socket) onRead(fd uintptr) bool {
	s.got, s.inErr = read(fd, s.in)
	return s.inErr != ErrAgain
}

// Ask writes all of out and then waits for the first bytes that come back, which it reads into in. For a connection that
// was kept it first looks whether it still can be used: if not, the error is ErrStale. sent tells whether any byte of out
// may have left. Whatever comes in while out is on its way is taken for the answer.
func (s *Socket) Ask(out, in []byte, kept bool) (n int, sent bool, err error) {
	if s.raw == nil {
		return s.askPlainly(out, in)
	}
	s.in, s.out, s.sent, s.outErr, s.asking = in, out, 0, nil, writing
	if kept {
		s.asking = looking
	}
	err = s.raw.Read(s.asker)
	out, s.in, s.out = s.out, nil, nil
	switch {
	case err != nil:
		return 0, s.sent > 0, err
	case s.asking == waiting:
		return s.got, true, s.inErr
	case s.outErr != ErrAgain:
		return 0, s.sent > 0, s.outErr
	}
	// The send buffer is full.
	if _, err := s.Write(out[s.sent:]); err != nil {
		return 0, true, err
	}
	n, err = s.Read(in)
	return n, true, err
}

// onAsk looks, writes, and has the poller wait before it reads: the readiness that this waits for cannot have come
// before the callback was first called, since nothing was asked then.
func (s *Socket) onAsk(fd uintptr) bool {
	if s.asking == looking {
		if readable(fd) {
			s.outErr = ErrStale
			return true
		}
		s.asking = writing
	}
	if s.asking == writing {
		s.sent, s.outErr = write(fd, s.out)
		if s.outErr == nil && s.sent < len(s.out) {
			s.outErr = ErrAgain
		}
		if s.outErr != nil {
			return true
		}
		s.asking = waiting
		return false
	}
	s.got, s.inErr = read(fd, s.in)
	return s.inErr != ErrAgain
}

// Write implements io.Writer: it returns when all of p is in the kernel's hands.
func (s *Socket) Write(p []byte) (int, error) {
	if s.raw == nil {
		return s.writePlainly(p)
	}
	if s.looping {
		// Most often there is room, and the descriptor is held already.
		n, err := write(s.fd, p)
		if err == nil && n == len(p) {
			return n, nil
		}
		if err != nil && err != ErrAgain {
			return n, err
		}
		rest, err := s.writeAll(p[n:])
		return n + rest, err
	}
	return s.writeAll(p)
}

func (s *Socket) writeAll(p []byte) (int, error) {
	s.out, s.sent = p, 0
	err := s.raw.Write(s.writer)
	s.out = nil
	if err != nil {
		return s.sent, err
	}
	return s.sent, s.outErr
}

func (s *Socket) onWrite(fd uintptr) bool {
	for s.sent < len(s.out) {
		n, err := write(fd, s.out[s.sent:])
		s.sent += n
		s.outErr = err
		if err == ErrAgain {
			s.waited = true
			s.Within(s.patience)
			return false
		}
		if err != nil {
			return true
		}
	}
	if s.waited {
		s.waited = false
		s.Within(0)
	}
	s.outErr = nil
	return true
}

// Loop calls step, and again each time that the socket may have become readable, until it returns true. Inside, only
// TryRead reads: step returns false when that says ErrAgain or fills less than it could, and not otherwise. A readiness that shows while step is busy
// is not lost, so that no read is needed to find out that there is nothing to read. Nothing else may read meanwhile.
func (s *Socket) Loop(step func() bool) error {
	if s.raw == nil {
		for !step() {
		}
		return nil
	}
	s.step = step
	err := s.raw.Read(s.looper)
	s.looping, s.step = false, nil
	return err
}

func (s *Socket) onLoop(fd uintptr) bool {
	s.looping, s.fd = true, fd
	if s.step() {
		return true
	}
	// An end that came together with the last bytes shows in no further readiness: the watch looks once.
	s.doubt.Store(true)
	return false
}

// TryRead reads what there is. Inside of Loop it does not wait; see there.
func (s *Socket) TryRead(p []byte) (int, error) {
	if s.looping {
		return read(s.fd, p)
	}
	return s.Read(p)
}

// Usable reports that a kept connection was not closed by its peer, and that nothing came in that nobody asked for.
func (s *Socket) Usable() bool {
	if s.raw == nil {
		return true
	}
	spoke := true
	err := s.raw.Control(func(fd uintptr) { spoke = readable(fd) })
	return err == nil && !spoke
}

// doubtful reports, once each time that Loop began to wait, that the watch should look at the socket.
func (s *Socket) doubtful() bool { return s.doubt.Load() && s.doubt.Swap(false) }

// hungUp reports that the peer has closed its side, or that the connection broke.
func (s *Socket) hungUp() bool {
	if s.raw == nil {
		return false
	}
	const pollRDHUP = 0x2000
	poll := struct {
		fd              int32
		events, revents int16
	}{events: pollRDHUP}
	gone := false
	_ = s.raw.Control(func(fd uintptr) {
		poll.fd = int32(fd)
		var now syscall.Timespec
		n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		gone = errno == 0 && n > 0
	})
	return gone
}

// readable reports that a read would return at once: with data, the end, or an error.
func readable(fd uintptr) bool {
	var peeked [1]byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&peeked[0])), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno != syscall.EAGAIN
}

// read never waits: the descriptors are non-blocking.
func read(fd uintptr, p []byte) (int, error) {
	for {
		n, errno := sysRead(fd, p)
		switch errno {
		case 0:
			if n == 0 && len(p) > 0 {
				return 0, io.EOF
			}
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, ErrAgain
		default:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: errno}
		}
	}
}

// write never waits, and may write a part.
func write(fd uintptr, p []byte) (int, error) {
	for {
		n, errno := sysWrite(fd, p)
		switch errno {
		case 0:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, ErrAgain
		default:
			return 0, &net.OpError{Op: "write", Net: "tcp", Err: errno}
		}
	}
}
