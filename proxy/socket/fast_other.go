//go:build !linux || portable

package socket

import (
	"errors"
	"net"
)

// line is what bytes go over, by way of the net package.
type line struct {
	conn  net.Conn
	clock *clock
}

func (l *line) bind(clock *clock) { l.clock = clock }

// Read implements io.Reader.
func (l *line) Read(p []byte) (int, error) { return l.conn.Read(p) }

// Write implements io.Writer.
func (l *line) Write(p []byte) (int, error) { return writePlainly(l.conn, l.clock, p) }

// Ask writes all of out and then waits for the first bytes that come back. Whether a kept connection can still be used
// is not known here: sending shows it.
func (l *line) Ask(out, in []byte, _ bool) (n int, sent bool, err error) {
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

// Splices is always false: what is there to be moved cannot be known without reading it.
func (l *line) Splices() bool { return false }

// Ready is not for these sockets, see Splices.
func (l *line) Ready() (int, error) { return 0, errors.ErrUnsupported }

// Usable is always true: sending shows what is not.
func (l *line) Usable() bool { return true }

func (l *line) hungUp() bool { return false }

func (l *line) doubtful() bool { return false }
