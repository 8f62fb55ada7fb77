package http1

import (
	"net/netip"
	"strings"
)

// isAuthority reports whether s is a host with or without a port (RFC 3986 sections 3.2.2 and 3.2.3), not empty and
// without user information. A port is any digits, or none after the colon.
func isAuthority(s string) bool {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	for i := range len(port) {
		if !isDigit(port[i]) {
			return false
		}
	}
	if strings.HasPrefix(host, "[") {
		return isLiteral(host)
	}
	return isName(host)
}

// isLiteral reports whether s is an IPv6 address in brackets, without a zone: zones are local to a machine.
func isLiteral(s string) bool {
	if !strings.HasSuffix(s, "]") || strings.Contains(s, "%") {
		return false
	}
	a, err := netip.ParseAddr(s[1 : len(s)-1])
	return err == nil && a.Is6()
}

// isName reports whether s is a registered name; every IPv4 address is one too. RFC 3986 allows escapes in names, but
// isName does not: some parsers decode them and some do not, and no name needs one.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case isAlpha(c) || isDigit(c) || c == '.' || c == '-':
		case strings.IndexByte("_~!$&'()*+,;=", c) < 0:
			return false
		}
	}
	return s != ""
}

// isEscape reports whether s starts with a percent sign and two hexadecimal digits.
func isEscape(s string) bool {
	return len(s) >= 3 && hexDigit(s[1]) < 16 && hexDigit(s[2]) < 16
}
