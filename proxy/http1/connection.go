package http1

import (
	"strings"

	"gateway/proxy/header"
)

// connection reads a Connection field (RFC 9110 section 7.6.1). It reports whether the field names others.
func (f *framing) connection(value string) (names bool, bad *Invalid) {
	for more := true; more; {
		var option string
		option, value, more = cutElement(value)
		if f.options++; f.options > maxOptions {
			return false, manyOptions
		}
		flag := optionOf(option)
		if flag == optionNames {
			names = true
			if !isToken(option) {
				bad = badOption
			}
		}
		f.flags |= flag
	}
	return names, bad
}

// optionOf returns the flag of a connection option, 0 for an empty one.
func optionOf(option string) uint {
	switch {
	case option == "":
		return 0
	case header.EqualFold(option, "keep-alive"):
		return optionKeep
	case header.EqualFold(option, "close"):
		return optionClose
	case header.EqualFold(option, "upgrade"):
		return optionUpgrade
	}
	return optionNames
}

// dropNamed removes the Connection fields from h, and the fields that they name. With guard, it refuses a Connection that
// names an end-to-end field: its purpose is to remove a field, such as a Cookie, after the gateway has checked it.
func dropNamed(h *header.Header, guard bool) *Invalid {
	defer h.Drop(header.Hop)
	for i := 0; i < len(*h); i++ {
		if (*h)[i].Kind != header.Connection {
			continue
		}
		value := (*h)[i].Value
		for more := true; more; {
			var option string
			option, value, more = cutElement(value)
			kind := header.KindOf(option)
			if guard && isEndToEnd(kind, option) {
				return endToEnd
			}
			if option != "" && !header.Hop.Has(kind) {
				i -= dropBefore(h, option, i)
			}
		}
	}
	return nil
}

// dropBefore removes the fields of that name and returns how many of them were before an index.
func dropBefore(h *header.Header, name string, index int) int {
	before := 0
	kind := header.KindOf(name)
	for _, f := range (*h)[:index] {
		if f.Kind == kind && header.EqualFold(f.Name, name) {
			before++
		}
	}
	h.Del(name)
	return before
}

// endToEndKinds are the kinds of fields that Connection must not name.
var endToEndKinds = header.SetOf(header.Host, header.ContentLength, header.TransferEncoding, header.ContentType, header.Cookie, header.Expect,
	header.Authorization)

// isEndToEnd reports whether a field is end-to-end and its removal a risk. RFC 9110 section 7.6.1 forbids naming any field
// that is intended for all recipients; these are the ones that matter for security.
func isEndToEnd(kind header.Kind, name string) bool {
	if kind != header.Other {
		return endToEndKinds.Has(kind)
	}
	for _, n := range [...]string{"cache-control", "content-encoding", "content-range", "origin", "range"} {
		if header.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// isProtocols reports whether an Upgrade field is a list of protocols (RFC 9110 section 7.8).
func isProtocols(value string) bool {
	found := false
	for more := true; more; {
		var protocol string
		protocol, value, more = cutElement(value)
		if protocol == "" {
			continue
		}
		name, version, slash := strings.Cut(protocol, "/")
		if !isToken(name) || slash && !isToken(version) {
			return false
		}
		found = true
	}
	return found
}

// tunnelsHTTP reports whether one of the protocols is HTTP, or TLS, which may carry HTTP: after such an upgrade the client
// could send requests to the target that the gateway does not see.
func tunnelsHTTP(protocols string) bool {
	for more := true; more; {
		var protocol string
		protocol, protocols, more = cutElement(protocols)
		name, _, _ := strings.Cut(protocol, "/")
		h2 := len(name) >= 2 && header.EqualFold(name[:2], "h2")
		if h2 || header.EqualFold(name, "http") || header.EqualFold(name, "tls") {
			return true
		}
	}
	return false
}

// trailersIn reports whether a TE field says that the sender accepts trailers (RFC 9110 section 10.1.4).
func trailersIn(value string) bool {
	for more := true; more; {
		var coding string
		if coding, value, more = cutElement(value); header.EqualFold(coding, "trailers") {
			return true
		}
	}
	return false
}
