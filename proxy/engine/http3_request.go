package engine

import (
	"errors"
	"net/http"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/http1"
)

// What can be wrong with a request of HTTP/3 only.
var (
	badPath3    = &Refusal{http.StatusBadRequest, "the path does not begin with a slash (RFC 9114 section 4.3.1)"}
	badPadding3 = &Refusal{http.StatusBadRequest, "the value of a field has whitespace around it (RFC 9110 section 5.5)"}
	noTunnel3   = &Refusal{http.StatusNotImplemented, "the protocol cannot be tunnelled (RFC 9220 section 3)"}
	shortBody3  = &Refusal{http.StatusBadRequest, "the body is shorter than its length (RFC 9114 section 4.1.2)"}
	longHead3   = &Refusal{http.StatusRequestHeaderFieldsTooLarge, "the head is too long (RFC 6585 section 5)"}
)

// errLongFields ends the decoding of a head that the parser will find too long.
var errLongFields = errors.New("the head is too long")

// http3Head converts the field section of a request: it writes it as HTTP/1.1 and parses that, so that the same rules
// apply, and the target gets what the parser has checked.
type http3Head struct {
	http1.Request
	// These are the pseudo-header fields.
	method, scheme, authority, path, protocol string
	// text is the head in HTTP/1.1, limit the most bytes that it may have.
	text  []byte
	limit int
	// cookies are those of all Cookie fields.
	cookies []byte
	// started reports that text has its first line, hosted that a Host field was left out, measured that there is a
	// Content-Length, padded that a value has whitespace around it.
	started, hosted, measured, padded bool
	// extended reports that it is an extended CONNECT (RFC 9220).
	extended bool
}

// read converts a field section. The strings are borrowed from buf, or from what it grew into. With a refusal there is
// what could be parsed; an error ends the stream or the connection.
func (d *http3Head) read(block []byte, h header.Header, buf []byte, limits http1.Limits) (*Refusal, error) {
	*d = http3Head{text: buf[:0], limit: limits.Bytes, cookies: d.cookies[:0]}
	d.Header = h[:0]
	err := readFields(block, d.take)
	if err == nil {
		err = d.start()
	}
	if err != nil && err != errLongFields {
		return nil, err
	}
	d.finish()
	_, err = http1.ParseRequest(&d.Request, d.text, limits)
	if invalid, ok := errors.AsType[*http1.Invalid](err); ok {
		return &Refusal{Status: invalid.Status, Reason: invalid.Error()}, nil
	}
	switch {
	case err != nil:
		return &Refusal{Status: http.StatusBadRequest, Reason: err.Error()}, nil
	case d.extended && d.Upgrade == "":
		return noTunnel3, nil
	case d.padded:
		return badPadding3, nil
	case d.path != "" && d.Path != d.path && d.path[0] != '/':
		return badPath3, nil
	}
	if d.extended {
		d.Length = 0
	}
	return nil, nil
}

// take takes one field.
func (d *http3Head) take(name, value string) error {
	if strings.HasPrefix(name, ":") {
		return d.takePseudo(name, value)
	}
	if err := d.start(); err != nil {
		return err
	}
	if err := checkField(name, value); err != nil {
		return err
	}
	if n := len(value); n > 0 && (value[0] <= ' ' || value[n-1] <= ' ') {
		d.padded = true
	}
	switch name {
	case "host":
		if !d.hosted && d.authority != "" && value == d.authority {
			d.hosted = true
			return nil
		}
	case "cookie":
		// HTTP/1.1 has one field (RFC 9114 section 4.2.1).
		if len(d.cookies) > 0 {
			d.cookies = append(d.cookies, "; "...)
		}
		d.cookies = append(d.cookies, value...)
		return d.bound()
	case "content-length":
		d.measured = true
	}
	at := len(d.text)
	d.text = http1.AppendField(d.text, name, value)
	capitalize(d.text[at : at+len(name)])
	return d.bound()
}

// bound ends the decoding of a head that is too long: a small field section can have large fields.
func (d *http3Head) bound() error {
	if d.limit >= 0 && len(d.text)+len(d.cookies) > d.limit {
		return errLongFields
	}
	return nil
}

// takePseudo takes a pseudo-header field (RFC 9114 section 4.3.1). They precede the others, and none comes twice.
func (d *http3Head) takePseudo(name, value string) error {
	var to *string
	switch name {
	case ":method":
		to = &d.method
	case ":scheme":
		to = &d.scheme
	case ":authority":
		to = &d.authority
	case ":path":
		to = &d.path
	case ":protocol":
		to = &d.protocol
	}
	if to == nil || *to != "" || d.started || value == "" && name != ":authority" {
		return errMessage
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c == 0x7f {
			return errMessage
		}
	}
	*to = value
	return nil
}

// start writes the first line, once all pseudo-header fields have come.
func (d *http3Head) start() error {
	if d.started {
		return nil
	}
	d.started = true
	method, target := d.method, d.path
	switch connect := method == http.MethodConnect; {
	case connect && d.protocol != "":
		d.extended, method = true, http.MethodGet
		if d.scheme == "" || d.path == "" || d.authority == "" {
			return errMessage
		}
	case connect:
		target = d.authority
		if d.scheme != "" || d.path != "" || d.authority == "" {
			return errMessage
		}
	case method == "" || d.scheme == "" || d.path == "" || d.protocol != "":
		return errMessage
	}
	d.text = http1.AppendRequestLine(d.text, method, target, "")
	if d.authority != "" {
		d.text = http1.AppendField(d.text, "Host", d.authority)
	}
	return nil
}

// finish writes what comes last.
func (d *http3Head) finish() {
	if len(d.cookies) > 0 {
		d.text = append(append(append(d.text, "Cookie: "...), d.cookies...), "\r\n"...)
	}
	if d.extended {
		d.text = appendUpgrade(d.text, d.protocol)
	}
	d.text = append(d.text, "\r\n"...)
}

// capitalize spells a name as in HTTP/1.1.
func capitalize(name []byte) {
	first := true
	for i, c := range name {
		if first && 'a' <= c && c <= 'z' {
			name[i] = c &^ 0x20
		}
		first = c == '-'
	}
}
