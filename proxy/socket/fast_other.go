//go:build !linux || portable

package socket

import "net"

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

// Usable is always true: sending shows what is not.
func (l *line) Usable() bool { return true }

func (l *line) hungUp() bool { return false }

func (l *line) doubtful() bool { return false }
