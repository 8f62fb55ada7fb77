package socket

import "net"

// writePlainly is Write by the net package. It writes a piece at a time, each with the write timeout.
func writePlainly(conn net.Conn, c *clock, p []byte) (int, error) {
	const piece = 64 << 10
	var w stall
	defer w.end(c)
	sent := 0
	for {
		w.begin(c)
		n, err := conn.Write(p[sent:min(sent+piece, len(p))])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// Usable reports that the peer has not closed a kept connection, as far as the system knows, and has sent nothing
// unsolicited.
func (l *line) Usable() bool {
	if l.raw == nil {
		return true
	}
	unsolicited := true
	err := l.raw.Control(func(fd uintptr) { unsolicited = readable(fd) })
	return err == nil && !unsolicited
}

// Peek copies the beginning of the bytes that arrived and were not read, without consuming them. On systems that cannot
// tell, n is 0.
func (l *line) Peek(p []byte) (n int) {
	if l.raw == nil || len(p) == 0 {
		return 0
	}
	// After an error there is nothing to copy.
	_ = l.raw.Control(func(fd uintptr) { n, _ = peek(fd, p) })
	return n
}
