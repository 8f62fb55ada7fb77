package poll

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Loopback is 127.0.0.n, or 127.0.1.0 for 256, and so on: every address of 127.0.0.0/8 is this machine's on Linux.
func Loopback(n int) [4]byte { return [4]byte{127, 0, byte(n >> 8), byte(n)} }

func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("making a socket: %w", err)
	}
	return fd, nil
}

// Listen returns a listening socket on the nth loopback address.
func Listen(n, port int) (int, error) {
	fd, err := socket()
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, fmt.Errorf("making a socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: Loopback(n)}); err != nil {
		return 0, fmt.Errorf("listening on port %d: %w", port, err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return 0, fmt.Errorf("listening on port %d: %w", port, err)
	}
	return fd, nil
}

// Accept takes the next connection; it reports false when there is none.
func Accept(listener int) (int, bool) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, false
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return fd, true
}

// Dial begins a connection to a port of 127.0.0.1, from the nth loopback address or, with 0, from the one that the kernel
// takes. It is there once the socket is writable.
func Dial(from, port int) (int, error) {
	fd, err := socket()
	if err != nil {
		return 0, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if from > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: Loopback(from)}); err != nil {
			Close(fd)
			return 0, fmt.Errorf("connecting from another address: %w", err)
		}
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: Loopback(1)}); err != nil && err != unix.EINPROGRESS {
		Close(fd)
		return 0, fmt.Errorf("connecting: %w", err)
	}
	return fd, nil
}

// Close closes a descriptor.
func Close(fd int) { _ = unix.Close(fd) }

// Timer returns a descriptor that becomes readable at every interval; it reads as the number of intervals since.
func Timer(interval time.Duration) (int, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("making a timer: %w", err)
	}
	each := unix.NsecToTimespec(interval.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		return 0, fmt.Errorf("setting a timer: %w", err)
	}
	return fd, nil
}
