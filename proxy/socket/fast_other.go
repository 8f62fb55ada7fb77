//go:build !linux || portable

package socket

// fast is empty: the net package does it all.
type fast struct{}

func (s *Socket) bind() {}

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) { return s.conn.Read(p) }

// Write implements io.Writer.
func (s *Socket) Write(p []byte) (int, error) { return s.writePlainly(p) }

// Ask writes all of out and then waits for the first bytes that come back. Whether a kept connection can still be used
// is not known here: sending shows it.
func (s *Socket) Ask(out, in []byte, _ bool) (n int, sent bool, err error) {
	return s.askPlainly(out, in)
}

// Loop calls step until it returns true.
func (s *Socket) Loop(step func() bool) error {
	for !step() {
	}
	return nil
}

// TryRead reads, and waits for something to read.
func (s *Socket) TryRead(p []byte) (int, error) { return s.conn.Read(p) }

// Usable is always true: sending shows what is not.
func (s *Socket) Usable() bool { return true }

func (s *Socket) hungUp() bool { return false }

func (s *Socket) doubtful() bool { return false }
