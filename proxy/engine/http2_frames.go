package engine

import (
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// frameHead is the length of a frame's header (RFC 9113 section 4.1).
	frameHead = 9
	// refusedStream is the error code for a request that was not processed and may be repeated (RFC 9113 section 8.7).
	refusedStream = 7
)

// The types of frames (RFC 9113 section 6).
const (
	frameData    = 0
	frameHeaders = 1
	frameReset   = 3
)

// The allowance for frames other than bodies and heads (RFC 9113 section 10.5). Each such frame takes one of the
// connection's allowance. That begins at its maximum, and grows with each request, with each frame of a response's
// body, since clients acknowledge these, and with each second. A client that uses it up floods the gateway.
const (
	allowance          = 1000
	allowancePerHead   = 8
	allowancePerData   = 4
	allowancePerSecond = 10
)

// mostRefused limits the streams that were refused and not reset yet. The library keeps fewer; more are those that the
// client has reset.
const mostRefused = 4 * maxStreams

// errFlood ends a connection that sends too many frames without content.
var errFlood = errors.New("too many frames that carry nothing (RFC 9113 section 10.5)")

// frames is a connection of HTTP/2 below the library. It does what the library cannot: it sends REFUSED_STREAM for
// refused requests, where the library resets a stream with an internal error, by changing the frame on its way; and it
// ends connections that flood. The library reads in one goroutine, and writes one piece after the other.
type frames struct {
	net.Conn

	mu      sync.Mutex
	streams map[uint32]struct{}

	in, out frameScan
	// refused reports that the frame in out resets a refused stream.
	refused bool
	// preface is the number of bytes to come before the client's first frame.
	preface int
	// allowanceLeft is the rest of the allowance at the time since.
	allowanceLeft atomic.Int64
	since         time.Time
}

func newFrames(conn net.Conn) *frames {
	f := &frames{Conn: conn, preface: len(preface), since: time.Now()}
	f.allowanceLeft.Store(allowance)
	return f
}

// frameScan is a frame in transit: got bytes of its head have passed, and left bytes of its payload are to come.
type frameScan struct {
	head      [frameHead]byte
	got, left int
}

// begin reads more of the head. It returns the number of bytes read, and whether the head is complete.
func (f *frameScan) begin(p []byte) (n int, whole bool) {
	n = copy(f.head[f.got:], p)
	if f.got += n; f.got < frameHead {
		return n, false
	}
	f.left = int(binary.BigEndian.Uint32(f.head[:]) >> 8)
	return n, true
}

// pass notes that n bytes of the payload have passed.
func (f *frameScan) pass(n int) {
	if f.left -= n; f.left == 0 {
		f.got = 0
	}
}

func (f *frameScan) kind() byte { return f.head[3] }

func (f *frameScan) stream() uint32 { return binary.BigEndian.Uint32(f.head[5:]) }

// refuse marks a stream that is about to be reset.
func (f *frames) refuse(stream uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams == nil {
		f.streams = map[uint32]struct{}{}
	}
	if len(f.streams) == mostRefused {
		clear(f.streams)
	}
	f.streams[stream] = struct{}{}
}

// takeRefused reports whether a stream was marked, and unmarks it.
func (f *frames) takeRefused(stream uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, refused := f.streams[stream]
	delete(f.streams, stream)
	return refused
}

// Write implements io.Writer.
func (f *frames) Write(p []byte) (int, error) {
	sent := p
	for at := 0; at < len(p); {
		if f.out.got < frameHead {
			n, whole := f.out.begin(p[at:])
			if at += n; whole {
				f.refused = f.out.kind() == frameReset && f.out.left == 4 && f.takeRefused(f.out.stream())
				if f.out.kind() == frameData {
					f.addAllowance(allowancePerData)
				}
				f.out.pass(0)
			}
			continue
		}
		n := min(f.out.left, len(p)-at)
		if f.refused {
			if &sent[0] == &p[0] {
				// A Writer must not change its argument.
				sent = slices.Clone(p)
			}
			var code [4]byte
			binary.BigEndian.PutUint32(code[:], refusedStream)
			copy(sent[at:at+n], code[len(code)-f.out.left:])
		}
		at += n
		f.out.pass(n)
	}
	return f.Conn.Write(sent)
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	skipped := min(f.preface, n)
	f.preface -= skipped
	for at := skipped; at < n; {
		if f.in.got < frameHead {
			took, whole := f.in.begin(p[at:n])
			if at += took; whole {
				f.count()
				f.in.pass(0)
			}
			continue
		}
		took := min(f.in.left, n-at)
		at += took
		f.in.pass(took)
	}
	if f.allowanceLeft.Load() < 0 && !f.refill() {
		return 0, errFlood
	}
	return n, err
}

// count charges for a frame that arrived, or adds to the allowance for it.
func (f *frames) count() {
	switch {
	case f.in.kind() == frameHeaders:
		f.addAllowance(allowancePerHead)
	case f.in.kind() == frameData && f.in.left > 0:
	default:
		f.allowanceLeft.Add(-1)
	}
}

// addAllowance adds to the allowance.
func (f *frames) addAllowance(n int64) {
	if f.allowanceLeft.Load() < allowance {
		f.allowanceLeft.Add(n)
	}
}

// refill adds to the allowance for the time since the last call. It reports whether there is some left.
func (f *frames) refill() bool {
	now := time.Now()
	earned := int64(now.Sub(f.since).Seconds() * allowancePerSecond)
	f.since = now
	return f.allowanceLeft.Add(min(earned, allowance)) >= 0
}

// refuse ends a stream that the limiter refused. It panics if the stream can be reset.
func (v *http2Conn) refuse(w http.ResponseWriter, r *Refusal) {
	if id := streamOf(w); id > 0 {
		v.stream.refuse(id)
		panic(http.ErrAbortHandler)
	}
	w.Header()["Retry-After"] = []string{strconv.Itoa(int(refusedTime.Seconds()))}
	w.WriteHeader(r.Status)
}

// streamOf returns the number of the stream, 0 if the library's internals have changed: then a refusal is an ordinary
// response.
func streamOf(w http.ResponseWriter) uint32 {
	v := reflect.ValueOf(w)
	for _, name := range []string{"rws", "stream", "id"} {
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return 0
		}
		v = v.Elem().FieldByName(name)
	}
	if v.Kind() != reflect.Uint32 {
		return 0
	}
	return uint32(v.Uint())
}
