package filter

import "gateway/proxy/header"

// requestID gives each request to an app and each response the ID of the request.
var requestID = Filter{Forward: forwardID, Response: returnID}

const requestIDField = "X-Request-Id"

func forwardID(r *Request, h *header.Header) {
	h.Append(header.Forged, requestIDField, r.ID)
}

func returnID(r *Request, h *header.Header) {
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
	name string
}

func newVia(name string) Filter {
	if name == "" {
		return Filter{}
	}
	v := via{name}
	return Filter{Forward: v.forward, Response: v.response}
}

func (v via) forward(r *Request, h *header.Header) {
	version := "1.1 "
	switch q := &r.Exchange.Request; {
	case q.Major == 2:
		version = "2.0 "
	case q.Minor == 0:
		version = "1.0 "
	}
	h.Append(header.Other, "Via", version+v.name)
}

func (v via) response(r *Request, h *header.Header) {
	if !r.Own && r.Final() {
		h.Append(header.Other, "Via", "1.1 "+v.name)
	}
}
