package http1

import (
	"bytes"
	"errors"
	"math"

	"gateway/proxy/header"
)

// Limits of the chunked coding. The rest that a caller of Next has to keep is never longer, so that a buffer of MaxTrailers
// is enough for every body.
const (
	// MaxChunkLine is the most bytes that the line with the size of a chunk may have, with its extensions and end.
	MaxChunkLine = 256
	// MaxTrailers is the most bytes that the trailer section may have, and MaxTrailerFields the most field lines.
	MaxTrailers      = 4 << 10
	MaxTrailerFields = 64
)

// maxSizeDigits bounds the digits of a chunk's size, leading zeros included.
const maxSizeDigits = 16

// maxFraming limits the bytes of framing beyond the allowance of each chunk: 16, and two for each byte of data. net/http has
// the same limit.
const maxFraming = 16 << 10

// Decoder decodes the chunked coding (RFC 9112 section 7.1) of a body that arrives in pieces. The zero value is ready to use.
// It allocates memory only for trailer fields.
type Decoder struct {
	// Trailers has the trailer fields once the body has ended, without those that must not be trailers (RFC 9110 section
	// 6.5.1: framing, routing, authentication, ...). Its strings are borrowed from the last piece.
	Trailers header.Header
	// left is the number of bytes of the chunk that have not arrived.
	left int64
	// framing is the number of bytes of framing beyond the allowance, see maxFraming.
	framing int64
	state   state
	// Response reports that the body is that of a response: whitespace after the size of a chunk and before the colon of a
	// trailer field is then skipped. Reset keeps it.
	Response bool
}

// state is what the decoder expects next.
type state uint8

const (
	atSize state = iota
	inData
	afterData
	inTrailers
	atEnd
)

// Reset makes the decoder ready for another body, keeping its memory.
func (d *Decoder) Reset() { *d = Decoder{Trailers: d.Trailers[:0], Response: d.Response} }

// Next decodes the start of buf. It returns the next piece of the body, which is a part of buf and may be empty, and the
// number of bytes it consumed, the piece included. If it needs more bytes it returns ErrIncomplete; the caller then passes
// what is left of buf, which is short, before the next bytes. done reports that the body has ended. Any other error is an
// *Invalid, after which the decoder must be Reset. Chunk extensions are validated and dropped.
func (d *Decoder) Next(buf []byte) (piece []byte, n int, done bool, err error) {
	if d.state == afterData {
		if n, err = d.dataEnd(buf, 0); err != nil {
			return nil, n, false, err
		}
	}
	if d.state == atSize {
		if n, err = d.size(buf, n); err != nil {
			return nil, n, false, err
		}
	}
	switch d.state {
	case inData:
		return d.data(buf, n)
	case inTrailers:
		n, err = d.trailers(buf, n)
	}
	return nil, n, d.state == atEnd, err
}

// data returns the piece of a chunk's data that starts at n. If buf has all of the chunk, it reads its end too.
func (d *Decoder) data(buf []byte, n int) ([]byte, int, bool, error) {
	piece := buf[n:]
	if len(piece) == 0 {
		return nil, n, false, ErrIncomplete
	}
	if int64(len(piece)) < d.left {
		d.left -= int64(len(piece))
		return piece, len(buf), false, nil
	}
	piece = piece[:d.left]
	n += len(piece)
	d.state = afterData
	end, err := d.dataEnd(buf, n)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return nil, n, false, err
	}
	return piece, end, false, nil
}

// dataEnd reads the CRLF after the data of a chunk, which starts at n.
func (d *Decoder) dataEnd(buf []byte, n int) (int, error) {
	for i, c := range []byte("\r\n") {
		if n+i == len(buf) {
			return n, ErrIncomplete
		}
		if buf[n+i] != c {
			return n, badChunk
		}
	}
	d.state = atSize
	return n + 2, nil
}

