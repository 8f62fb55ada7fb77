package engine

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// h2cUpload is the body of a request to a target that speaks HTTP/2. The library reads it in its own goroutine, perhaps
// for longer than the exchange lasts; after stop, nothing more is read from the client.
type h2cUpload struct {
	x       *Exchange
	request *http.Request
	// waiting is interrupted when the client disconnects while nothing is read from it.
	waiting *socket.Interruption
	// stalled limits how long the target may pause in reading.
	stalled wait
	stopped atomic.Bool
	// reading is held while the client's body is read.
	reading sync.Mutex
}

// newUpload announces the trailer fields that the client announced: the library cannot send others.
func newUpload(c *h2cForwarding, request *http.Request, waiting *socket.Interruption) *h2cUpload {
	u := &h2cUpload{x: c.x, request: request, waiting: waiting}
	u.stalled.late = func() { c.cancel(errSlow) }
	names := request.Header["Trailer"]
	delete(request.Header, "Trailer")
	if c.x.trailer == nil {
		return u
	}
	for _, list := range names {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(strings.Trim(name, " \t"))
			if kind := header.KindOf(name); name == "" || kind == header.Trailer || header.Hop.Has(kind) {
				continue
			}
			if request.Trailer == nil {
				request.Trailer = http.Header{}
			}
			request.Trailer[name] = nil
		}
	}
	return u
}

var errStopped = errors.New("the exchange has ended")

// Read implements io.Reader.
func (u *h2cUpload) Read(p []byte) (int, error) {
	u.reading.Lock()
	defer u.reading.Unlock()
	u.stalled.pause()
	if u.stopped.Load() {
		return 0, errStopped
	}
	n, err := u.x.body.Read(p)
	switch {
	case err == io.EOF:
		u.complete()
	case err != nil:
		u.x.failBody(err)
	default:
		u.stalled.begin(u.x.engine.config.Response)
	}
	return n, err
}

// complete passes the trailers on, and watches the client, from which nothing is read any more.
func (u *h2cUpload) complete() {
	if u.x.trailer != nil {
		for _, f := range u.x.trailer.trailers() {
			name := textproto.CanonicalMIMEHeaderKey(f.Name)
			if values, announced := u.request.Trailer[name]; announced {
				u.request.Trailer[strings.Clone(name)] = append(values, strings.Clone(f.Value))
			}
		}
	}
	u.x.client.watch(u.waiting, underWay)
}

// Close implements io.Closer. The body is closed by stop.
func (u *h2cUpload) Close() error {
	u.stalled.pause()
	return nil
}

// stop ends reading. Later reads by the library fail.
func (u *h2cUpload) stop() {
	u.stopped.Store(true)
	if !u.reading.TryLock() {
		u.x.client.stopBody()
		u.reading.Lock()
	}
	u.stalled.pause()
	u.reading.Unlock()
	u.x.client.settleBody()
}

var _ io.ReadCloser = (*h2cUpload)(nil)
