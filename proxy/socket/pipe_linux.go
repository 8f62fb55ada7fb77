//go:build linux && !portable

package socket

import (
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
)

// Pipe moves bytes from socket to socket within the kernel, by splice(2). One goroutine at a time may use it.
type Pipe struct {
	in, out int
	// held is the number of bytes in it; most, got and err are those of the call in progress.
	held, most, got int
	err             error
	fill, empty     func(fd uintptr) bool
	to              *clock
	stall           stall
	// unused closes the ends of a pipe that the garbage collector takes.
	unused runtime.Cleanup
}

const (
	// pipeSize is the capacity of a pipe, if the system allows it; it also limits how long a call takes.
	pipeSize = 512 << 10
	// From linux/splice.h and linux/fcntl.h.
	spliceMove, spliceNonblock = 1, 2
	setPipeSize                = 1031
)

// pipes are unused. Those that the garbage collector frees are closed.
var pipes sync.Pool

// NewPipe returns a pipe, or nil when the system has none left. Release gives it back.
func NewPipe() *Pipe {
	if p, ok := pipes.Get().(*Pipe); ok {
		return p
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil
	}
	// If it fails, the pipe is smaller, which costs more calls.
	_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(ends[0]), setPipeSize, pipeSize)
	p := &Pipe{in: ends[1], out: ends[0]}
	p.fill, p.empty = p.onFill, p.onEmpty
	p.unused = runtime.AddCleanup(p, closeEnds, ends)
	return p
}

func closeEnds(ends [2]int) {
	_ = syscall.Close(ends[0])
	_ = syscall.Close(ends[1])
}

// Release returns the pipe for another use. It closes a pipe that still holds bytes: otherwise aborted transfers would use up
// descriptors faster than the garbage collector frees them.
func (p *Pipe) Release() {
	p.to = nil
	if p.held == 0 {
		pipes.Put(p)
		return
	}
	p.unused.Stop()
	closeEnds([2]int{p.out, p.in})
}

// Splices reports that a Pipe can fill from this socket and empty to it.
func (l *line) Splices() bool { return l.raw != nil }

// Fill waits until the socket is readable and moves up to most bytes into the pipe. The error is io.EOF at the end.
func (p *Pipe) Fill(from *Socket, most int64) (int, error) {
	p.most = int(min(most, pipeSize))
	if err := from.raw.Read(p.fill); err != nil {
		return 0, err
	}
	return p.got, p.err
}

func (p *Pipe) onFill(fd uintptr) bool {
	p.got, p.err = splice(int(fd), p.in, p.most)
	p.held += p.got
	if p.got == 0 && p.err == nil {
		p.err = io.EOF
	}
	return p.err != ErrAgain
}

// Empty moves all bytes of the pipe to the socket. WriteTimeout applies as for Write.
func (p *Pipe) Empty(to *Socket) error {
	p.to, p.err = &to.clock, nil
	err := to.raw.Write(p.empty)
	p.stall.end(p.to)
	if err != nil {
		return err
	}
	return p.err
}

func (p *Pipe) onEmpty(fd uintptr) bool {
	for p.held > 0 {
		n, err := splice(p.out, int(fd), p.held)
		p.held -= n
		if err == ErrAgain {
			p.stall.begin(p.to)
			return false
		}
		if err != nil {
			p.err = err
			return true
		}
	}
	return true
}

// splice never waits. It does not inform the scheduler, which would give the processor to another thread in the middle of a
// large transfer and make both threads wait for each other.
func splice(from, to, most int) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(most), spliceMove|spliceNonblock)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, ErrAgain
		default:
			return 0, &net.OpError{Op: "splice", Net: "tcp", Err: errno}
		}
	}
}
