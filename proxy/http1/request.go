package http1

import (
	"bytes"
	"errors"
	"strings"

	"gateway/proxy/header"
)

// Methods that have their own form of target, and HEAD, whose responses have no body.
const (
	connect = "CONNECT"
	options = "OPTIONS"
	head    = "HEAD"
)

// ParseRequest parses the head at the start of buf into r and reuses the memory of r.Header. It returns the length of the
// head. The error is ErrIncomplete or an *Invalid. With an *Invalid, Method, Target, Host and Header have what was parsed
// before, for the log and to choose the language of the response, and must not be forwarded. One empty line before the
// request is skipped (RFC 9112 section 2.2). After ErrIncomplete the result stays the same until buf has another LF, or
// limits.Bytes bytes.
func ParseRequest(r *Request, buf []byte, limits Limits) (n int, err error) {
	*r = Request{Header: r.Header[:0]}
	buf, full := limits.cut(buf)
	pos := 0
	if len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
		pos = 2
	}
	if pos < len(buf) && tokens[buf[pos]] == 0 && string(buf) != "\r" {
		return 0, badMethod
	}
	line, pos, err := cutLine(buf, pos)
	if err != nil {
		return 0, tooLong(err, full, longTarget)
	}
	if bad := r.start(line); bad != nil {
		return 0, bad
	}
	f := framing{length: -1}
	hosts := 0
	for lines := 0; ; lines++ {
		if line, pos, err = cutLine(buf, pos); err != nil {
			return 0, tooLong(err, full, longHead)
		}
		if len(line) == 0 {
			break
		}
		if lines == limits.Fields {
			return 0, manyFields
		}
		if bad := r.field(line, &f, &hosts); bad != nil {
			return 0, bad
		}
	}
	if bad := r.finish(&f, hosts); bad != nil {
		return 0, bad
	}
	return pos, nil
}

// cut returns the part of buf that the head may use, and whether that has reached the limit.
func (l Limits) cut(buf []byte) (_ []byte, full bool) {
	if l.Bytes < 0 || len(buf) < l.Bytes {
		return buf, false
	}
	return buf[:l.Bytes], true
}

// tooLong returns rule instead of ErrIncomplete if the limit is reached.
func tooLong(err error, full bool, rule *Invalid) error {
	if full && errors.Is(err, ErrIncomplete) {
		return rule
	}
	return err
}

// special are the kinds of fields that field reads.
var special = header.Hop | header.SetOf(header.Host, header.Expect, header.Authorization)

// field reads one field line.
func (r *Request) field(line []byte, f *framing, hosts *int) *Invalid {
	name, value, odd, bad := parseField(line)
	if bad != nil {
		return bad
	}
	kind := header.KindOf(name)
	if !special.Has(kind) {
		r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: kind})
		if odd && shadows(name) {
			return shadow
		}
		return nil
	}
	switch kind {
	case header.Host:
		return r.host(value, hosts)
	case header.Connection:
		return r.connection(f, name, value)
	case header.TE:
		r.Trailers = r.Trailers || trailersIn(value)
	case header.Expect:
		return r.expect(name, value)
	case header.Authorization:
		r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: kind})
		r.credentials(value)
	case header.ProxyAuthorization:
		r.credentials(value)
	default:
		return f.take(kind, value)
	}
	return nil
}

// host reads a Host field (RFC 9112 section 3.2). It accepts an empty one, which clients send if the target has no authority.
func (r *Request) host(value string, hosts *int) *Invalid {
	*hosts++
	switch {
	case *hosts > 1:
		return manyHosts
	case value != "" && !isAuthority(value):
		return badHost
	case r.Host == "":
		// An authority of the target wins (RFC 9112 section 3.2.2).
		r.Host = value
	}
	return nil
}

func (r *Request) connection(f *framing, name, value string) *Invalid {
	names, bad := f.connection(value)
	if names {
		r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: header.Connection})
	}
	return bad
}

// expect reads an Expect field (RFC 9110 section 10.1.1). It drops that of an HTTP/1.0 request.
func (r *Request) expect(name, value string) *Invalid {
	if r.Minor == 0 {
		return nil
	}
	r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: header.Expect})
	r.Continue = header.EqualFold(value, "100-continue")
	if !r.Continue {
		return badExpect
	}
	return nil
}

