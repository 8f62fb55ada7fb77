package authority

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// suffixes are those of home networks: of multicast DNS (RFC 6762), of special use (RFC 6761, 8375), reserved for private
// use by ICANN, and those that routers use.
var suffixes = []string{"lan", "local", "localhost", "internal", "home.arpa", "fritz.box"}

// networks are the addresses that no public authority can validate: private ones (RFC 1918, 4193), those of providers
// and VPNs (RFC 6598), of one link (RFC 3927, 4291), and of one machine.
var networks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// Internal reports whether no public authority can sign for a name, a wildcard or an address: it is private, of a home
// network, or below no top-level domain of the internet.
func Internal(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."))
	if name == "" {
		return false
	}
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip.Unmap().WithZone("")) })
	}
	below := func(suffix string) bool { return name == suffix || strings.HasSuffix(name, "."+suffix) }
	return slices.ContainsFunc(suffixes, below) || !icann(name)
}

// icann reports whether a name is below a top-level domain of the internet.
func icann(name string) bool {
	_, known := publicsuffix.PublicSuffix(name[strings.LastIndexByte(name, '.')+1:])
	return known
}

// suffixesOf are the usual suffixes and those of domains that are below no top-level domain of the internet.
func suffixesOf(domains []string) []string {
	all := slices.Clone(suffixes)
	for _, d := range domains {
		d = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(d, "*."), "."))
		last := d[strings.LastIndexByte(d, '.')+1:]
		_, err := netip.ParseAddr(d)
		if d != "" && err != nil && !icann(d) && !slices.Contains(all, last) {
			all = append(all, last)
		}
	}
	return all
}
