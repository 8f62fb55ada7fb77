package engine

import (
	"encoding/binary"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
)

const (
	// frameHead is the length of a frame's head, reset the type of frame that ends a stream (RFC 9113 sections 4.1, 6.4).
	frameHead = 9
	reset     = 3
	// refusedStream says that nothing was done for a request, so that it may be sent again (RFC 9113 section 8.7).
	refusedStream = 7
)

// refuser is a connection of HTTP/2 that says why streams were refused. The library resets a stream whose handler gives
// up as if something had gone wrong in it; on its way out this is changed for those that were refused. Its Write belongs
// to the library, which calls it for one piece after the other.
type refuser struct {
	net.Conn

	mu      sync.Mutex
	streams map[uint32]struct{}

	// head is that of the frame on its way, of which got bytes went out, and left those of its payload that are to come.
	head      [frameHead]byte
	got, left int
	refused   bool
}

// refuse notes a stream that is about to be reset.
func (r *refuser) refuse(stream uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == nil {
		r.streams = map[uint32]struct{}{}
	}
	r.streams[stream] = struct{}{}
}

// took reports whether a stream was refused, and forgets it.
func (r *refuser) took(stream uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, refused := r.streams[stream]
	delete(r.streams, stream)
	return refused
}

// Write implements io.Writer.
func (r *refuser) Write(p []byte) (int, error) {
	out := p
	for at := 0; at < len(p); {
		if r.got < frameHead {
			n := copy(r.head[r.got:], p[at:])
			at += n
			if r.got += n; r.got == frameHead {
				r.begin()
			}
			continue
		}
		n := min(r.left, len(p)-at)
		if r.refused {
			if &out[0] == &p[0] {
				// A writer may not change what it is given.
				out = slices.Clone(p)
			}
			var code [4]byte
			binary.BigEndian.PutUint32(code[:], refusedStream)
			copy(out[at:at+n], code[len(code)-r.left:])
		}
		at += n
		r.pass(n)
	}
	return r.Conn.Write(out)
}

// begin reads the head of a frame.
func (r *refuser) begin() {
	r.left = int(binary.BigEndian.Uint32(r.head[:]) >> 8)
	r.refused = r.head[3] == reset && r.left == 4 && r.took(binary.BigEndian.Uint32(r.head[5:]))
	r.pass(0)
}

// pass notes that so much of a payload went out.
func (r *refuser) pass(n int) {
	if r.left -= n; r.left == 0 {
		r.got = 0
	}
}

// refuse ends a stream that may not begin. It does not return where the stream can be reset.
func (v *http2Conn) refuse(w http.ResponseWriter, r *Refusal) {
	if id := streamOf(w); id > 0 {
		v.stream.refuse(id)
		panic(http.ErrAbortHandler)
	}
	w.Header()["Retry-After"] = []string{strconv.Itoa(int(refusedTime.Seconds()))}
	w.WriteHeader(r.Status)
}

// streamOf is the number of the stream that is answered there, 0 if the library keeps that elsewhere than it did: then a
// refusal is an answer like any other.
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
