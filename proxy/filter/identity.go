package filter

import "gateway/proxy/header"

// requestID gives each request to an app and each response the ID of the request.
type requestID struct{ Pass }

const requestIDField = "X-Request-Id"

// Forward implements Filter.
func (requestID) Forward(r *Request, h *header.Header) {
	h.Append(header.Forged, requestIDField, r.ID)
}

// Response implements Filter.
func (requestID) Response(r *Request, h *header.Header) {
	if !r.Final() {
		return
	}
	if _, found := h.First(header.Forged); found {
		h.Del(requestIDField)
	}
	h.Append(header.Forged, requestIDField, r.ID)
}

// via names the gateway in the Via fields of what it forwards, both ways (RFC 9110 section 7.6.3).
type via struct {
	Pass
	name string
}

// Forward implements Filter.
func (v via) Forward(r *Request, h *header.Header) {
	version := "1.1 "
	switch q := &r.Exchange.Request; {
	case q.Major == 2:
		version = "2.0 "
	case q.Minor == 0:
		version = "1.0 "
	}
	h.Append(header.Other, "Via", version+v.name)
}

// Response implements Filter.
func (v via) Response(r *Request, h *header.Header) {
	if !r.Own && r.Final() {
		h.Append(header.Other, "Via", "1.1 "+v.name)
	}
}
