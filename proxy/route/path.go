package route

import (
	"errors"
	"strings"
)

// ErrPath is returned by ParsePath for a path that would leave what it is under.
var ErrPath = errors.New("the path leaves its prefix through dot segments")

// ErrEscape is returned by ParsePath for a path with a percent sign that starts no escape, or no leading slash.
var ErrEscape = errors.New("the path is not a valid escaped path")

// Path is the path of a request, as it was sent and as it is matched. Both have the same number of segments.
type Path struct {
	// Raw is the path byte for byte as the client sent it.
	Raw string
	// Normal is Raw with unreserved characters decoded, hexadecimal digits in upper case, and what no URL may hold
	// plain escaped: what prefixes match on. An escaped slash stays escaped, so it never separates segments. It is
	// Raw itself when nothing had to change.
	Normal string
	// odd reports that an app may read the path in another way than Normal says.
	odd bool
}

// ParsePath reads the escaped path of a request target, without its query. It does not resolve dot segments.
func ParsePath(raw string) (Path, error) {
	if !strings.HasPrefix(raw, "/") {
		return Path{}, ErrEscape
	}
	if normal, odd := plain(raw); normal {
		return Path{Raw: raw, Normal: raw, odd: odd}, nil
	}
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c, escaped := raw[i], false
		if c == '%' {
			decoded, ok := unhex(raw, i)
			if !ok {
				return Path{}, ErrEscape
			}
			c, escaped, i = decoded, true, i+2
		}
		writeByte(&b, c, escaped)
	}
	return Path{Raw: raw, Normal: b.String(), odd: true}, nil
}

// After cuts the first n segments off the path as it was sent and returns the rest, which starts with a slash or is
// empty: the original spelling of what lies below a prefix of depth n.
func (p Path) After(n int) string {
	rest := p.Raw
	for range n {
		next := strings.IndexByte(rest[1:], '/')
		if next < 0 {
			return ""
		}
		rest = rest[1+next:]
	}
	return rest
}

// Leaves reports whether the dot segments in rest climb above its start in any reading that a server may take: with or
// without escaped dots, escaped separators and backslashes decoded (RFC 3986 section 5.2.4, and the servers that decode
// before they resolve).
func Leaves(rest string) bool {
	if !strings.Contains(rest, "..") && strings.IndexByte(rest, '%') < 0 {
		return false
	}
	depth := 0
	for part := range strings.SplitSeq(rest, "/") {
		if depth = climb(depth, liberal(part)); depth < 0 {
			return true
		}
	}
	return false
}

// climb is how deep one is at least behind a part that no reading divides at a plain slash, less than 0 when it may lead
// out. What separates inside of it does so to some servers alone: names beside each other may be one.
func climb(depth int, part string) int {
	named := false
	for segment := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '/' || r == '\\' }) {
		switch bare(segment) {
		case ".", "":
		case "..":
			depth, named = depth-1, false
		default:
			if !named {
				depth, named = depth+1, true
			}
		}
		if depth < 0 {
			return depth
		}
	}
	return depth
}

// bare is a segment without its parameters, which hide dots from us but not from every server: "..;x" is ".." to some.
// So is what follows a NUL, and the query and fragment of those who decode before they divide.
func bare(segment string) string {
	if end := strings.IndexAny(segment, ";\x00?#"); end >= 0 {
		return segment[:end]
	}
	return segment
}

// liberal decodes every escape twice, as a chain of two servers that each decode once would, and overlong UTF-8 with it.
func liberal(s string) string { return shortest(unescape(shortest(unescape(s)))) }

// shortest replaces ASCII characters written as several bytes, which UTF-8 forbids (RFC 3629 section 3), as careless
// decoders do.
func shortest(s string) string {
	first := 0
	for first < len(s) && overlong(s[first:]) == 0 {
		first++
	}
	if first == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:first]...)
	for i := first; i < len(s); i++ {
		c := s[i]
		if size := overlong(s[i:]); size > 0 {
			c = s[i+size-2]&1<<6 | s[i+size-1]&0x3f
			i += size - 1
		}
		b = append(b, c)
	}
	return string(b)
}

// overlong is the number of bytes of the overlong ASCII character that s starts with, 0 if it starts with another.
func overlong(s string) int {
	var size int
	switch s[0] {
	case 0xc0, 0xc1:
		size = 2
	case 0xe0:
		size = 3
	case 0xf0:
		size = 4
	default:
		return 0
	}
	if len(s) < size || s[size-1]&0xc0 != 0x80 || size > 2 && s[size-2]&^1 != 0x80 || size > 3 && s[1] != 0x80 {
		return 0
	}
	return size
}

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if decoded, ok := unhex(s, i); ok && c == '%' {
			c, i = decoded, i+2
		}
		b.WriteByte(c)
	}
	return b.String()
}

// plain reports whether every byte of s stands for itself in the normal form, and whether an app may still read it in
// another way.
func plain(s string) (normal, odd bool) {
	for i, end := 0, len(s)-1; i <= end; i++ {
		switch c := s[i]; {
		case !legal[c]:
			return false, true
		case c == '/':
			odd = odd || i < end && s[i+1] == '/'
		case c == '.':
			odd = odd || i == end || s[i+1] == '/'
		case c == ';':
			odd = true
		}
	}
	return true, odd
}

// unhex reads the two hexadecimal digits after the percent sign at i.
func unhex(s string, i int) (byte, bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
	return high<<4 | low, high < 16 && low < 16
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// writeByte appends one decoded byte in the normal form: unreserved characters plain, what was escaped escaped in
// upper case, and what a path may not hold plain escaped always, as browsers do.
func writeByte(b *strings.Builder, c byte, escaped bool) {
	const digits = "0123456789ABCDEF"
	if legal[c] && (!escaped || unreserved(c)) {
		b.WriteByte(c)
		return
	}
	b.WriteByte('%')
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&15])
}

// legal are the bytes that may stand plain in a path: slashes and the pchar of RFC 3986 section 3.3.
var legal = func() (set [256]bool) {
	for c := range 256 {
		set[c] = unreserved(byte(c)) || strings.IndexByte("/!$&'()*+,;=:@", byte(c)) >= 0
	}
	return set
}()

// unreserved follows RFC 3986 section 2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
