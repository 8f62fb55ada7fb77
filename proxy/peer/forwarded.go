package peer

import (
	"net/netip"
	"slices"
	"strings"
)

// maxHost is the longest host that is believed, in bytes: a name of 253 with its dot and a port.
const maxHost = 260

// Scheme is a field by which proxies say the scheme that the client uses.
type Scheme struct {
	Name string
	read func(element string) string
}

// Schemes are all such fields. The first that a request has decides: a proxy that sends it does not take the ones behind
// it from its clients.
var Schemes = [...]Scheme{
	{"X-Forwarded-Proto", scheme},
	{"Forwarded", forwardedProto},
	{"X-Forwarded-Protocol", scheme},
	{"X-Forwarded-Scheme", scheme},
	{"X-Url-Scheme", scheme},
	{"X-Scheme", scheme},
	{"X-Forwarded-Ssl", onOff},
	{"Front-End-Https", onOff},
	{"CloudFront-Forwarded-Proto", scheme},
	{"Cf-Visitor", visitorScheme},
}

// Read is what the lines of the field say: "http", "https" or, if they say neither, nothing. Each proxy may have appended
// an element; the one that counts is that of the first trusted proxy, which is hops elements from the end.
func (s *Scheme) Read(hops int, lines ...string) string { return s.read(element(lines, hops)) }

// scheme reads the name of a scheme. Those of WebSockets stand for the ones that they are opened over (RFC 6455 section
// 11.1), and some proxies write ssl in X-Forwarded-Protocol.
func scheme(s string) string {
	switch {
	case strings.EqualFold(s, "https"), strings.EqualFold(s, "wss"), strings.EqualFold(s, "ssl"):
		return "https"
	case strings.EqualFold(s, "http"), strings.EqualFold(s, "ws"):
		return "http"
	}
	return ""
}

// onOff reads whether TLS is used.
func onOff(s string) string {
	switch {
	case strings.EqualFold(s, "on"), s == "1", strings.EqualFold(s, "true"):
		return "https"
	case strings.EqualFold(s, "off"), s == "0", strings.EqualFold(s, "false"):
		return "http"
	}
	return ""
}

// forwardedProto reads an element of Forwarded (RFC 7239 section 5.4).
func forwardedProto(s string) string {
	for pair := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(trim(pair), "=")
		if strings.EqualFold(name, "proto") {
			return scheme(strings.Trim(value, `"`))
		}
	}
	return ""
}

// visitorScheme reads the JSON object of Cloudflare, which has the scheme alone.
func visitorScheme(s string) string {
	_, value, found := strings.Cut(s, `"scheme":`)
	if !found {
		return ""
	}
	return scheme(strings.Trim(value, ` "}`))
}

// Port is the port that a trusted proxy says the client uses, by the lines of X-Forwarded-Port: digits of a number from 1
// to 65535. It is nothing if the lines say none, or the default port of the other scheme: then it is that of a connection
// between proxies.
func Port(secure bool, hops int, lines ...string) string {
	said := element(lines, hops)
	if !isPort(said) || said[0] == '0' || said == "80" && secure || said == "443" && !secure {
		return ""
	}
	return said
}

// Host is the authority that a trusted proxy says the client asked for, by the lines of X-Forwarded-Host: a host name or
// an address, with or without a port, as it was written (RFC 3986 section 3.2). Of several elements the one counts that is
// hops from the end, as for a scheme. It is nothing if that is no such thing.
func Host(hops int, lines ...string) string {
	said := element(lines, hops)
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

// element is the one that the first of so many trusted proxies wrote, if each of them appended one: the element that is hops
// from the end of the list, or the first where there are less.
func element(lines []string, hops int) string {
	first := ""
	for _, line := range slices.Backward(lines) {
		for next := len(line); next >= 0; {
			end := next
			next = strings.LastIndexByte(line[:end], ',')
			e := trim(line[next+1 : end])
			if e == "" {
				continue
			}
			if first = e; hops <= 1 {
				return e
			}
			hops--
		}
	}
	return first
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
