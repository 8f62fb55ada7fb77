package engine

import "net"

// inbox has the bytes that were read from a client and not used.
type inbox struct {
	// in[from:to] was read and not used. The exchange may borrow what is before from.
	in       []byte
	from, to int
	// seen is the end of what was searched for the end of a head.
	seen int
}

// reset makes memory an empty inbox.
func (b *inbox) reset(memory []byte) { *b = inbox{in: memory} }

// preface begins every connection of HTTP/2 (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// prefaced reports whether the input begins with all of the preface, or is a part of it.
func (b *inbox) prefaced() (whole, part bool) {
	got := b.in[b.from:b.to]
	if len(got) < len(preface) {
		return false, string(got) == preface[:len(got)]
	}
	return string(got[:len(preface)]) == preface, false
}

// more reports that more was read, or that the buffer was full.
func (b *inbox) more() bool { return b.from < b.to || b.to == len(b.in) }

// makeRoom makes room to read more of a head, up to a limit.
func (b *inbox) makeRoom(limit int) {
	if b.from > 0 {
		b.seen -= b.from
		b.to = copy(b.in, b.in[b.from:b.to])
		b.from = 0
	}
	if b.to == len(b.in) {
		grown := make([]byte, min(2*len(b.in), limit))
		copy(grown, b.in)
		b.in = grown
	}
}

// replay is a connection that first returns bytes that were read before.
type replay struct {
	net.Conn
	rest []byte
}

// Read implements io.Reader.
func (r *replay) Read(p []byte) (int, error) {
	if len(r.rest) > 0 {
		n := copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}
