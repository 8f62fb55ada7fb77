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

// line reads from and writes to a connection.
type line struct {
	conn net.Conn
	fast
}

// fast makes its own system calls. The callbacks are made once, so that no call allocates.
type fast struct {
	// raw is nil for a connection that has no descriptor.
	raw   syscall.RawConn
	clock *clock
	// fd is valid only within the callbacks of raw; looping reports that Loop runs, which is within one callback.
	fd      uintptr
	looping bool
	// dry reports that the last TryRead of Loop found nothing, not even an end.
	dry bool
	// doubt asks the watch to check whether the peer has disconnected.
	doubt atomic.Bool

	reader, asker, writer, looper func(fd uintptr) bool

	in, out       []byte
	step          func() bool
	got, sent     int
	inErr, outErr error
	asking        phase
	// stall is that of the write in progress.
	stall stall
}

// phase is the progress of Ask.
type phase uint8

const (
	checking phase = iota
	writing
	waiting
)

func (l *line) bind(clock *clock) {
	l.clock = clock
	c, ok := l.conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	l.raw, l.reader, l.asker, l.writer, l.looper = raw, l.onRead, l.onAsk, l.onWrite, l.onLoop
}

// Read implements io.Reader: it waits until there is something.
func (l *line) Read(p []byte) (int, error) {
	if l.raw == nil {
		return l.conn.Read(p)
	}
	if l.looping {
		return 0, errors.New("Read within Loop would wait forever")
	}
	if len(p) == 0 {
		return 0, nil
	}
	l.in = p
	err := l.raw.Read(l.reader)
	l.in = nil
	if err != nil {
		return 0, err
	}
	return l.got, l.inErr
}

func (f *fast) onRead(fd uintptr) bool {
	f.got, f.inErr = read(fd, f.in)
	return f.inErr != ErrAgain
}

// Ask writes out and then waits for the first bytes of the response, which it reads into in. For a kept connection it first
// checks whether it can still be used: if not, the error is ErrStale. sent is the number of bytes written. If the send
// buffer is full, the error is ErrPart: write the rest with Write, and read the response with Read. Bytes that arrive while
// out is sent count as the response.
func (l *line) Ask(out, in []byte, kept bool) (n, sent int, err error) {
	if l.raw == nil {
		return 0, 0, ErrPart
	}
	l.in, l.out, l.sent, l.outErr, l.asking = in, out, 0, nil, writing
	if kept {
		l.asking = checking
	}
	err = l.raw.Read(l.asker)
	l.in, l.out = nil, nil
	switch {
	case err != nil:
		return 0, l.sent, err
	case l.asking == waiting:
		return l.got, l.sent, l.inErr
	}
	return 0, l.sent, l.outErr
}

// onAsk checks, writes, and lets the poller wait before it reads: the readiness cannot have come before the first call of
// the callback, since the check found nothing to read. Without a check it reads at once: the peer may have sent something
// before, whose readiness is consumed already.
func (f *fast) onAsk(fd uintptr) bool {
	checked := f.asking == checking
	if f.asking == checking {
		if readable(fd) {
			f.outErr = ErrStale
			return true
		}
		f.asking = writing
	}
	if f.asking == writing {
		f.sent, f.outErr = write(fd, f.out)
		if f.outErr == ErrAgain || f.outErr == nil && f.sent < len(f.out) {
			// The send buffer is full.
			f.outErr = ErrPart
		}
		if f.outErr != nil {
			return true
		}
		f.asking = waiting
		if checked {
			return false
		}
	}
	f.got, f.inErr = read(fd, f.in)
	return f.inErr != ErrAgain
}

// Write implements io.Writer: it returns when the kernel has all of p.
func (l *line) Write(p []byte) (int, error) {
	if l.raw == nil {
		return writePlainly(l.conn, l.clock, p)
	}
	if l.looping {
		// Usually the send buffer has room, and the callback holds the descriptor.
		n, err := write(l.fd, p)
		if err == nil && n == len(p) {
			return n, nil
		}
		if err != nil && err != ErrAgain {
			return n, err
		}
		rest, err := l.writeAll(p[n:])
		return n + rest, err
	}
	return l.writeAll(p)
}

func (f *fast) writeAll(p []byte) (int, error) {
	f.out, f.sent = p, 0
	err := f.raw.Write(f.writer)
	f.stall.end(f.clock)
	f.out = nil
	if err != nil {
		return f.sent, err
	}
	return f.sent, f.outErr
}

func (f *fast) onWrite(fd uintptr) bool {
	for f.sent < len(f.out) {
		n, err := write(fd, f.out[f.sent:])
		f.sent += n
		f.outErr = err
		if err == ErrAgain {
			f.stall.begin(f.clock)
			return false
		}
		if err != nil {
			return true
		}
	}
	f.outErr = nil
	return true
}

// Loop calls step each time that the socket may have become readable, until step returns true. step reads only with TryRead,
// and returns false only after an ErrAgain or a read that did not fill its buffer. A readiness that comes while step runs is
// not lost, so that step need not read until ErrAgain. If it does not, the watch checks later whether the peer has
// disconnected, which costs more than the read if it is done each time. Nothing else may read meanwhile.
func (l *line) Loop(step func() bool) error {
	if l.raw == nil {
		for !step() {
		}
		return nil
	}
	l.step = step
	err := l.raw.Read(l.looper)
	l.looping, l.step = false, nil
	return err
}

func (f *fast) onLoop(fd uintptr) bool {
	f.looping, f.fd, f.dry = true, fd, false
	if f.step() {
		return true
	}
	if !f.dry {
		// An end that came together with the last bytes causes no further readiness: let the watch check once.
		f.doubt.Store(true)
		f.clock.watch.checkSoon(f.clock.socket)
	}
	return false
}

// TryRead reads what has arrived. Within Loop it does not wait; see there.
func (l *line) TryRead(p []byte) (int, error) {
	if l.looping {
		n, err := read(l.fd, p)
		l.dry = err == ErrAgain
		return n, err
	}
	return l.Read(p)
}

// takeDoubt reports, once for each time that Loop began to wait, that the watch should check the socket.
func (l *line) takeDoubt() bool { return l.doubt.Load() && l.doubt.Swap(false) }

// hungUp reports that the peer has closed its side, and that the connection is broken.
func (l *line) hungUp() (ended, broken bool) {
	if l.raw == nil {
		return false, false
	}
	const pollRDHUP = 0x2000
	poll := struct {
		fd              int32
		events, revents int16
	}{events: pollRDHUP}
	_ = l.raw.Control(func(fd uintptr) {
		poll.fd = int32(fd)
		var now syscall.Timespec
		n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno == 0 && n > 0 {
			// POLLERR and POLLHUP are always reported.
			ended, broken = poll.revents&pollRDHUP != 0, poll.revents&^pollRDHUP != 0
		}
	})
	return ended, broken
}

// probe lets the kernel check every few seconds whether a peer that has ended its side still exists.
func (l *line) probe() {
	if l.raw == nil {
		return
	}
	// After an error the probes stay as they were.
	_ = l.raw.Control(func(fd uintptr) { _ = keepAlive(fd, keepIdleEnded) })
}

// readable reports that a read would return at once: with data, the end, or an error.
func readable(fd uintptr) bool {
	var peeked [1]byte
	_, waits := peek(fd, peeked[:])
	return !waits
}

// peek copies what a read would return at once, and reports whether it would wait.
func peek(fd uintptr, p []byte) (n int, waits bool) {
	got, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno == syscall.EAGAIN
	}
	return int(got), false
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
