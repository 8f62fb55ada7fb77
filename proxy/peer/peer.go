// Package peer finds out who a client is: by the address of the connection, by the PROXY protocol's header before it,
// and by the fields in which proxies before the gateway say whom they speak for. It knows nothing of connections and of
// HTTP messages; texts and bytes are given to it. The one policy worth stating: nobody is believed who is not named by
// the gateway's owner, and of a list of proxies only the part that was written by those who are.
package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// private is what stands for the networks that are not on the internet: RFC 1918, RFC 4193, loopback and link-local.
const private = "private"

var privateNetworks = []string{
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "::1/128", "fe80::/10",
}

// ErrNetwork is what every error of ParseNetworks is.
var ErrNetwork = errors.New("bad network")

// Networks is a set of addresses. A nil one is empty. It never changes and is safe for concurrent use.
type Networks struct {
	// spans are sorted, and neither touch nor overlap. IPv4 comes before IPv6.
	spans []span
}

// span is the addresses from first to last, both of one family and without a zone.
type span struct{ first, last netip.Addr }

// ParseNetworks reads a set from networks such as 10.0.0.0/8 and 2001:db8::/32, from single addresses, and from the word
// private, which stands for the networks of RFC 1918 and RFC 4193, loopback and link-local. IPv4 that is mapped into
// IPv6 is IPv4. An error, which is an ErrNetwork, names the input, the rule and the fix.
func ParseNetworks(texts ...string) (*Networks, error) {
	var n Networks
	for _, text := range texts {
		if text == private {
			for _, p := range privateNetworks {
				n.spans = append(n.spans, spanOf(netip.MustParsePrefix(p)))
			}
			continue
		}
		prefix, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		n.spans = append(n.spans, spanOf(prefix))
	}
	n.merge()
	return &n, nil
}

// parseNetwork reads one network or address.
func parseNetwork(text string) (netip.Prefix, error) {
	addr, err := netip.ParseAddr(text)
	if err == nil && addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%w %q: a zone is not known here; write it without the %% and the zone", ErrNetwork, text)
	}
	if err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%w %q: it is no network and no address; write one such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1, or the word %s",
			ErrNetwork, text, private)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	if masked := prefix.Masked(); masked != prefix {
		return prefix, fmt.Errorf("%w %q: it has bits set beyond its first %d; write %s for the network, or %s for the address alone",
			ErrNetwork, text, prefix.Bits(), masked, prefix.Addr())
	}
	return prefix, nil
}

// spanOf is the addresses of a prefix that is masked.
func spanOf(p netip.Prefix) span {
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return span{p.Addr(), end}
}

// merge sorts the spans and joins those that touch.
func (n *Networks) merge() {
	slices.SortFunc(n.spans, func(a, b span) int { return a.first.Compare(b.first) })
	merged := n.spans[:0]
	for _, s := range n.spans {
		i := len(merged) - 1
		if i >= 0 && (s.first.Compare(merged[i].last) <= 0 || s.first == merged[i].last.Next()) {
			if merged[i].last.Less(s.last) {
				merged[i].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	n.spans = merged
}

// Contains reports whether an address is in the set. IPv4 that is mapped into IPv6 is IPv4, and a zone is not looked at.
// It does not allocate.
func (n *Networks) Contains(a netip.Addr) bool {
	if n == nil || len(n.spans) == 0 || !a.IsValid() {
		return false
	}
	a = a.Unmap()
	if a.Zone() != "" {
		a = a.WithZone("")
	}
	low, high := 0, len(n.spans)
	for low < high {
		middle := (low + high) / 2
		switch s := &n.spans[middle]; {
		case a.Less(s.first):
			high = middle
		case s.last.Less(a):
			low = middle + 1
		default:
			return true
		}
	}
	return false
}

// Empty reports whether there is no address in the set.
func (n *Networks) Empty() bool { return n == nil || len(n.spans) == 0 }

// String is the set as ranges of addresses, for logs: "10.0.0.0-10.255.255.255, ::1".
func (n *Networks) String() string {
	if n.Empty() {
		return "none"
	}
	var b strings.Builder
	for i, s := range n.spans {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.first.String())
		if s.last != s.first {
			b.WriteString("-" + s.last.String())
		}
	}
	return b.String()
}
