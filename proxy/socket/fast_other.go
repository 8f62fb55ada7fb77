//go:build !linux || portable

package socket

import (
	"net"
	"syscall"
)

// line is what bytes go over, by way of the net package.
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

// Ask writes all of out and then waits for the first bytes that come back, which it reads into in. For a connection that
// was kept it first looks whether it still can be used: if not, the error is ErrStale. sent tells whether any byte of out
// may have left.
func (l *line) Ask(out, in []byte, kept bool) (n int, sent bool, err error) {
	if kept && !l.Usable() {
		return 0, false, ErrStale
	}
	return askPlainly(l.conn, out, in)
}

// Loop calls step until it returns true.
func (l *line) Loop(step func() bool) error {
	for !step() {
	}
	return nil
}

// TryRead reads, and waits for something to read.
func (l *line) TryRead(p []byte) (int, error) { return l.conn.Read(p) }

func (l *line) hungUp() bool { return false }

func (l *line) doubtful() bool { return false }
