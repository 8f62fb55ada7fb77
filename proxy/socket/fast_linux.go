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

// line is what bytes go over.
type line struct {
	conn net.Conn
	fast
}

// fast talks to the kernel by itself. The callbacks are made once, so that no call allocates.
type fast struct {
	// raw is nil for a connection that has no descriptor.
	raw   syscall.RawConn
	clock *clock
	// fd is valid inside of the callbacks of raw alone; looping reports that Loop runs, whose callback lasts.
	fd      uintptr
	looping bool
	// dry reports that the last TryRead of Loop found nothing, not even an end.
	dry bool
	// doubt asks the watch to look whether the peer has hung up.
	doubt atomic.Bool

	reader, asker, writer, looper func(fd uintptr) bool

	in, out       []byte
	step          func() bool
	got, sent     int
	inErr, outErr error
	asking        phase
	// stall is the write under way's.
	stall stall
}

// phase is how far Ask got.
type phase uint8

const (
	looking phase = iota
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
		return 0, errors.New("reading with Read inside of Loop would wait forever")
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

// Ask writes all of out and then waits for the first bytes that come back, which it reads into in. For a connection that
// was kept it first looks whether it still can be used: if not, the error is ErrStale. sent is how much of out left. When
// that is not all, since it takes a wait, the error is ErrPart: the rest is for Write, and the response for Read. Whatever
// comes in while out is on its way is taken for the response.
func (l *line) Ask(out, in []byte, kept bool) (n, sent int, err error) {
	if l.raw == nil {
		return 0, 0, ErrPart
	}
	l.in, l.out, l.sent, l.outErr, l.asking = in, out, 0, nil, writing
	if kept {
		l.asking = looking
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

// onAsk looks, writes, and has the poller wait before it reads: the readiness that this waits for cannot have come
// before the callback was first called, since nothing was there when it looked. Where it did not look it reads at once:
// a peer may speak before it is asked, and that readiness is over.
func (f *fast) onAsk(fd uintptr) bool {
	looked := f.asking == looking
	if f.asking == looking {
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
		if looked {
			return false
		}
	}
	f.got, f.inErr = read(fd, f.in)
	return f.inErr != ErrAgain
}

// Write implements io.Writer: it returns when all of p is in the kernel's hands.
func (l *line) Write(p []byte) (int, error) {
	if l.raw == nil {
		return writePlainly(l.conn, l.clock, p)
	}
	if l.looping {
		// Most often there is room, and the descriptor is held already.
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

// Loop calls step, and again each time that the socket may have become readable, until it returns true. Inside, only
// TryRead reads: step returns false when that says ErrAgain or fills less than it could, and not otherwise. A readiness
// that shows while step is busy is not lost, so that no read is needed to find out that there is nothing to read: without
// it the watch looks later whether the peer has hung up, which costs more than that read where it is done each time.
// Nothing else may read meanwhile.
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
		// An end that came together with the last bytes shows in no further readiness: the watch looks once.
		f.doubt.Store(true)
		f.clock.watch.soon(f.clock.socket)
	}
	return false
}

// TryRead reads what there is. Inside of Loop it does not wait; see there.
func (l *line) TryRead(p []byte) (int, error) {
	if l.looping {
		n, err := read(l.fd, p)
		l.dry = err == ErrAgain
		return n, err
	}
	return l.Read(p)
}

// doubtful reports, once each time that Loop began to wait, that the watch should look at the socket.
func (l *line) doubtful() bool { return l.doubt.Load() && l.doubt.Swap(false) }

// hungUp reports that the peer has closed its side, and that the connection broke.
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
			// POLLERR and POLLHUP are told unasked.
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
	// What fails leaves the probes as they were.
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
