//go:build !linux || portable

package socket

import (
	"net"
	"syscall"
)

// line reads from and writes to a connection by the net package.
type line struct {
	conn  net.Conn
	clock *clock
	// raw is nil for a connection that has no descriptor.
	raw syscall.RawConn
}

func (l *line) bind(clock *clock) {
	l.clock = clock
	if c, ok := l.conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			l.raw = raw
		}
	}
}

// Read implements io.Reader.
func (l *line) Read(p []byte) (int, error) { return l.conn.Read(p) }

// Write implements io.Writer.
func (l *line) Write(p []byte) (int, error) { return writePlainly(l.conn, l.clock, p) }

// Ask saves system calls on Linux. Here it only checks whether a kept connection can still be used: if not, the error is
// ErrStale, otherwise ErrPart: nothing was sent, so send out with Write and read the response with Read.
func (l *line) Ask(_, _ []byte, kept bool) (n, sent int, err error) {
	if kept && !l.Usable() {
		return 0, 0, ErrStale
	}
	return 0, 0, ErrPart
}

// Loop calls step until it returns true.
func (l *line) Loop(step func() bool) error {
	for !step() {
	}
	return nil
}

// TryRead is Read: it waits.
func (l *line) TryRead(p []byte) (int, error) { return l.conn.Read(p) }

func (l *line) hungUp() (ended, broken bool) { return false, false }

func (l *line) probe() {}

func (l *line) takeDoubt() bool { return false }
