package engine

import (
	"io"
	"slices"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"gateway/proxy/header"
)

// The types of frames (RFC 9114 section 7.2). Those of HTTP/2 that have no counterpart are reserved.
const (
	http3Data, http3Headers, http3CancelPush, http3Settings = 0x0, 0x1, 0x3, 0x4
	http3PushPromise, http3GoAway, http3MaxPushID           = 0x5, 0x7, 0xd
)

// The types of unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2).
const (
	http3Control, http3Push, http3Encoder, http3Decoder = 0, 1, 2, 3
)

// maxSkipped is the most bytes in the frames of one stream that are skipped, since their types are unknown.
const maxSkipped = 64 << 10

// http3Error is why a stream or, if it says so, the whole connection ends.
type http3Error struct {
	code http3.ErrCode
	conn bool
}

// Error implements error.
func (e *http3Error) Error() string { return "the client broke the protocol: " + e.code.String() }

var (
	errFrameUnexpected = &http3Error{http3.ErrCodeFrameUnexpected, true}
	errFrame           = &http3Error{http3.ErrCodeFrameError, true}
	errFieldSection    = &http3Error{http3.ErrCodeQPACKDecompressionFailed, true}
	errExcessiveLoad   = &http3Error{http3.ErrCodeExcessiveLoad, true}
	errMessage         = &http3Error{http3.ErrCodeMessageError, false}
)

// http3Reader reads the frames of one stream.
type http3Reader struct {
	from io.Reader
	// buf[start:end] was read and not used; eof reports that nothing follows.
	buf        [2 << 10]byte
	start, end int
	eof        bool
	// left is the number of bytes to come of the payload of a DATA frame, skipped that of those that were skipped.
	left    uint64
	skipped uint64
}

func (r *http3Reader) reset(from io.Reader) {
	r.from, r.start, r.end, r.eof, r.left, r.skipped = from, 0, 0, false, 0, 0
}

// empty reports that nothing that was read is left.
func (r *http3Reader) empty() bool { return r.start == r.end }

// fill reads more. The error is io.EOF at the end of the stream.
func (r *http3Reader) fill() error {
	if r.eof {
		return io.EOF
	}
	if r.start > 0 {
		r.end = copy(r.buf[:], r.buf[r.start:r.end])
		r.start = 0
	}
	n, err := r.from.Read(r.buf[r.end:])
	r.end += n
	r.eof = err == io.EOF
	if n > 0 {
		// An error comes again with the next read.
		return nil
	}
	return err
}

// frame reads the type and the length of the next frame. The error is io.EOF at the end of the stream.
func (r *http3Reader) frame() (kind, length uint64, err error) {
	for {
		if kind, n, err := quicvarint.Parse(r.buf[r.start:r.end]); err == nil {
			if length, m, err := quicvarint.Parse(r.buf[r.start+n : r.end]); err == nil {
				r.start += n + m
				return kind, length, nil
			}
		}
		began := !r.empty()
		if err := r.fill(); err != nil {
			if err == io.EOF && began {
				err = errFrame
			}
			return 0, 0, err
		}
	}
}

