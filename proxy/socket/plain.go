package socket

// writePlainly is Write by way of the net package. A piece at a time, so that each has its patience.
func (s *Socket) writePlainly(p []byte) (int, error) {
	const piece = 64 << 10
	sent := 0
	for {
		s.Within(s.patience)
		n, err := s.conn.Write(p[sent:min(sent+piece, len(p))])
		sent += n
		if err != nil || sent == len(p) {
			s.Within(0)
			return sent, err
		}
	}
}

// askPlainly is Ask by way of the net package.
func (s *Socket) askPlainly(out, in []byte) (n int, sent bool, err error) {
	written, err := s.conn.Write(out)
	if err != nil {
		return 0, written > 0, err
	}
	n, err = s.conn.Read(in)
	return n, true, err
}
