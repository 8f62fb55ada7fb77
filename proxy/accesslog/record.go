package accesslog

import (
	"encoding/binary"
	"time"
	"unsafe"
)

// A record is an entry that waits in a block: its numbers, the lengths of its texts, and the texts one after the other. A
// request is over once its record is made. Lines are made by the writer, of many records in a row: that takes half as long
// as between two requests, where neither the code is at hand nor what it needs.
//
//	0 size of all, 4 status, 6 major, 7 minor, 8 flags, 12 retries,
//	16 time, 24 received, 32 sent, 40 duration, 48 response, 56 wait, 64 lengths
const (
	atLengths = 64
	atTexts   = atLengths + 2*len(texts{})
)

// The flags of a record.
const (
	isTLS = 1 << iota
	isUpgraded
)

// texts are the strings of an entry, as long as they may be.
type texts [11]string

// atQuery is where they have the query.
const atQuery = 6

func (e *Entry) texts() texts {
	return texts{
		clip(e.RequestID, maxShort), clip(e.Client, maxShort), clip(e.Peer, maxShort), clip(e.Method, maxShort),
		clip(e.Host, maxName), clip(e.Path, maxAddress), clip(e.Query, 1+maxAddress), e.Place.members,
		clip(e.UserAgent, maxAgent), clip(e.Referer, maxAddress), clip(e.Error, maxShort),
	}
}

// size is how long the record with these texts is.
func (t *texts) size() int {
	n := atTexts
	for i := range t {
		n += len(t[i])
	}
	return n
}

// record makes the entry's record in memory of its size.
func (e *Entry) record(r []byte, t *texts) {
	numbers := r[:atTexts]
	binary.LittleEndian.PutUint32(numbers, uint32(len(r)))
	binary.LittleEndian.PutUint16(numbers[4:], uint16(e.Status))
	numbers[6], numbers[7], numbers[8] = byte(e.Major), byte(e.Minor), e.flags()
	binary.LittleEndian.PutUint32(numbers[12:], uint32(e.Retries))
	binary.LittleEndian.PutUint64(numbers[16:], uint64(e.Time.UnixNano()))
	binary.LittleEndian.PutUint64(numbers[24:], uint64(e.Received))
	binary.LittleEndian.PutUint64(numbers[32:], uint64(e.Sent))
	binary.LittleEndian.PutUint64(numbers[40:], uint64(e.Duration))
	binary.LittleEndian.PutUint64(numbers[48:], uint64(e.Response))
	binary.LittleEndian.PutUint64(numbers[56:], uint64(e.Wait))
	at := atTexts
	for i, s := range t {
		binary.LittleEndian.PutUint16(numbers[atLengths+2*i:], uint16(len(s)))
		at += copy(r[at:], s)
	}
}

func (e *Entry) flags() (f byte) {
	if e.TLS {
		f |= isTLS
	}
	if e.Upgraded {
		f |= isUpgraded
	}
	return f
}

// read makes this the entry of the first record, and returns the records after it. Its texts are borrowed from there.
func (e *Entry) read(records []byte) []byte {
	r := records[:binary.LittleEndian.Uint32(records)]
	numbers := r[:atTexts]
	var t texts
	at := atTexts
	for i := range t {
		n := int(binary.LittleEndian.Uint16(numbers[atLengths+2*i:]))
		t[i] = unsafe.String(unsafe.SliceData(r[at:]), n)
		at += n
	}
	*e = Entry{
		Time:      time.Unix(0, int64(binary.LittleEndian.Uint64(numbers[16:]))),
		RequestID: t[0],
		Client:    t[1],
		Peer:      t[2],
		Method:    t[3],
		Host:      t[4],
		Path:      t[5],
		Query:     t[atQuery],
		Major:     int(numbers[6]),
		Minor:     int(numbers[7]),
		TLS:       numbers[8]&isTLS != 0,
		Status:    int(binary.LittleEndian.Uint16(numbers[4:])),
		Received:  int64(binary.LittleEndian.Uint64(numbers[24:])),
		Sent:      int64(binary.LittleEndian.Uint64(numbers[32:])),
		Duration:  time.Duration(binary.LittleEndian.Uint64(numbers[40:])),
		Response:  time.Duration(binary.LittleEndian.Uint64(numbers[48:])),
		Wait:      time.Duration(binary.LittleEndian.Uint64(numbers[56:])),
		Place:     Place{t[7]},
		Retries:   int(binary.LittleEndian.Uint32(numbers[12:])),
		Upgraded:  numbers[8]&isUpgraded != 0,
		UserAgent: t[8],
		Referer:   t[9],
		Error:     t[10],
	}
	return records[len(r):]
}

// count is the number of records.
func count(records []byte) (n int) {
	for ; len(records) > 0; n++ {
		records = records[binary.LittleEndian.Uint32(records):]
	}
	return n
}
