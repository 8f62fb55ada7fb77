package engine

import "net"

// inbox is what was read from a client and is not used yet.
type inbox struct {
	// in[from:to] was read and not used. What is before from may be borrowed by the exchange.
	in       []byte
	from, to int
	// seen is how far in was searched for the end of a head.
	seen int
}

// reset makes the memory the inbox, with nothing in it.
func (b *inbox) reset(memory []byte) { *b = inbox{in: memory} }

// preface begins every connection of HTTP/2 (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// prefaced reports that the client speaks HTTP/2, or may be about to.
func (b *inbox) prefaced() (whole, part bool) {
	got := b.in[b.from:b.to]
	if len(got) < len(preface) {
		return false, string(got) == preface[:len(got)]
	}
	return string(got[:len(preface)]) == preface, false
}

// more reports that something follows which was read, or that there was no room to find out.
func (b *inbox) more() bool { return b.from < b.to || b.to == len(b.in) }

// makeRoom makes sure that more of a head can be read behind the part that is there, up to a limit.
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

// replay is a connection of which some bytes were read already.
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
