package engine

import (
	"io"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"gateway/proxy/header"
	"gateway/proxy/http1"
)

// What can be wrong with the body of a request.
var (
	cutBody      = &http1.Invalid{Status: 400, Rule: "the body is shorter than its length", Section: "RFC 9114 section 4.1.2"}
	longBody     = &http1.Invalid{Status: 400, Rule: "the body is longer than its length", Section: "RFC 9114 section 4.1.2"}
	badTrailers  = &http1.Invalid{Status: 400, Rule: "the trailer section is malformed", Section: "RFC 9114 section 4.1.2"}
	longTrailers = &http1.Invalid{Status: 431, Rule: "the trailer section is too long", Section: "RFC 6585 section 5"}
)

// http3Body is the body of a request of HTTP/3. One goroutine reads.
type http3Body struct {
	http3Reader
	conn   *http3Conn
	stream *quic.Stream
	// received counts the bytes that were read.
	received *atomic.Int64
	// measured reports that there is a Content-Length, of which rest bytes are to come.
	measured bool
	rest     int64
	// ended reports that the trailer section was read.
	ended  bool
	fields header.Header
	block  []byte
	err    error
}

// begin prepares for the body of a request, -1 for one of unknown length.
func (b *http3Body) begin(received *atomic.Int64, length int64) {
	b.received, b.measured, b.rest, b.ended, b.err = received, length >= 0, length, false, nil
	b.fields = b.fields[:0]
}

// Read implements io.Reader. The error is io.EOF at the end; any other error is permanent.
func (b *http3Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	b.conn.readWithin(b.stream, b.conn.server.engine.config.Body)
	n, err := b.receive(p)
	b.received.Add(int64(n))
	b.err = err
	b.conn.judge(err)
	return n, err
}

func (b *http3Body) receive(p []byte) (int, error) {
	for b.left == 0 {
		kind, length, err := b.next()
		switch {
		case err == io.EOF && b.measured && b.rest > 0:
			return 0, cutBody
		case err != nil:
			return 0, err
		case kind == http3Headers && !b.ended:
			b.ended = true
			if err := b.readTrailers(length); err != nil {
				return 0, err
			}
		case kind != http3Data || b.ended:
			return 0, errFrameUnexpected
		case b.measured && length > uint64(b.rest): //nolint:gosec // It is not negative.
			return 0, longBody
		default:
			if b.left = length; length == 0 {
				err = b.skip(0)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	n, err := b.read(p)
	b.rest -= int64(n)
	return n, err
}

// readTrailers reads the trailer section, and drops what is no trailer field in HTTP/1.1.
func (b *http3Body) readTrailers(length uint64) error {
	if length > http1.MaxTrailers {
		return longTrailers
	}
	block, err := b.payload(b.block[:0], int(length))
	b.block = block
	if err != nil {
		return err
	}
	size := 0
	err = readFields(block, func(name, value string) error {
		if size += len(name) + len(value) + fieldOverhead; size > http1.MaxTrailers {
			return longTrailers
		}
		if checkField(name, value) != nil {
			return badTrailers
		}
		if kind := header.KindOf(name); http1.IsTrailer(kind, name) {
			b.fields.Append(kind, name, value)
		}
		return nil
	})
	return err
}

// trailers returns those of a body that was read to its end.
func (b *http3Body) trailers() header.Header { return b.fields }

// stopBody asks the client to send no more, since there is a response already (RFC 9114 section 4.1).
func (b *http3Body) stopBody() { b.stream.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError)) }

func (b *http3Body) settleBody() {}

var (
	_ io.Reader = (*http3Body)(nil)
	_ trailed   = (*http3Body)(nil)
)
