package engine

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/http1"
)

// What can be wrong with a request of HTTP/2 only.
var (
	badPath     = &Refusal{http.StatusBadRequest, "the path does not begin with a slash (RFC 9113 section 8.3.1)"}
	badPadding  = &Refusal{http.StatusBadRequest, "the value of a field has whitespace around it (RFC 9113 section 8.2.1)"}
	badProtocol = &Refusal{http.StatusBadRequest, "a protocol is asked for without CONNECT (RFC 8441 section 4)"}
	noTunnel    = &Refusal{http.StatusNotImplemented, "the protocol cannot be tunnelled (RFC 8441 section 4)"}
	shortBody   = &Refusal{http.StatusBadRequest, "the body is shorter than its length (RFC 9113 section 8.1.1)"}
)

// protocolKey is where the library stores the protocol of an extended CONNECT.
const protocolKey = ":protocol"

// http2Head converts the library's request: it writes it as HTTP/1.1 and parses that, so that the same rules apply, and
// the target gets what the parser has checked.
type http2Head struct {
	http1.Request
	keys []string
	// extended reports that it is an extended CONNECT (RFC 8441).
	extended bool
}

// read converts the request. The strings are borrowed from buf, or from what it grew into. With a refusal there is what
// could be parsed.
func (d *http2Head) read(r *http.Request, h header.Header, buf []byte, limits http1.Limits) *Refusal {
	_, asked := r.Header[protocolKey]
	d.extended = asked && r.Method == http.MethodConnect
	d.Header = h[:0]
	_, err := http1.ParseRequest(&d.Request, d.compose(buf[:0], r), limits)
	if invalid, ok := errors.AsType[*http1.Invalid](err); ok {
		return &Refusal{Status: invalid.Status, Reason: invalid.Error()}
	}
	if err != nil {
		return &Refusal{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	switch {
	case asked && !d.extended:
		return badProtocol
	case d.extended && d.Upgrade == "":
		return noTunnel
	case padded(r.Header):
		return badPadding
	case d.Path == r.RequestURI || r.RequestURI[0] == '/':
		return d.measure(r)
	}
	return badPath
}

// measure finds the length of the body.
func (d *http2Head) measure(r *http.Request) *Refusal {
	switch {
	case d.extended:
		d.Length = 0
	case r.ContentLength >= 0 && r.ContentLength != d.Length:
		return shortBody
	default:
		d.Length = r.ContentLength
	}
	return nil
}

// padded reports whether a value begins or ends with whitespace.
func padded(fields http.Header) bool {
	for _, values := range fields {
		for _, v := range values {
			if len(v) > 0 && (v[0] <= ' ' || v[len(v)-1] <= ' ') {
				return true
			}
		}
	}
	return false
}

// compose appends the head in HTTP/1.1. The library has checked that no name or value can end a line.
func (d *http2Head) compose(out []byte, r *http.Request) []byte {
	method := r.Method
	if d.extended {
		method = http.MethodGet
	}
	out = http1.AppendRequestLine(out, method, r.RequestURI, "")
	if r.Host != "" {
		out = http1.AppendField(out, "Host", r.Host)
	}
	d.keys = sorted(d.keys[:0], r.Header)
	for _, name := range d.keys {
		values := r.Header[name]
		if name == protocolKey || name == "Host" && len(values) == 1 && values[0] == r.Host {
			continue
		}
		for _, value := range values {
			out = http1.AppendField(out, name, value)
		}
	}
	if len(r.Trailer) > 0 {
		out = http1.AppendField(out, "Trailer", strings.Join(sorted(nil, r.Trailer), ", "))
	}
	if d.extended {
		out = appendUpgrade(out, r.Header[protocolKey][0])
	}
	return append(out, "\r\n"...)
}

// appendUpgrade appends the fields that ask for a protocol in HTTP/1.1. A WebSocket needs a key there, which HTTP/2
// does not have (RFC 8441 section 5).
func appendUpgrade(out []byte, protocol string) []byte {
	out = append(out, "Connection: Upgrade\r\n"...)
	out = http1.AppendField(out, "Upgrade", protocol)
	if header.EqualFold(protocol, "websocket") {
		var nonce [16]byte
		_, _ = rand.Read(nonce[:])
		out = http1.AppendField(out, "Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(nonce[:]))
	}
	return out
}
