package server

import (
	"strings"
	"testing"

	"gateway/proxy/label"
)

func TestNetworkSpec_RefusesWithAMend(t *testing.T) {
	for name, c := range map[string]struct {
		o    networkOptions
		want string
	}{
		"a bad name":        {networkOptions{name: "a b"}, "write chess"},
		"before the proxy":  {networkOptions{name: "0-a"}, "sorts before 0-gateway"},
		"the proxy's":       {networkOptions{name: "0-gateway"}, "sorts before"},
		"host bits":         {networkOptions{name: "chess", subnet: "10.213.7.1/27"}, "--subnet"},
		"no room":           {networkOptions{name: "chess", subnet: "10.213.7.0/30"}, "--subnet"},
		"an IPv6 subnet":    {networkOptions{name: "chess", subnet: "fd00::/64"}, "--subnet"},
		"upper case is low": {networkOptions{name: "0-Zoo"}, "sorts before"},
	} {
		if s, err := c.o.spec(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v, want %q", name, s, err, c.want)
		}
	}
	s, err := networkOptions{name: "chess", internal: true}.spec()
	if err != nil || !s.Internal || s.Labels[label.Role] != label.RoleBackend || s.Subnet.IsValid() {
		t.Errorf("internal: %+v %v", s, err)
	}
}
