package peer

import (
	"net/netip"
	"slices"
	"strings"
)

// Trail is the way of a request to the gateway, as far as it can be believed. Its strings may be borrowed from what
// Follow was given.
type Trail struct {
	// Client is the client's address: IPv4 not mapped, IPv6 in its canonical form (RFC 5952), without port and zone.
	Client string
	// Addr is Client as a number. It is not valid when that is no address, or nobody is trusted.
	Addr netip.Addr
	// Trusted reports that the peer is trusted, so that what it says of the client may be used.
	Trusted bool

	peer  string
	lines []string
	// line and after say where in lines the client's element ends; line is len(lines) when the client is the peer.
	line, after int
}

// Follow finds the client of a request. Peer is the address of the connection, canonical and without port. ForwardedFor
// are the lines of X-Forwarded-For, which are one list in their order; they are looked at only if the peer is trusted.
// Then, from the right, the first address that is not trusted is the client's. What is no address ends the way: the one
// before it counts. If all are trusted, it is the leftmost. Addresses may have a port, brackets and a zone. Follow
// allocates only when the client is not written in its canonical form.
func Follow(trusted *Networks, peer string, forwardedFor ...string) Trail {
	t := Trail{Client: peer, peer: peer, lines: forwardedFor, line: len(forwardedFor)}
	if trusted.Empty() {
		return t
	}
	addr, _, ok := parseAddress(peer)
	if t.Addr = addr; !ok || !trusted.Contains(addr) {
		return t
	}
	t.Trusted = true
	client, written := t.walk(trusted, addr)
	t.Client, t.Addr = canonical(client, written), client
	return t
}

// walk goes from the trusted peer, whose address is given, back to the client.
func (t *Trail) walk(trusted *Networks, addr netip.Addr) (client netip.Addr, written string) {
	client, written = addr, t.peer
	for line, text := range slices.Backward(t.lines) {
		for next := len(text); next >= 0; {
			end := next
			next = strings.LastIndexByte(text[:end], ',')
			element := trim(text[next+1 : end])
			if element == "" {
				continue
			}
			addr, host, ok := parseAddress(element)
			if !ok {
				return client, written
			}
			client, written, t.line, t.after = addr, host, line, end
			if !trusted.Contains(addr) {
				return client, written
			}
		}
	}
	return client, written
}

// AppendFor appends what X-Forwarded-For says to the app: the addresses from the client's on, and the peer's last. It is
// rewritten from what was read: without ports, and without what could not be believed.
func (t *Trail) AppendFor(to []byte) []byte {
	if t.line == len(t.lines) {
		return append(to, t.peer...)
	}
	to = append(append(to, t.Client...), ", "...)
	after := t.after
	for _, text := range t.lines[t.line:] {
		for element := range strings.SplitSeq(text[after:], ",") {
			if addr, _, ok := parseAddress(trim(element)); ok {
				to = append(addr.AppendTo(to), ", "...)
			}
		}
		after = 0
	}
	return append(to, t.peer...)
}

// Hops is how many trusted proxies the request came through that appended to X-Forwarded-For, at least 1.
func (t *Trail) Hops() int {
	hops := 1
	if t.line == len(t.lines) {
		return hops
	}
	after := t.after
	for _, text := range t.lines[t.line:] {
		for element := range strings.SplitSeq(text[after:], ",") {
			if trim(element) != "" {
				hops++
			}
		}
		after = 0
	}
	return hops
}

// parseAddress reads an address with or without brackets, port and zone. The result has no zone and is not mapped; host
// is the part of s that it is written in.
func parseAddress(s string) (a netip.Addr, host string, ok bool) {
	host = s
	switch colon := strings.IndexByte(s, ':'); {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 || !(end == len(s)-1 || s[end+1] == ':' && isPort(s[end+2:])) {
			return netip.Addr{}, "", false
		}
		host = s[1:end]
		if strings.IndexByte(host, ':') < 0 {
			return netip.Addr{}, "", false
		}
	case colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0:
		if !isPort(s[colon+1:]) {
			return netip.Addr{}, "", false
		}
		host = s[:colon]
	}
	// A zone is cut off before, because netip keeps every one it has seen.
	if percent := strings.IndexByte(host, '%'); percent > 0 && percent < len(host)-1 && strings.IndexByte(host, ':') >= 0 {
		host = host[:percent]
	}
	// What is longer than any address needs no error that repeats it.
	if host == "" || len(host) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
		return netip.Addr{}, "", false
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), host, err == nil
}

// isPort reports whether s is the number of a port, as it is written after a colon.
func isPort(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || len(s) > 5 {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return s != "" && n <= 0xffff
}

// canonical is the address in its canonical form: what was written, when it is that. Of IPv4 no other form is read.
func canonical(a netip.Addr, written string) string {
	if a.Is4() && strings.IndexByte(written, ':') < 0 {
		return written
	}
	var room [64]byte
	if form := a.AppendTo(room[:0]); string(form) != written {
		return string(form)
	}
	return written
}

// trim removes what may stand around an element of a list (RFC 9110 section 5.6.1).
func trim(s string) string { return strings.Trim(s, " \t") }
