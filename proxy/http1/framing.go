package http1

import (
	"math"
	"strings"

	"gateway/proxy/header"
)

// The flags of framing: options of Connection, and transfer codings.
const (
	optionClose = 1 << iota
	optionKeep
	optionUpgrade
	// optionNames says that Connection names fields; these Connection fields stay in the header until dropNamed.
	optionNames
	codingChunked
	// codingOther says that there is an unknown coding.
	codingOther
)

// framing is what the fields of one head say about its body and its connection.
type framing struct {
	// length is that of Content-Length, or -1 without one.
	length int64
	// flags are the options and codings that were found.
	flags uint
	// options is the number of elements in all Connection fields.
	options int
	upgrade string
	// response reports that the head is that of a response.
	response bool
}

// maxOptions limits the elements of Connection, since each may cost a search of all fields.
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

// contentLength reads a Content-Length field (RFC 9110 section 8.6). A request may have only one, with one number, since the
// target may use the first or the last of several. A response may have several, in a list or in separate fields, if all have
// the same value (RFC 9112 section 6.3).
func (f *framing) contentLength(value string) *Invalid {
	for more := f.response && strings.IndexByte(value, ',') >= 0; more; {
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
	if f.length >= 0 && !f.response {
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

// transferEncoding reads a Transfer-Encoding field (RFC 9112 section 6.1). body reports an unknown coding, after errors that
// are worse.
func (f *framing) transferEncoding(value string) *Invalid {
	for more := true; more; {
		var coding string
		coding, value, more = cutElement(value)
		if f.flags&codingChunked != 0 {
			return badCoding
		}
		name, _, parameters := strings.Cut(coding, ";")
		name = strings.TrimRight(name, " \t")
		chunked := header.EqualFold(name, "chunked")
		switch {
		case !isToken(name) || chunked && parameters:
			return badCoding
		case chunked:
			f.flags |= codingChunked
		default:
			f.flags |= codingOther
		}
	}
	return nil
}

// body returns the length of the body by its fields, Chunked for a chunked one, and none without both fields.
func (f *framing) body(minor int, none int64) (int64, *Invalid) {
	coded := f.flags&(codingChunked|codingOther) != 0
	switch {
	case !coded && f.length >= 0:
		return f.length, nil
	case !coded:
		return none, nil
	case f.length >= 0:
		return 0, twoFramings
	case minor == 0:
		return 0, oldCoding
	case f.flags&codingOther != 0:
		return 0, otherCoding
	}
	return Chunked, nil
}

// closes reports whether the version and the options end the connection (RFC 9112 section 9.3).
func (f *framing) closes(minor int) bool {
	return f.flags&optionClose != 0 || minor == 0 && f.flags&optionKeep == 0
}
