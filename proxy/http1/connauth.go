package http1

import (
	"strings"

	"gateway/proxy/header"
)

// binding are the schemes that authenticate a connection and not a request (RFC 4559 section 6).
var binding = [...]string{"ntlm", "negotiate", "nego2", "kerberos"}

// binds reports whether a list of credentials or challenges has one of those schemes, and whether data follows it. What
// is in quotes is not told apart: a scheme that is found too much costs one connection, one that is missed leaks it.
func binds(list string) (found, data bool) {
	for more := true; more; {
		var element string
		element, list, more = cutElement(list)
		scheme, rest := element, ""
		if i := strings.IndexAny(element, " \t"); i >= 0 {
			scheme, rest = element[:i], element[i:]
		}
		for _, name := range binding {
			if header.EqualFold(scheme, name) {
				found, data = true, data || strings.Trim(rest, " \t") != ""
			}
		}
	}
	return found, data
}

func (r *Request) bind(credentials string) {
	found, _ := binds(credentials)
	r.Binds = r.Binds || found
}

// bind reads a field that says how the connection is authenticated.
func (r *Response) bind(kind header.Kind, value string) {
	found, data := binds(value)
	// Persistent-Auth says that the connection is, whatever its value: "false" is not to be relied on.
	r.Binds = r.Binds || found || kind == header.PersistentAuth
	r.Handshake = r.Handshake || data && (r.Status == 401 || r.Status == 407)
}
