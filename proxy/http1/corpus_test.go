package http1

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/header"
	"gateway/proxy/http1/http1test"
)

// The limits for which the corpus is made; those of responses are larger.
var (
	corpusLimits    = Limits{Bytes: http1test.MaxBytes, Fields: http1test.MaxFields}
	corpusResponses = Limits{Bytes: 4 * http1test.MaxBytes, Fields: 4 * http1test.MaxFields}
)

// outcome is what became of a case: what was read, and the error if it was not read to the end. An Invalid has no
// identity here but its section.
type outcome struct {
	http1test.Message
	err    error
	inBody bool
}

// reader reads the messages of a case from bytes that come bit by bit.
type reader struct {
	outcome
	length  int64
	pending []byte
	began   bool
	ended   bool
	decoder Decoder
	// parse reads a head.
	parse func(r *reader, buf []byte) (int, error)
}

func requestReader() *reader {
	return &reader{parse: func(r *reader, buf []byte) (int, error) {
		var q Request
		n, err := ParseRequest(&q, buf, corpusLimits)
		if err == nil {
			r.length = q.Length
			r.Message = http1test.Message{
				Line: strings.Clone(q.Method + " " + q.Path + q.Query), Host: strings.Clone(q.Host),
				Upgrade: strings.Clone(q.Upgrade), Fields: lines(q.Header), Close: q.Close,
			}
		}
		return n, err
	}}
}

func responseReader(method string) *reader {
	return &reader{decoder: Decoder{Response: true}, parse: func(r *reader, buf []byte) (int, error) {
		var a Response
		n, err := ParseResponse(&a, buf, method, corpusResponses)
		if err == nil {
			r.length = a.Length
			r.Message = http1test.Message{
				Line:    fmt.Sprintf("%d %s", a.Status, a.Reason),
				Upgrade: strings.Clone(a.Upgrade), Fields: lines(a.Header), Close: a.Close,
			}
		}
		return n, err
	}}
}

// lines copies the fields of a header.
func lines(h header.Header) []string {
	var all []string
	for _, f := range h {
		all = append(all, f.Name+": "+f.Value)
	}
	return all
}

// feed gives the reader more bytes, as a connection would: what could not be read yet comes again in front of them.
func (r *reader) feed(more []byte) {
	r.pending = slices.Concat(r.pending, more)
	for r.err == nil && !r.ended && r.step() {
		continue
	}
}

// step reads one thing, and reports whether there may be another.
func (r *reader) step() bool {
	var n int
	var err error
	switch {
	case !r.began:
		if n, err = r.parse(r, r.pending); err == nil {
			r.began = true
			r.ended = r.length == 0
		}
	case r.length == Chunked:
		n, err = r.chunk()
	case r.length == UntilClose:
		n = len(r.pending)
		r.Body += string(r.pending)
	default:
		n = int(min(r.length-int64(len(r.Body)), int64(len(r.pending))))
		r.Body += string(r.pending[:n])
		r.ended = int64(len(r.Body)) == r.length
	}
	r.pending = r.pending[n:]
	if err != nil && !errors.Is(err, ErrIncomplete) {
		r.err, r.inBody = err, r.began
	}
	return err == nil && n > 0
}

func (r *reader) chunk() (int, error) {
	piece, n, done, err := r.decoder.Next(r.pending)
	r.Body += string(piece)
	if r.ended = done; done {
		r.Trailers = lines(r.decoder.Trailers)
	}
	return n, err
}

// compare holds an outcome to what the case says.
func compare(t *testing.T, c http1test.Case, got outcome, how string) {
	t.Helper()
	var invalid *Invalid
	switch errors.As(got.err, &invalid); {
	case c.Status == 0 && got.err != nil, c.Status > 0 && invalid == nil, got.inBody != c.InBody:
		t.Errorf("%s: %s, %s: %v (in the body: %v), want %d", c.File, c.Name, how, got.err, got.inBody, c.Status)
	case c.Status > 0 && c.Status != 502 && c.Status != invalid.Status:
		t.Errorf("%s: %s, %s: %d, want %d", c.File, c.Name, how, invalid.Status, c.Status)
	case c.Status > 0 && c.Section != invalid.Section:
		t.Errorf("%s: %s, %s: refused by %v, want %s", c.File, c.Name, how, invalid, c.Section)
	}
	if c.InBody {
		got.Body, c.Body = "", ""
		got.Rest, c.Rest = "", ""
	}
	if (c.Status == 0 || c.InBody) && !reflect.DeepEqual(got.Message, c.Message) {
		t.Errorf("%s: %s, %s:\n got %#v\nwant %#v", c.File, c.Name, how, got.Message, c.Message)
	}
}

// tryCase reads a case whole, and byte by byte.
func tryCase(t *testing.T, c http1test.Case, open func() *reader) {
	t.Helper()
	whole := open()
	whole.feed([]byte(c.Raw))
	whole.Rest = string(whole.pending)
	compare(t, c, whole.outcome, "whole")
	if len(c.Raw) > 4096 {
		return
	}
	bit := open()
	for i := range len(c.Raw) {
		bit.feed([]byte(c.Raw[i : i+1]))
	}
	bit.Rest = string(bit.pending)
	compare(t, c, bit.outcome, "byte by byte")
	for i := range c.Raw {
		cut := open()
		cut.feed([]byte(c.Raw[:i]))
		if cut.err == nil {
			cut.feed([]byte(c.Raw[i:]))
		}
		cut.Rest = string(cut.pending)
		compare(t, c, cut.outcome, fmt.Sprintf("cut at %d", i))
	}
}

func TestParseRequest_FollowsTheCorpus(t *testing.T) {
	cases := http1test.Requests(t)
	for _, c := range cases {
		tryCase(t, c, requestReader)
	}
	if len(cases) < 150 {
		t.Errorf("%d requests, want 150", len(cases))
	}
}

func TestParseResponse_FollowsTheCorpus(t *testing.T) {
	cases := http1test.Responses(t)
	for _, c := range cases {
		tryCase(t, c, func() *reader { return responseReader(c.To) })
	}
	if len(cases) < 80 {
		t.Errorf("%d responses, want 80", len(cases))
	}
}

// TestParse_IsIncompleteUntilTheEnd cuts off accepted heads: no beginning of one is a head, or refused.
func TestParse_IsIncompleteUntilTheEnd(t *testing.T) {
	for _, c := range http1test.Requests(t) {
		head, _, _ := bytes.Cut([]byte(strings.TrimPrefix(c.Raw, "\r\n")), []byte("\r\n\r\n"))
		if c.Line == "" || len(head) > 4096 {
			continue
		}
		for i := range len(head) + 4 {
			var r Request
			if n, err := ParseRequest(&r, []byte(c.Raw)[:i], corpusLimits); n != 0 || !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%s: %s: %d bytes: %d, %v, want that it is incomplete", c.File, c.Name, i, n, err)
			}
		}
	}
}
