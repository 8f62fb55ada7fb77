package socket

import "net"

// writePlainly is Write by way of the net package. A piece at a time, so that each has its patience.
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

// Usable reports that a kept connection was not closed by its peer, as far as the system tells, and that nothing came in
// that nobody asked for.
func (l *line) Usable() bool {
	if l.raw == nil {
		return true
	}
	spoke := true
	err := l.raw.Control(func(fd uintptr) { spoke = readable(fd) })
	return err == nil && !spoke
}

// Peek copies the beginning of what came in and nobody has read, as far as the system tells, and leaves it there.
func (l *line) Peek(p []byte) (n int) {
	if l.raw == nil || len(p) == 0 {
		return 0
	}
	// What fails has nothing to show.
	_ = l.raw.Control(func(fd uintptr) { n, _ = peek(fd, p) })
	return n
}
