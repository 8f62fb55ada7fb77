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
