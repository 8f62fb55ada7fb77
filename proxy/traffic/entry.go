package traffic

import (
	"encoding/hex"
	"math"
	"time"

	"gateway/proxy/admin"
)

const (
	// maxMethod, maxTarget and maxPath are how many bytes of a request are remembered.
	maxMethod, maxTarget, maxPath = 20, 100, 200
	// inline is how many bytes of text fit into an entry. It makes an entry 160 bytes, and 50 of them a size class of the
	// allocator.
	inline = 100
)

// entry is one remembered request. It has no pointers, so that the garbage collector does not scan rings.
type entry struct {
	id              [16]byte
	began, took     int64 // nanoseconds, began since 1970
	received, sent  int64
	status, retries uint16
	streamed        bool
	refused         Refusal
	// text has the method, the target and the path, one after the other. If away is set, it is too long for the entry and
	// stands in Route.texts.
	away               bool
	methodEnd, nameEnd uint8
	length             uint16
	text               [inline]byte
}

// write remembers the request, without its text if it returns false.
func (e *entry) write(q *Request) bool {
	e.began, e.took = q.Began.UnixNano(), int64(max(q.Took, 0))
	e.received, e.sent = q.Received, q.Sent
	e.status = uint16(min(max(q.Status, 0), math.MaxUint16))
	e.retries = uint16(min(max(q.Retries, 0), math.MaxUint16))
	e.refused, e.streamed = q.Refused, q.Streamed
	e.id = q.ID
	method := min(len(q.Method), maxMethod)
	name := method + min(len(q.Target), maxTarget)
	length := name + min(len(q.Path), maxPath)
	e.methodEnd, e.nameEnd, e.length = uint8(method), uint8(name), uint16(length)
	if e.away = length > len(e.text); e.away {
		return false
	}
	copy(e.text[:method], q.Method)
	copy(e.text[method:name], q.Target)
	copy(e.text[name:length], q.Path)
	return true
}

// appendText appends the text of the request that was written last.
func (e *entry) appendText(to []byte, q *Request) []byte {
	to = append(to, q.Method[:e.methodEnd]...)
	to = append(to, q.Target[:e.nameEnd-e.methodEnd]...)
	return append(to, q.Path[:e.length-uint16(e.nameEnd)]...)
}

// read returns what is remembered, given its text.
func (e *entry) read(text string) admin.Request {
	return admin.Request{
		ID:     hex.EncodeToString(e.id[:]),
		Time:   time.Unix(0, e.began),
		Method: text[:e.methodEnd],
		Path:   text[e.nameEnd:],
		Status: int(e.status),
		Target: text[e.methodEnd:e.nameEnd],
		Millis: float64(e.took/int64(time.Microsecond)) / 1000,
		Bytes:  e.sent,
	}
}
