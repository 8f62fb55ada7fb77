package http1

import (
	"strings"

	"gateway/proxy/header"
)

// connSchemes are the schemes that authenticate a connection and not a request (RFC 4559 section 6).
var connSchemes = [...]string{"ntlm", "negotiate", "nego2", "kerberos"}

// connAuth reports whether a list of credentials or challenges has one of those schemes, and whether data follows it.
// Quoted strings are searched too: a scheme found by mistake costs one connection, a missed one leaks it to another client.
func connAuth(list string) (found, data bool) {
	for more := true; more; {
		var element string
		element, list, more = cutElement(list)
		scheme, rest := element, ""
		if i := strings.IndexAny(element, " \t"); i >= 0 {
			scheme, rest = element[:i], element[i:]
		}
		for _, name := range connSchemes {
			if header.EqualFold(scheme, name) {
				found, data = true, data || strings.Trim(rest, " \t") != ""
			}
		}
	}
	return found, data
}

// credentials reads a field with credentials.
func (r *Request) credentials(value string) {
	found, _ := connAuth(value)
	r.ConnAuth = r.ConnAuth || found
}

// challenge reads a field with challenges, or one that confirms authentication.
func (r *Response) challenge(kind header.Kind, value string) {
	found, data := connAuth(value)
	// Persistent-Auth marks an authenticated connection whatever its value: do not rely on "false".
	r.ConnAuth = r.ConnAuth || found || kind == header.PersistentAuth
	r.Handshake = r.Handshake || data && (r.Status == 401 || r.Status == 407)
}
