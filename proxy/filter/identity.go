package filter

import "gateway/proxy/header"

// requestID adds the ID of the request to what the app and the client get.
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

// via adds the gateway to Via, in requests and responses (RFC 9110 section 7.6.3).
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
	case q.Major == 3:
		version = "3.0 "
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
