package peer

import (
	"net/netip"
	"strings"
)

// maxHost is the longest host that is believed, in bytes: a name of 253 with its dot and a port.
const maxHost = 260

// Proto is the scheme that a trusted peer says the visitor uses, by the lines of X-Forwarded-Proto: "http", "https" or,
// if it says none or says several that differ, nothing.
func Proto(lines ...string) string {
	switch said := only(lines); {
	case strings.EqualFold(said, "https"):
		return "https"
	case strings.EqualFold(said, "http"):
		return "http"
	}
	return ""
}

// Host is the authority that a trusted peer says the visitor asked for, by the lines of X-Forwarded-Host: a host name or
// an address, with or without a port, as it was written (RFC 3986 section 3.2). It is nothing if the peer says none, says
// several that differ, or says what is no such thing.
func Host(lines ...string) string {
	said := only(lines)
	if said == "" || len(said) > maxHost {
		return ""
	}
	host := said
	if colon := strings.LastIndexByte(said, ':'); colon > strings.LastIndexByte(said, ']') {
		host = said[:colon]
		if !isPort(said[colon+1:]) {
			return ""
		}
	}
	if strings.HasPrefix(host, "[") {
		if !isLiteral(host) {
			return ""
		}
		return said
	}
	if !isName(host) {
		return ""
	}
	return said
}

// only is the element of a list that has one, however often it is repeated: of several that differ, nobody knows who
// wrote which.
func only(lines []string) string {
	said := ""
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			element = trim(element)
			switch {
			case element == "" || element == said:
			case said == "":
				said = element
			default:
				return ""
			}
		}
	}
	return said
}

// isLiteral reports whether s is an IPv6 address in brackets, without a zone.
func isLiteral(s string) bool {
	if len(s) > len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]") || !strings.HasSuffix(s, "]") || strings.IndexByte(s, '%') >= 0 {
		return false
	}
	a, err := netip.ParseAddr(s[1 : len(s)-1])
	return err == nil && a.Is6()
}

// isName reports whether s may be a host name or an IPv4 address: letters, digits and "-._", with no empty part but the
// last.
func isName(s string) bool {
	dot := true
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if dot {
				return false
			}
		case 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		default:
			return false
		}
		dot = s[i] == '.'
	}
	return s != ""
}
