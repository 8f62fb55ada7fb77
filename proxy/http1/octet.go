package http1

import (
	"encoding/binary"
	"unsafe"
)

// borrow returns the bytes as a string without copying them: it is valid as long as they do not change. All strings of
// parsed messages come from here.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Classes of octets in names. Zero is for octets that cannot be in a token (RFC 9110 section 5.6.2).
const (
	plainToken = 1
	// oddToken are the characters of tokens which an app that reads names as CGI does cannot tell from a "-".
	oddToken = 2
)

// tokens has the class of each octet.
var tokens = func() (class [256]uint8) {
	for c := range class {
		if isAlpha(byte(c)) || isDigit(byte(c)) {
			class[c] = plainToken
		}
	}
	for _, c := range "!#$%&'*+.^_`|~" {
		class[c] = oddToken
	}
	class['-'] = plainToken
	return class
}()

// Classes of octets in request targets. Zero is for octets that are forwarded unchanged: browsers and apps send more than
// RFC 3986 allows, and all servers accept it.
const (
	badTarget = iota + 1
	question
	percent
)

// targets has the class of each octet.
var targets = func() (class [256]uint8) {
	for c := range ' ' + 1 {
		class[c] = badTarget
	}
	class[0x7f], class['#'] = badTarget, badTarget
	class['?'], class['%'] = question, percent
	return class
}()

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// hexDigit is the value of a hexadecimal digit, or 16 and more.
func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// tokenLength is how many octets at the start of b can be in a token.
func tokenLength(b []byte) int {
	for i, c := range b {
		if tokens[c] == 0 {
			return i
		}
	}
	return len(b)
}

func isToken(s string) bool {
	for i := range len(s) {
		if tokens[s[i]] == 0 {
			return false
		}
	}
	return s != ""
}

// The lowest and the highest bit of each of eight octets.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// controls marks, by the highest bits, that there is a control character among eight octets; HTAB and DEL are some.
func controls(w uint64) uint64 {
	del := w ^ 0x7f*lows
	return ((w-0x20*lows)&^w | (del-lows)&^del) & highs
}

// plain reports that b[from:] has no control character; HTAB and DEL count. It may check the last eight octets of b as a
// whole, and return false because of one before from.
func plain(b []byte, from int) bool {
	found := uint64(0)
	rest := b[from:]
	for len(rest) >= 16 {
		found |= controls(binary.LittleEndian.Uint64(rest)) | controls(binary.LittleEndian.Uint64(rest[8:]))
		rest = rest[16:]
	}
	if len(rest) >= 8 {
		found |= controls(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	if len(b) >= 8 {
		return found|controls(binary.LittleEndian.Uint64(b[len(b)-8:])) == 0
	}
	for _, c := range rest {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// isText reports whether b can be in a field value: no control character but HTAB (RFC 9110 section 5.5).
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
