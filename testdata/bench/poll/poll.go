// Package poll is the little of epoll that the backend and the load tool need, without the Go runtime between them and
// the kernel: both share one core, and whatever they cost is missing to the proxy under test. It is for single-threaded
// programs on Linux. It knows nothing of HTTP.
package poll

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events that a wait reports. All are edge-triggered: read and write until the kernel has no more.
const (
	Readable = unix.EPOLLIN | Hangup
	Hangup   = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	Writable = unix.EPOLLOUT
)

// Set is a set of descriptors to wait for.
type Set struct {
	fd     int
	events [512]unix.EpollEvent
}

// Open makes an empty set.
func Open() (*Set, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll set: %w", err)
	}
	return &Set{fd: fd}, nil
}

// Add waits for everything on a descriptor from now on, until it is closed.
func (s *Set) Add(fd int) error {
	const edges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | 1<<31 // EPOLLET
	event := unix.EpollEvent{Events: edges, Fd: int32(fd)}
	if err := unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watching a descriptor: %w", err)
	}
	return nil
}

// Wait returns what happened, after at most the given milliseconds. The slice is valid until the next call.
func (s *Set) Wait(milliseconds int) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(s.fd, s.events[:], milliseconds)
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("waiting: %w", err)
	}
	return s.events[:n], nil
}

// Read is read(2) on a non-blocking descriptor.
func Read(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// Discard drops up to n received bytes without copying them, and returns how many.
func Discard(fd, n int) (int, unix.Errno) {
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), unix.MSG_TRUNC, 0, 0)
	return int(got), errno
}

// Write is send(2) on a non-blocking descriptor, without SIGPIPE.
func Write(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
