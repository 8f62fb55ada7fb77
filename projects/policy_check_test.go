package projects

import (
	"net/netip"
	"strings"
	"testing"

	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

func TestOverlaps_KeepsTheMachinesOwnNetworks(t *testing.T) {
	prefixes := func(all ...string) (p []netip.Prefix) {
		for _, s := range all {
			p = append(p, netip.MustParsePrefix(s))
		}
		return p
	}
	var routes []subnet.Use
	for i, p := range prefixes("0.0.0.0/0", "192.168.1.0/24", "10.0.0.0/8", "172.18.0.0/16", "10.213.0.0/27") {
		routes = append(routes, subnet.Use{Prefix: p, By: []string{"default", "eth0", "the VPN", "br-1", "br-2"}[i]})
	}
	networks := []docker.Network{
		{Name: "other_web", Subnets: prefixes("172.18.0.0/16"), Labels: map[string]string{"com.docker.compose.project": "other"}},
		{Name: "mine_web", Subnets: prefixes("10.213.0.0/27"), Labels: map[string]string{"com.docker.compose.project": "mine"}},
	}
	for of, want := range map[string]string{
		"192.168.0.0/16": "subnet 192.168.0.0/16 is where this machine reaches 192.168.1.0/24 (eth0) (rule networks)",
		"192.168.1.0/25": "(eth0)", "10.9.0.0/24": "(the VPN)",
		"192.168.2.0/24": "", "fd00::/64": "",
		"10.213.0.0/27": "", // its own, though the VPN came later
		"172.18.0.0/24": "", // for the engine to refuse
	} {
		found := overlaps("mine", map[string][]netip.Prefix{"web": prefixes(of)}, routes, networks)
		if (want == "") != (len(found) == 0) || want != "" && !strings.Contains(found[0].String(), want) {
			t.Errorf("%s: %v, want %q", of, found, want)
		}
	}
}
