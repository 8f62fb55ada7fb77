package route

import (
	"errors"
	"fmt"
	"strings"
)

// maxPrefix is the longest prefix that ParsePrefix accepts, in bytes of its escaped form.
const maxPrefix = 255

// ErrPrefix is wrapped by every error of ParsePrefix.
var ErrPrefix = errors.New("bad path prefix")

// Prefix is the part of a URL path that a route owns, such as /robots. It is held in its escaped, normalised form:
// without a trailing slash, unreserved characters decoded and the hexadecimal digits of the others in upper case
// (RFC 3986 section 6.2.2). The zero value is "/", the prefix of everything. Prefixes are comparable with ==.
type Prefix struct{ path string }

// ParsePrefix reads a prefix as people write it: with or without a trailing slash, escaped or not. It refuses what
// could never match or would match more than it says: dot segments, empty segments, a query, a fragment, escaped
// separators and control characters.
func ParsePrefix(s string) (Prefix, error) {
	if !strings.HasPrefix(s, "/") {
		return Prefix{}, fmt.Errorf("%w %q: it must start with a slash; write %q", ErrPrefix, s, "/"+s)
	}
	trimmed := strings.TrimSuffix(s, "/")
	if trimmed == "" {
		return Prefix{}, nil
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(trimmed[1:], "/") {
		clean, err := parseSegment(segment)
		if err != nil {
			return Prefix{}, fmt.Errorf("%w %q: %w", ErrPrefix, s, err)
		}
		b.WriteByte('/')
		b.WriteString(clean)
	}
	if b.Len() > maxPrefix {
		return Prefix{}, fmt.Errorf("%w: it has %d bytes, and %d is the most; choose a shorter one", ErrPrefix, b.Len(), maxPrefix)
	}
	return Prefix{path: b.String()}, nil
}

func parseSegment(s string) (string, error) {
	if s == "" {
		return "", errors.New("it has an empty segment; write single slashes")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' {
			decoded, ok := unhex(s, i)
			if !ok {
				return "", fmt.Errorf("%q is no escape; write %%25 for a percent sign", s[i:min(i+3, len(s))])
			}
			c, escaped, i = decoded, true, i+2
		}
		if err := checkByte(c, escaped); err != nil {
			return "", err
		}
		writeByte(&b, c, escaped)
	}
	if out := b.String(); out != "." && out != ".." {
		return out, nil
	}
	return "", errors.New("it has a dot segment; write the path it leads to")
}

// checkByte refuses the bytes that no segment of a prefix may contain.
func checkByte(c byte, escaped bool) error {
	switch {
	case c < 0x20 || c == 0x7f:
		return errors.New("it has a control character; leave it out")
	case c == '\\', c == '/' && escaped:
		return errors.New("it has a separator inside a segment; write plain slashes")
	case (c == '?' || c == '#' || c == ' ') && !escaped:
		return fmt.Errorf("it has %q; a prefix is a path alone, without query, fragment or spaces", c)
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

// Slash is the prefix with one trailing slash, the address that a visitor should see: "/" or "/robots/".
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