// size reads the line with the size of a chunk, which starts at n, and returns where it ends.
func (d *Decoder) size(buf []byte, n int) (int, error) {
	size, digits := int64(0), n
	for ; digits < len(buf); digits++ {
		v := hexDigit(buf[digits])
		if v >= 16 {
			break
		}
		if size > (math.MaxInt64-int64(v))>>4 || digits-n == maxSizeDigits {
			return n, badSize
		}
		size = size<<4 | int64(v)
	}
	if digits == n && n < len(buf) {
		return n, badSize
	}
	line, next, err := cutLine(buf[:min(len(buf), n+MaxChunkLine)], n)
	if err != nil {
		return n, tooLong(err, len(buf)-n >= MaxChunkLine, longSize)
	}
	rest := line[digits-n:]
	if d.Response {
		rest = bytes.Trim(rest, " \t")
	}
	if len(rest) > 0 {
		if rest[0] != ';' {
			return n, badSize
		}
		if !areExtensions(rest) {
			return n, badExtension
		}
	}
	return next, d.begin(size, next-n)
}

// begin starts a chunk of that size, given the length of the line with its size.
func (d *Decoder) begin(size int64, line int) error {
	d.framing = max(d.framing+int64(line)-16-2*min(size, maxFraming), 0)
	if d.framing > maxFraming {
		return muchFraming
	}
	d.left, d.state = size, inData
	if size == 0 {
		d.state = inTrailers
	}
	return nil
}

// areExtensions reports whether b is a list of chunk extensions (RFC 9112 section 7.1.1), each after a ";". It does not
// accept whitespace, which the RFC asks recipients to skip: only attackers send it.
func areExtensions(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		n := tokenLength(b[1:])
		if n == 0 {
			return false
		}
		if b = b[1+n:]; len(b) > 0 && b[0] == '=' {
			if n = valueLength(b[1:]); n == 0 {
				return false
			}
			b = b[1+n:]
		}
	}
	return true
}

// valueLength is the length of the token or quoted string (RFC 9110 section 5.6.4) that b starts with, 0 without one.
func valueLength(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return tokenLength(b)
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		if i == len(b) || !isText(b[i:i+1]) {
			return 0
		}
	}
	return 0
}

// trailers reads the trailer section, which starts at n, and returns where it ends.
func (d *Decoder) trailers(buf []byte, n int) (int, error) {
	full := len(buf)-n >= MaxTrailers
	if bytes.HasPrefix(buf[n:], []byte("\r\n")) {
		d.state = atEnd
		return n + 2, nil
	}
	d.Trailers = d.Trailers[:0]
	section, next := buf[:min(len(buf), n+MaxTrailers)], n
	for lines := 0; ; lines++ {
		line, after, err := cutLine(section, next)
		if err != nil {
			return n, tooLong(err, full, longTrailers)
		}
		next = after
		if len(line) == 0 {
			break
		}
		if lines == MaxTrailerFields {
			return n, manyFields
		}
		if bad := d.trailer(line); bad != nil {
			return n, bad
		}
	}
	d.state = atEnd
	return next, nil
}

// trailer reads one line of the trailer section.
func (d *Decoder) trailer(line []byte) *Invalid {
	name, value, odd, bad := parseField(line)
	if d.Response {
		name, value, bad = parseResponseField(line)
	}
	if bad != nil {
		return bad
	}
	if odd && shadows(name) {
		return shadow
	}
	if kind := header.KindOf(name); IsTrailer(kind, name) {
		d.Trailers = append(d.Trailers, header.Field{Name: name, Value: value, Kind: kind})
	}
	return nil
}

// notTrailers are the names of the kind header.Other that must not be trailer fields: request modifiers, authentication,
// response control, and content format (RFC 9110 section 6.5.1).
var notTrailers = [...]string{
	"age", "cache-control", "content-encoding", "content-language", "content-range", "cookie2", "expires",
	"origin", "pragma", "range", "retry-after", "set-cookie2", "vary", "warning",
}

// IsTrailer reports whether a field of that kind and name may be in a trailer section. No field with a kind of its own may,
// since those are processed before the body.
func IsTrailer(kind header.Kind, name string) bool {
	if kind != header.Other || len(name) >= 3 && header.EqualFold(name[:3], "if-") {
		return false
	}
	for _, n := range notTrailers {
		if header.EqualFold(name, n) {
			return false
		}
	}
	return true
}
