package traffic

import (
	"encoding/binary"
	"math"
	"time"

	"gateway/proxy/admin"
)

const (
	// maxID, maxMethod, maxTarget and maxPath bound what is remembered of a request, in bytes.
	maxID, maxMethod, maxTarget, maxPath = 40, 20, 100, 200
	// inline is how much text an entry has room for. It makes an entry 160 bytes, and 50 of them what memory is given
	// out in; less text touches less of it.
	inline = 98
)

// entry is one remembered request. It has no pointers, so that the garbage collector does not look at rings.
type entry struct {
	// rawID is the ID if that is packed; else it stands in the text.
	rawID            [16]byte
	began, took      int64 // nanoseconds, began since 1970
	received, sent   int64
	status, retries  uint16
	packed, streamed bool
	refused          Refusal
	// text has, behind each other, the ID unless it is packed, the method, the target and the path. It is kept away from
	// the entry if it is too long for it.
	away                      bool
	idEnd, methodEnd, nameEnd uint8
	length                    uint16
	text                      [inline]byte
}

// write remembers the request, without its text if it returns false.
func (e *entry) write(q *Request) bool {
	e.began, e.took = q.Began.UnixNano(), int64(max(q.Took, 0))
	e.received, e.sent = q.Received, q.Sent
	e.status = uint16(min(max(q.Status, 0), math.MaxUint16))
	e.retries = uint16(min(max(q.Retries, 0), math.MaxUint16))
	e.refused, e.streamed = q.Refused, q.Streamed
	id := 0
	if e.packed = pack(&e.rawID, q.ID); !e.packed {
		id = min(len(q.ID), maxID)
	}
	method := id + min(len(q.Method), maxMethod)
	name := method + min(len(q.Target), maxTarget)
	length := name + min(len(q.Path), maxPath)
	e.idEnd, e.methodEnd, e.nameEnd, e.length = uint8(id), uint8(method), uint8(name), uint16(length)
	if e.away = length > len(e.text); e.away {
		return false
	}
	copy(e.text[:id], q.ID)
	copy(e.text[id:method], q.Method)
	copy(e.text[method:name], q.Target)
	copy(e.text[name:length], q.Path)
	return true
}

// appendText appends the text of the request that was written last.
func (e *entry) appendText(to []byte, q *Request) []byte {
	to = append(to, q.ID[:e.idEnd]...)
	to = append(to, q.Method[:e.methodEnd-e.idEnd]...)
	to = append(to, q.Target[:e.nameEnd-e.methodEnd]...)
	return append(to, q.Path[:e.length-uint16(e.nameEnd)]...)
}

// read returns what is remembered, given its text.
func (e *entry) read(text string) admin.Request {
	id := text[:e.idEnd]
	if e.packed {
		id = unpack(&e.rawID)
	}
	return admin.Request{
		ID:     id,
		Time:   time.Unix(0, e.began),
		Method: text[e.idEnd:e.methodEnd],
		Path:   text[e.nameEnd:],
		Status: int(e.status),
		Target: text[e.methodEnd:e.nameEnd],
		Millis: float64(e.took/int64(time.Microsecond)) / 1000,
		Bytes:  e.sent,
	}
}

const digits = "0123456789abcdef"

// each has a number in each of its bytes.
const each = 0x0101010101010101

// pack makes 16 bytes of 32 small hexadecimal digits. It returns false when id is something else.
func pack(to *[16]byte, id string) bool {
	if len(id) != 2*len(to) {
		return false
	}
	var wrong uint64
	for i := 0; i < len(to); i += 4 {
		packed, bad := packEight(id[2*i : 2*i+8])
		binary.LittleEndian.PutUint32(to[i:], packed)
		wrong |= bad
	}
	return wrong == 0
}

// packEight packs eight digits at once, one in each byte of a word. The second result is not 0 when they are none.
func packEight(id string) (packed uint32, wrong uint64) {
	_ = id[7]
	x := uint64(id[0]) | uint64(id[1])<<8 | uint64(id[2])<<16 | uint64(id[3])<<24 |
		uint64(id[4])<<32 | uint64(id[5])<<40 | uint64(id[6])<<48 | uint64(id[7])<<56
	// Only letters have the bit of 64. Their low bits start at 1.
	v := x&(15*each) + 9*(x>>6&each)
	// Adding 118 to a value above 9 sets the top bit of its byte.
	above := (v + 118*each) >> 7 & each
	digit := v + '0'*each + ('a'-'0'-10)*above
	wrong = digit ^ x | v&(0xf0*each)
	v = (v<<4 | v>>8) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16), wrong
}

func unpack(from *[16]byte) string {
	var id [2 * len(from)]byte
	for i, b := range from {
		id[2*i], id[2*i+1] = digits[b>>4], digits[b&15]
	}
	return string(id[:])
}