// finish evaluates the fields once all are read.
func (r *Request) finish(f *framing, hosts int) (bad *Invalid) {
	if hosts == 0 && r.Minor == 1 {
		return noHost
	}
	if r.Length, bad = f.body(r.Minor, 0); bad != nil {
		return bad
	}
	r.Close = f.closes(r.Minor)
	if f.flags&optionNames != 0 {
		if bad = dropNamed(&r.Header, true); bad != nil {
			return bad
		}
	}
	if f.flags&optionUpgrade != 0 && r.Minor == 1 && !tunnelsHTTP(f.upgrade) {
		r.Upgrade = f.upgrade
	}
	return nil
}

// start reads the request line (RFC 9112 section 3).
func (r *Request) start(line []byte) *Invalid {
	n := tokenLength(line)
	r.Method = borrow(line[:n])
	switch {
	case n == len(line):
		return badLine
	case line[n] != ' ':
		return badMethod
	}
	line = line[n+1:]
	end := len(line) - len(" HTTP/1.1")
	if end > 0 && string(line[end:]) == " HTTP/1.1" {
		r.Minor = 1
		return r.target(line[:end])
	}
	if end = bytes.LastIndexByte(line, ' '); end <= 0 {
		return badLine
	}
	version := line[end+1:]
	minor, bad := minorVersion(version)
	if bad != nil {
		r.Target = borrow(line[:end])
		return bad
	}
	r.Minor = minor
	return r.target(line[:end])
}

// minorVersion reads a version (RFC 9112 section 2.3). Minor versions above 1 are served as 1 (RFC 9110 section 2.5).
func minorVersion(b []byte) (int, *Invalid) {
	if len(b) != len("HTTP/1.1") || string(b[:5]) != "HTTP/" || !isDigit(b[5]) || b[6] != '.' || !isDigit(b[7]) {
		return 0, badVersion
	}
	if b[5] != '1' {
		return 0, otherVersion
	}
	return min(int(b[7]-'0'), 1), nil
}

// target parses the request target by its form (RFC 9112 section 3.2).
func (r *Request) target(b []byte) *Invalid {
	r.Target = borrow(b)
	switch {
	case r.Method == connect:
		return r.authorityForm(b)
	case b[0] == '/':
		return r.originForm(b)
	case r.Target == "*" && r.Method == options:
		r.Path = r.Target
		return nil
	}
	return r.absoluteForm(b)
}

func (r *Request) originForm(b []byte) *Invalid {
	n, bad := pathLength(b)
	if bad != nil {
		return bad
	}
	for _, c := range b[n:] {
		if targets[c] == badTarget {
			return badTargets
		}
	}
	r.Path, r.Query = borrow(b[:n]), borrow(b[n:])
	return nil
}

// pathLength is the length of the path that b starts with.
func pathLength(b []byte) (int, *Invalid) {
	for i, c := range b {
		switch targets[c] {
		case badTarget:
			return 0, badTargets
		case question:
			return i, nil
		case percent:
			if !isEscape(borrow(b[i:])) {
				return 0, badEscape
			}
		}
	}
	return len(b), nil
}

func (r *Request) absoluteForm(b []byte) *Invalid {
	scheme, rest, found := strings.Cut(r.Target, "://")
	if !found || !header.EqualFold(scheme, "http") && !header.EqualFold(scheme, "https") {
		if isToken(scheme) && found {
			return badScheme
		}
		return badForm
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !isAuthority(rest[:end]) {
		return badAuthority
	}
	r.Host = rest[:end]
	if bad := r.originForm(b[len(b)-len(rest)+end:]); bad != nil {
		return bad
	}
	switch {
	case r.Path == "" && r.Query == "" && r.Method == options:
		r.Path = "*"
	case r.Path == "":
		r.Path = "/"
	}
	return nil
}

func (r *Request) authorityForm(b []byte) *Invalid {
	if !isAuthority(r.Target) || b[len(b)-1] == ']' || bytes.IndexByte(b, ':') < 0 {
		return badForm
	}
	r.Path, r.Host = r.Target, r.Target
	return nil
}
