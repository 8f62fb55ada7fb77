package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"gateway/proxy/header"
)

// ErrLength says that the target speaks HTTP/1.0, which has no chunked coding, and that the length of the request's
// body is unknown: either the body is too large to be buffered, or it was sent before the target's version was known,
// and a response that reports success cannot be trusted. Nothing of a response was sent to the client, which may repeat
// the request with a length (RFC 9110 section 15.5.12).
var ErrLength = errors.New("the target needs to know the length of the body")

const (
	// maxBuffered is the most bytes of a body that is buffered, maxBufferedTotal that of all such bodies together.
	maxBuffered      = 1 << 20
	maxBufferedTotal = 32 << 20
)

// bufferBody reads a body of unknown length into memory if the target speaks HTTP/1.0: a client must not send chunks to
// a server that may not understand them (RFC 9112 section 6.1). It drops the trailer fields.
func (f *forwarding) bufferBody() error {
	f.unknown = f.to.known.version.Load() == 0
	if f.x.body == nil || !f.to.known.http10() {
		return nil
	}
	if err := f.sendContinue(); err != nil || f.x.Request.Length >= 0 {
		return err
	}
	// Claim memory before reading, so that the limit holds at any time, and twice, since sending makes a copy.
	var whole []byte
	for {
		if len(whole) == cap(whole) {
			more := max(len(whole), largeBuffer/8)
			if len(whole) >= maxBuffered || !f.x.claimMemory(2*int64(more)) {
				return ErrLength
			}
			whole = slices.Grow(whole, more)
		}
		n, err := f.x.body.Read(whole[len(whole):cap(whole)])
		whole = whole[:len(whole)+n]
		if len(whole) > maxBuffered {
			return ErrLength
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			f.x.failBody(err)
			return f.x.bodyErr()
		}
	}
	f.x.body, f.x.spliced, f.x.trailer = nil, nil, nil
	f.x.whole, f.x.Request.Length = whole, int64(len(whole))
	return nil
}

// claimMemory claims memory for a buffered body, until releaseBody. It reports whether the limit allows it.
func (x *Exchange) claimMemory(n int64) bool {
	x.claimed += n
	return x.engine.bodyMemory.Add(n) <= maxBufferedTotal
}

// releaseBody releases a buffered body: the exchange has ended, or the body is not sent.
func (x *Exchange) releaseBody() {
	if x.claimed > 0 {
		x.engine.bodyMemory.Add(-x.claimed)
		x.claimed, x.whole = 0, nil
	}
}

// sendContinue sends 100 Continue to a client that waits for it (RFC 9110 section 10.1.1): the target would not.
func (f *forwarding) sendContinue() error {
	if _, waits := f.x.Request.Header.First(header.Expect); !waits {
		return nil
	}
	f.x.Request.Header.Drop(header.SetOf(header.Expect))
	if err := f.x.client.inform(http.StatusContinue, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return nil
}

// unstored reports a response that claims success for a body which the target cannot have read: the body was sent in
// chunks while the version of the target was unknown, and the target speaks HTTP/1.0. A target that once responded with
// HTTP/1.1 can read chunks.
func (f *forwarding) unstored() bool {
	a := &f.x.response
	return f.unknown && f.sending != nil && f.x.Request.Length < 0 && a.Minor == 0 && a.Status >= 200 && a.Status < 300
}
