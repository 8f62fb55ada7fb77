package http1

import "gateway/proxy/header"

// switching is the status that changes the protocol.
const switching = 101

// ParseResponse reads the head of a response to a request of that method, as ParseRequest does. The status may be any of
// three digits from 100 on; the reason may be missing, with the space before it. No empty line is skipped. Folds and control
// characters in values are replaced with spaces in buf.
func ParseResponse(r *Response, buf []byte, method string, limits Limits) (n int, err error) {
	*r = Response{Header: r.Header[:0], Declared: -1}
	buf, full := limits.cut(buf)
	line, pos, err := cutLine(buf, 0)
	bare := err == bareLF
	if bare {
		line, pos, err = cutResponseLine(buf, 0, bare)
	}
	if err != nil {
		return 0, tooLong(err, full, longHead)
	}
	if bad := r.start(line); bad != nil {
		return 0, bad
	}
	f := framing{length: -1, response: true}
	for lines := 0; ; lines++ {
		start, folds := pos, 0
		if line, pos, err = cutResponseLine(buf, pos, bare); err != nil {
			return 0, tooLong(err, full, longHead)
		}
		if len(line) == 0 {
			break
		}
		if pos == len(buf) || isSpace(buf[pos]) {
			if line, folds, pos, err = unfold(buf, line, start, pos, bare); err != nil {
				return 0, tooLong(err, full, longHead)
			}
		}
		if lines += folds; limits.Fields >= 0 && lines >= limits.Fields {
			return 0, manyFields
		}
		if bad := r.field(line, &f, folds > 0); bad != nil {
			return 0, bad
		}
	}
	if bad := r.finish(&f, method); bad != nil {
		return 0, bad
	}
	return pos, nil
}

// start reads the status line (RFC 9112 section 4).
func (r *Response) start(line []byte) *Invalid {
	const version, digits = len("HTTP/1.1"), len("200")
	if len(line) <= version || line[version] != ' ' {
		return badStatus
	}
	minor, bad := minorVersion(line[:version])
	if bad != nil {
		return bad
	}
	rest := line[version+1:]
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) < digits || len(rest) > digits && rest[digits] != ' ' {
		return badStatus
	}
	for _, c := range rest[:digits] {
		if !isDigit(c) {
			return badStatus
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	if r.Status < 100 {
		return badStatus
	}
	r.Minor = minor
	if len(rest) > digits {
		if !plain(rest, digits) && !isText(rest[digits:]) && !replaceControls(rest[digits:]) {
			return badStatus
		}
		r.Reason = borrow(rest[digits+1:])
	}
	return nil
}

// authenticates are the kinds of fields by which a target may authenticate the connection.
var authenticates = header.SetOf(header.WWWAuthenticate, header.AuthenticationInfo, header.PersistentAuth,
	header.ProxyAuthenticate, header.ProxyAuthenticationInfo)

// field reads one field line.
func (r *Response) field(line []byte, f *framing, unfolded bool) *Invalid {
	name, value, bad := parseResponseField(line)
	if bad != nil {
		return bad
	}
	kind := header.KindOf(name)
	if unfolded && (kind == header.ContentLength || kind == header.TransferEncoding) {
		return folded
	}
	if authenticates.Has(kind) {
		r.challenge(kind, value)
	}
	if !header.Hop.Has(kind) {
		r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: kind})
		return nil
	}
	if kind == header.Connection {
		var names bool
		if names, bad = f.connection(value); names {
			r.Header = append(r.Header, header.Field{Name: name, Value: value, Kind: kind})
		}
	} else {
		bad = f.take(kind, value)
	}
	switch {
	case bad == badOption:
		// An option that is not a token names no field. Apps may send one; it is not forwarded.
		return nil
	case bad == badUpgrade && r.Status != switching:
		// Without 101 it is only an offer.
		f.upgrade = ""
		return nil
	}
	return bad
}

// finish evaluates the fields once all are read.
func (r *Response) finish(f *framing, method string) (bad *Invalid) {
	r.Declared = f.length
	r.Close = f.closes(r.Minor)
	if f.flags&optionUpgrade != 0 && r.Minor == 1 {
		r.Upgrade = f.upgrade
	}
	if f.flags&optionNames != 0 {
		if bad = dropNamed(&r.Header, false); bad != nil {
			return bad
		}
	}
	// What follows a 101 is not HTTP, so that framing fields have no meaning.
	if r.Status == switching {
		return nil
	}
	if r.Length, bad = f.body(r.Minor, UntilClose); bad != nil {
		return bad
	}
	return r.frame(method)
}

// frame applies the status and the method to the framing (RFC 9112 section 6.3).
func (r *Response) frame(method string) *Invalid {
	framed := r.Length == Chunked || r.Length > 0
	unframed := r.Length == UntilClose
	switch {
	case r.Status < 200:
		if framed {
			return framedStatus
		}
		r.Length = 0
	case r.Status == 204:
		// Framing fields are not allowed, so that a target which sends them may send a body too.
		r.Close = r.Close || framed
		r.Length = 0
	case r.Status == 304:
		r.Length, r.Promised = 0, framed
	case method == head:
		r.Length, r.Promised = 0, framed || unframed
	case r.Length == UntilClose:
		r.Close = true
	}
	return nil
}
