// Package subnet chooses the addresses of project networks: small subnets from one pool, so that hundreds of networks
// fit where Docker's own pools end at about thirty. It computes on prefixes, and reads the routes of the machine it
// runs on; it knows nothing of engines or projects. The policy: a subnet never shares an address with anything known
// to be in use.
package subnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// DefaultPool is where subnets are taken from when nobody names another pool: room for 2,048.
const DefaultPool = "10.213.0.0/16"

// Bits is the length of the prefixes that are handed out: 29 addresses beside the bridge's own.
const Bits = 27

// ErrExhausted says that a pool has no free subnet left.
var ErrExhausted = errors.New("no free subnet")

// Use is a prefix that is in use, and by what, as people know it: "network web of project robots".
type Use struct {
	Prefix netip.Prefix
	By     string
}

// ParsePool reads the pool that subnets are taken from: an IPv4 prefix of at most 27 bits without host bits.
func ParsePool(s string) (netip.Prefix, error) {
	pool, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !pool.Addr().Is4():
		return netip.Prefix{}, fmt.Errorf("pool %q is no IPv4 subnet; write one such as %s", s, DefaultPool)
	case pool != pool.Masked():
		return netip.Prefix{}, fmt.Errorf("pool %q has host bits set; write %s", s, pool.Masked())
	case pool.Bits() > Bits:
		return netip.Prefix{}, fmt.Errorf("pool %q is too small; a network takes a /%d, so write a shorter prefix such as %s", s, Bits, DefaultPool)
	}
	return pool, nil
}

// Free returns the first /27 of the pool that shares no address with what is used. IPv6 prefixes and default routes
// are in nobody's way. When there is none the error wraps ErrExhausted and says what takes the most room.
func Free(pool netip.Prefix, used []Use) (netip.Prefix, error) {
	const step = uint64(1) << (32 - Bits)
	at, end := span(pool)
	for _, u := range sorted(used) {
		first, after := span(u.Prefix)
		if first >= at+step {
			break
		}
		if after > at {
			at = (after + step - 1) / step * step
		}
	}
	if at >= end {
		return netip.Prefix{}, exhausted(pool, used)
	}
	return netip.PrefixFrom(address(at), Bits), nil
}

// sorted returns what a subnet can collide with, by first address.
func sorted(used []Use) []Use {
	var all []Use
	for _, u := range used {
		if matters(u.Prefix) {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b Use) int { return a.Prefix.Masked().Addr().Compare(b.Prefix.Masked().Addr()) })
	return all
}

func exhausted(pool netip.Prefix, used []Use) error {
	var widest Use
	for _, u := range used {
		if matters(u.Prefix) && u.Prefix.Overlaps(pool) && (widest.By == "" || u.Prefix.Bits() < widest.Prefix.Bits()) {
			widest = u
		}
	}
	return fmt.Errorf("%w in the pool %s: the widest of those in use is %s (%s); name another pool with --pool or $GATEWAY_POOL, such as 172.30.0.0/16",
		ErrExhausted, pool, widest.Prefix, widest.By)
}

// matters leaves out what no subnet can collide with: IPv6, and the default route, which is there for what is not used.
func matters(p netip.Prefix) bool { return p.IsValid() && p.Addr().Is4() && p.Bits() > 0 }

// span is the first address of an IPv4 prefix and the one after its last.
func span(p netip.Prefix) (first, end uint64) {
	first = uint64(binary.BigEndian.Uint32(p.Masked().Addr().AsSlice()))
	return first, first + uint64(1)<<(32-p.Bits())
}

func address(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))))
}
