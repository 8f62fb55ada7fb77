package engine

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"gateway/proxy/header"
)

// http2Body is the body of a request of HTTP/2.
type http2Body struct {
	request *http.Request
	// received counts the bytes that were read.
	received *atomic.Int64
	// timeout is how long the client may pause while its body is awaited.
	timeout time.Duration
	reading wait
}

// Read implements io.Reader.
func (b *http2Body) Read(p []byte) (int, error) {
	if !b.reading.begin(b.timeout) {
		return 0, errDisconnected
	}
	n, err := b.request.Body.Read(p)
	b.received.Add(int64(n))
	b.reading.pause()
	return n, err
}

// trailers returns those of a body that was read to its end, if they were announced: the library drops others.
func (b *http2Body) trailers() header.Header { return trailersIn(b.request.Trailer) }

func (b *http2Body) stopBody() { _ = b.request.Body.Close() }

func (b *http2Body) settleBody() {}

var (
	_ io.Reader = (*http2Body)(nil)
	_ trailed   = (*http2Body)(nil)
)
