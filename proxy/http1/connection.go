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
		told := optionOf(option)
		if told == optionNames {
			names = true
			if !isToken(option) {
				bad = badOption
			}
		}
		f.told |= told
	}
	return names, bad
}

// optionOf returns what an option says; of an empty one, nothing.
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

// dropNamed removes the Connection fields from h, and the fields that they name. With guard, naming a field that is meant
// for the other end is not accepted: who does that wants it to vanish on the way, such as a Cookie that was checked here.
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
			if guard && meantForAll(kind, option) {
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

// forAll are the kinds of fields that no Connection may name.
var forAll = header.SetOf(header.Host, header.ContentLength, header.TransferEncoding, header.ContentType, header.Cookie, header.Expect,
	header.Authorization)

// meantForAll reports whether a field is never one of the connection alone. RFC 9110 section 7.6.1 forbids to name any
// field that is meant for all recipients, and these are the ones whose loss opens a door.
func meantForAll(kind header.Kind, name string) bool {
	if kind != header.Other {
		return forAll.Has(kind)
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

// tunnelsHTTP reports whether one of the protocols is HTTP again, or TLS that may carry it: who changes to those speaks
// HTTP with the target past the gateway.
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

// trailersIn reports whether a TE field says that trailers are taken (RFC 9110 section 10.1.4).
func trailersIn(value string) bool {
	for more := true; more; {
		var coding string
		if coding, value, more = cutElement(value); header.EqualFold(coding, "trailers") {
			return true
		}
	}
	return false
}
