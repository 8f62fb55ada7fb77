package route

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrefix is the longest prefix that ParsePrefix accepts, in bytes of its escaped form.
const maxPrefix = 255

// ErrPrefix is what every error of ParsePrefix is.
var ErrPrefix = errors.New("bad path prefix")

// PrefixError is every error of ParsePrefix.
type PrefixError struct {
	// Input is what was read, Rule the rule it breaks, and Fix what to write instead.
	Input, Rule, Fix string
}

// Error is the input, the rule and the fix in one line.
func (e *PrefixError) Error() string {
	return fmt.Sprintf("%v %q: %s; %s", ErrPrefix, e.Input, e.Rule, e.Fix)
}

// Is reports whether target is ErrPrefix.
func (e *PrefixError) Is(target error) bool { return target == ErrPrefix }

// Prefix is the part of a URL path that a route owns, such as /robots. It is held in its escaped, normalised form:
// without a trailing slash, unreserved characters decoded and the hexadecimal digits of the others in upper case
// (RFC 3986 section 6.2.2). The zero value is "/", the prefix of everything. Prefixes are comparable with ==.
type Prefix struct{ path string }

// ParsePrefix reads a prefix as people write it: with or without a trailing slash, escaped or not. It refuses what
// could never match or would match more than it says: dot segments, empty segments, a query, a fragment, escaped
// separators and control characters.
func ParsePrefix(s string) (Prefix, error) {
	if !strings.HasPrefix(s, "/") {
		return Prefix{}, &PrefixError{s, "it must start with a slash", slashed(s)}
	}
	trimmed := strings.TrimSuffix(s, "/")
	if trimmed == "" {
		return Prefix{}, nil
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(trimmed[1:], "/") {
		if err := addSegment(&b, segment); err != nil {
			err.Input = s
			return Prefix{}, err
		}
	}
	if b.Len() > maxPrefix {
		rule := fmt.Sprintf("it has %d bytes, and %d is the most", b.Len(), maxPrefix)
		return Prefix{}, &PrefixError{s[:20] + "...", rule, "choose a shorter one"}
	}
	return Prefix{path: b.String()}, nil
}

// slashed says to put a slash before s, which is repeated only when it is short and plain: it may come from anywhere.
func slashed(s string) string {
	if len(s) > 100 || strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return "put a slash before it"
	}
	return "write /" + s
}

// addSegment appends a slash and the segment in its normal form.
func addSegment(b *strings.Builder, s string) *PrefixError {
	if s == "" {
		return &PrefixError{Rule: "it has an empty segment", Fix: "write single slashes"}
	}
	b.WriteByte('/')
	start := b.Len()
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' {
			decoded, ok := unhex(s, i)
			if !ok {
				rule := fmt.Sprintf("%q is no escape", s[i:min(i+3, len(s))])
				return &PrefixError{Rule: rule, Fix: "write %25 for a percent sign"}
			}
			c, escaped, i = decoded, true, i+2
		}
		if err := checkByte(c, escaped); err != nil {
			return err
		}
		writeByte(b, c, escaped)
	}
	if dots := bare(liberal(b.String()[start:])); dots == "." || dots == ".." {
		return &PrefixError{Rule: "it has a dot segment", Fix: "write the path it leads to"}
	}
	return nil
}

// checkByte refuses the bytes that no segment of a prefix may contain.
func checkByte(c byte, escaped bool) *PrefixError {
	switch {
	case c < 0x20 || c == 0x7f:
		return &PrefixError{Rule: "it has a control character", Fix: "leave it out"}
	case c == '\\', c == '/' && escaped:
		return &PrefixError{Rule: "it has a separator inside a segment", Fix: "write plain slashes"}
	case (c == '?' || c == '#' || c == ' ') && !escaped:
		rule := fmt.Sprintf("it has %q, and a prefix is a path alone", c)
		return &PrefixError{Rule: rule, Fix: "leave out query, fragment and spaces"}
	}
	return nil
}

// Root reports whether the prefix is "/".
func (p Prefix) Root() bool { return p.path == "" }

// String is the prefix as it is shown and written: "/" or "/robots", never with another trailing slash.
func (p Prefix) String() string {
	if p.Root() {
		return "/"
	}
	return p.path
}

// Slash is the prefix with one trailing slash, the address that a client should see: "/" or "/robots/".
func (p Prefix) Slash() string { return p.path + "/" }

// Depth is the number of segments: 0 for "/", 2 for "/a/b".
func (p Prefix) Depth() int { return strings.Count(p.path, "/") }

// Contains reports whether the escaped path lies under the prefix, on a segment boundary: /app contains /app, /app/
// and /app/x, never /application. The path must be normalised, as Path.Normal is.
func (p Prefix) Contains(path string) bool {
	return strings.HasPrefix(path, p.path) && (len(path) == len(p.path) || path[len(p.path)] == '/')
}

// MarshalText writes String.
func (p Prefix) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParsePrefix accepts.
func (p *Prefix) UnmarshalText(text []byte) error {
	parsed, err := ParsePrefix(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}