// number reads an integer, such as the type of a stream.
func (r *http3Reader) number() (uint64, error) {
	for {
		if value, n, err := quicvarint.Parse(r.buf[r.start:r.end]); err == nil {
			r.start += n
			return value, nil
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
}

// next reads frames up to one of a known type, and skips the others (RFC 9114 section 9).
func (r *http3Reader) next() (kind, length uint64, err error) {
	for {
		kind, length, err = r.frame()
		if err != nil {
			return 0, 0, err
		}
		switch kind {
		case http3Data, http3Headers, http3CancelPush, http3Settings, http3PushPromise, http3GoAway, http3MaxPushID:
			return kind, length, nil
		case 0x2, 0x6, 0x8, 0x9:
			return 0, 0, errFrameUnexpected
		}
		if err := r.skip(length); err != nil {
			return 0, 0, err
		}
	}
}

// skip discards the payload of a frame.
func (r *http3Reader) skip(length uint64) error {
	// An empty frame costs something too.
	if r.skipped += length + 1; length > maxSkipped || r.skipped > maxSkipped {
		return errExcessiveLoad
	}
	for length > 0 {
		if r.empty() {
			if err := r.fill(); err != nil {
				return cutFrame(err)
			}
		}
		n := min(length, uint64(r.end-r.start)) //nolint:gosec // It is not negative.
		r.start += int(n)                       //nolint:gosec // It is at most the length of buf.
		length -= n
	}
	return nil
}

// payload appends the payload of a frame, whose length the caller has checked.
func (r *http3Reader) payload(to []byte, length int) ([]byte, error) {
	for length > 0 {
		if r.empty() {
			if err := r.fill(); err != nil {
				return to, cutFrame(err)
			}
		}
		n := min(length, r.end-r.start)
		to = append(to, r.buf[r.start:r.start+n]...)
		r.start += n
		length -= n
	}
	return to, nil
}

// cutFrame is the error of a stream that ends within a frame (RFC 9114 section 7.1).
func cutFrame(err error) error {
	if err == io.EOF {
		return errFrame
	}
	return err
}

// read reads from the payload of a DATA frame, of which some is left.
func (r *http3Reader) read(p []byte) (int, error) {
	if uint64(len(p)) > r.left {
		p = p[:r.left]
	}
	var n int
	var err error
	if r.empty() && !r.eof && len(p) >= len(r.buf) {
		n, err = r.from.Read(p)
		if r.eof = err == io.EOF; n > 0 {
			err = nil
		}
	} else {
		if r.empty() {
			if err := r.fill(); err != nil {
				return 0, cutFrame(err)
			}
		}
		n = copy(p, r.buf[r.start:r.end])
		r.start += n
	}
	r.left -= uint64(n) //nolint:gosec // It is not negative.
	return n, cutFrame(err)
}

// fieldEncoder encodes field sections (RFC 9204), without a dynamic table.
type fieldEncoder struct {
	encoder *qpack.Encoder
	block   []byte
}

// Write implements io.Writer for the encoder.
func (f *fieldEncoder) Write(p []byte) (int, error) {
	f.block = append(f.block, p...)
	return len(p), nil
}

// begin begins a field section.
func (f *fieldEncoder) begin() {
	if f.encoder == nil {
		f.encoder = qpack.NewEncoder(f)
	}
	f.block = f.block[:0]
}

// add adds a field, whose name is in lower case. It cannot fail, since Write does not.
func (f *fieldEncoder) add(name, value string) {
	_ = f.encoder.WriteField(qpack.HeaderField{Name: name, Value: value})
}

// addAll adds the fields that are not hop-by-hop.
func (f *fieldEncoder) addAll(h header.Header) {
	for i := range h {
		if !header.Hop.Has(h[i].Kind) && sendable(h[i].Value) {
			f.add(lowered(h[i].Name), h[i].Value)
		}
	}
}

// frame appends the field section as a HEADERS frame.
func (f *fieldEncoder) frame(out []byte) []byte {
	_ = f.encoder.Close()
	out = quicvarint.Append(out, http3Headers)
	out = quicvarint.Append(out, uint64(len(f.block)))
	return append(out, f.block...)
}

// sendable reports whether a value has no control characters, for which clients take a response for malformed.
func sendable(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// lowered is a name in lower case (RFC 9114 section 4.2).
func lowered(name string) string {
	at := 0
	for at < len(name) && (name[at] < 'A' || name[at] > 'Z') {
		at++
	}
	if at == len(name) {
		return name
	}
	lower := []byte(name)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c | 0x20
		}
	}
	return string(lower)
}

// readFields decodes a field section. It ends at the first error of take.
func readFields(block []byte, take func(name, value string) error) error {
	next := new(qpack.Decoder).Decode(block)
	for {
		f, err := next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return errFieldSection
		}
		if err := take(f.Name, f.Value); err != nil {
			return err
		}
	}
}

// hopNames are the fields that make a message malformed (RFC 9114 section 4.2).
var hopNames = []string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}

// checkField reports whether a field is well formed: if it is not, it could end a line of HTTP/1.1.
func checkField(name, value string) error {
	if name == "" || slices.Contains(hopNames, name) || name == "te" && value != "trailers" {
		return errMessage
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' || 'A' <= c && c <= 'Z' {
			return errMessage
		}
	}
	for i := range len(value) {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return errMessage
		}
	}
	return nil
}
