package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"gateway/proxy/header"
)

// ErrLength says that the target speaks HTTP/1.0, which knows no chunked coding, and that the length of the request's body
// is not known: the body is too large to be counted, or it was sent before the target's version was known and a response of
// success is not to be believed. Nothing of a response was sent to the client, who may send the request with a length (RFC
// 9110 section 15.5.12).
var ErrLength = errors.New("the target needs to know the length of the body")

const (
	// maxBuffered is how long a body may be that is counted, mostCounting how much memory all of them may have at once.
	maxBuffered      = 1 << 20
	maxBufferedTotal = 32 << 20
)

// bufferBody makes a body without a length one with a length, for a target that speaks HTTP/1.0: a client must not send chunks
// unless it knows that they are understood (RFC 9112 section 6.1). The trailer fields are left out.
func (f *forwarding) bufferBody() error {
	f.unknown = f.to.known.version.Load() == 0
	if f.x.body == nil || !f.to.known.http10() {
		return nil
	}
	if err := f.sendContinue(); err != nil || f.x.Request.Length >= 0 {
		return err
	}
	// More is claimed before it is read, so that all together never have more than they may, and for what is sent too,
	// which is a copy.
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

// claimMemory claims memory for a body that is counted, until uncount. It reports whether there is as much.
func (x *Exchange) claimMemory(n int64) bool {
	x.claimed += n
	return x.engine.bodyMemory.Add(n) <= maxBufferedTotal
}

// releaseBody gives the memory of a body that was counted back: the exchange has ended, or the body is not sent.
func (x *Exchange) releaseBody() {
	if x.claimed > 0 {
		x.engine.bodyMemory.Add(-x.claimed)
		x.claimed, x.whole = 0, nil
	}
}

// sendContinue asks for the body of a request that waits to be told (RFC 9110 section 10.1.1): the target never would.
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

// unstored reports a response that claims success for a body that the target cannot have read: it was sent in chunks when
// nothing was known of the target, and that turns out to speak HTTP/1.0. One that answered in HTTP/1.1 before reads
// chunks, whatever this answer says.
func (f *forwarding) unstored() bool {
	a := &f.x.response
	return f.unknown && f.sending != nil && f.x.Request.Length < 0 && a.Minor == 0 && a.Status >= 200 && a.Status < 300
}
