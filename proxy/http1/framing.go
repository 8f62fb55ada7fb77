package http1

import (
	"math"
	"strings"

	"gateway/proxy/header"
)

// Options of the connection and other facts that the fields of a head told.
const (
	optionClose = 1 << iota
	optionKeep
	optionUpgrade
	// optionNames says that fields are named; the Connection fields that do are in the header until they are read again.
	optionNames
	codingChunked
	// codingOther says that there is a coding that is not known.
	codingOther
)

// framing is what the fields of one head say of its body and its connection.
type framing struct {
	// length is that of Content-Length, or -1 without one.
	length int64
	// told are the options and codings.
	told uint
	// options is how many elements all Connection fields have.
	options int
	upgrade string
	// answer reports that it is a response's.
	answer bool
}

// maxOptions bounds the elements of Connection, since each may cost a look at all fields.
const maxOptions = 64

// take reads a field of the connection or of the framing.
func (f *framing) take(kind header.Kind, value string) *Invalid {
	switch kind {
	case header.ContentLength:
		return f.contentLength(value)
	case header.TransferEncoding:
		return f.transferEncoding(value)
	case header.Upgrade:
		if f.upgrade != "" || !isProtocols(value) {
			return badUpgrade
		}
		f.upgrade = value
	}
	return nil
}

// contentLength reads a Content-Length field (RFC 9110 section 8.6). In a request there may be one only, and of one
// number: whether the next reader takes the first or the last of several is not known. In a response there may be more, in
// a list or in fields of their own, that all say the same (RFC 9112 section 6.3).
func (f *framing) contentLength(value string) *Invalid {
	for more := f.answer && strings.IndexByte(value, ',') >= 0; more; {
		var element string
		element, value, more = cutElement(value)
		if !more {
			value = element
			break
		}
		if bad := f.oneLength(element); bad != nil {
			return bad
		}
	}
	return f.oneLength(value)
}

// oneLength reads one number.
func (f *framing) oneLength(value string) *Invalid {
	if f.length >= 0 && !f.answer {
		return manyLengths
	}
	if value == "" {
		return badLength
	}
	n := int64(0)
	for i := range len(value) {
		c := value[i]
		if !isDigit(c) || n > (math.MaxInt64-int64(c-'0'))/10 {
			return badLength
		}
		n = n*10 + int64(c-'0')
	}
	if f.length >= 0 && f.length != n {
		return manyLengths
	}
	f.length = n
	return nil
}

// transferEncoding reads a Transfer-Encoding field (RFC 9112 section 6.1). A coding that is not known is told at the
// end, after what is worse.
func (f *framing) transferEncoding(value string) *Invalid {
	for more := true; more; {
		var coding string
		coding, value, more = cutElement(value)
		if f.told&codingChunked != 0 {
			return badCoding
		}
		name, _, parameters := strings.Cut(coding, ";")
		name = strings.TrimRight(name, " \t")
		chunked := header.EqualFold(name, "chunked")
		switch {
		case !isToken(name) || chunked && parameters:
			return badCoding
		case chunked:
			f.told |= codingChunked
		default:
			f.told |= codingOther
		}
	}
	return nil
}

// body returns the length of the body by its fields, or -1 (Chunked) for a chunked one; without both fields it is none.
func (f *framing) body(minor int, none int64) (int64, *Invalid) {
	coded := f.told&(codingChunked|codingOther) != 0
	switch {
	case !coded && f.length >= 0:
		return f.length, nil
	case !coded:
		return none, nil
	case f.length >= 0:
		return 0, twoFramings
	case minor == 0:
		return 0, oldCoding
	case f.told&codingOther != 0:
		return 0, otherCoding
	}
	return Chunked, nil
}

// closes reports whether the connection ends by its version and options (RFC 9112 section 9.3).
func (f *framing) closes(minor int) bool {
	return f.told&optionClose != 0 || minor == 0 && f.told&optionKeep == 0
}
