package subnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func uses(prefixes ...string) []Use {
	var all []Use
	for _, p := range prefixes {
		all = append(all, Use{netip.MustParsePrefix(p), p})
	}
	return all
}

func TestFree_TakesTheFirstGap(t *testing.T) {
	for _, c := range []struct {
		name, want string
		used       []Use
	}{
		{"nothing used", "10.213.0.0/27", nil},
		{"first used", "10.213.0.32/27", uses("10.213.0.0/27")},
		{"a gap", "10.213.0.32/27", uses("10.213.0.0/27", "10.213.0.64/27")},
		{"a wide neighbour", "10.213.1.0/27", uses("10.213.0.0/24")},
		{"a single host in it", "10.213.0.32/27", uses("10.213.0.5/32")},
		{"one in the middle", "10.213.0.96/27", uses("10.213.0.0/26", "10.213.0.64/28")},
		{"host bits in a use", "10.213.0.32/27", uses("10.213.0.9/27")},
		{"a default route and IPv6", "10.213.0.0/27", uses("0.0.0.0/0", "::/0", "fd00::/8")},
		{"elsewhere", "10.213.0.0/27", uses("172.17.0.0/16", "10.212.0.0/16")},
	} {
		got, err := Free(netip.MustParsePrefix(DefaultPool), c.used)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v %v, want %s", c.name, got, err, c.want)
		}
	}
}

// overlapping returns the first use that shares an address with p, or nil.
func overlapping(p netip.Prefix, used []Use) *Use {
	for i, u := range used {
		if u.Prefix.Overlaps(p) {
			return &used[i]
		}
	}
	return nil
}

func TestFree_FitsTwoHundredAndMoreUntilThePoolEnds(t *testing.T) {
	var used []Use
	for n := range 2048 {
		p, err := Free(netip.MustParsePrefix(DefaultPool), used)
		if err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
		if taken := overlapping(p, used); taken != nil {
			t.Fatalf("%s overlaps %s", p, taken.Prefix)
		}
		used = append(used, Use{p, fmt.Sprint("project ", n)})
	}
	if p, err := Free(netip.MustParsePrefix(DefaultPool), used); !errors.Is(err, ErrExhausted) {
		t.Errorf("the 2049th: %v %v", p, err)
	}
}

func TestFree_SaysWhatTakesThePool(t *testing.T) {
	_, err := Free(netip.MustParsePrefix(DefaultPool), []Use{
		{netip.MustParsePrefix("10.213.0.0/27"), "project a"},
		{netip.MustParsePrefix("10.0.0.0/8"), "route of tun0"},
	})
	if !errors.Is(err, ErrExhausted) || !strings.Contains(err.Error(), "10.0.0.0/8 (route of tun0)") || !strings.Contains(err.Error(), "--pool") {
		t.Errorf("got %v", err)
	}
}

func TestFree_NeverOverlapsWhatIsUsed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pool := netip.MustParsePrefix("10.213.0.0/20")
	for range 500 {
		var used []Use
		for range random.IntN(40) {
			addr := netip.AddrFrom4([4]byte{10, 213, byte(random.IntN(32)), byte(random.IntN(256))})
			used = append(used, Use{netip.PrefixFrom(addr, 20+random.IntN(13)), "x"})
		}
		p, err := Free(pool, used)
		if err != nil {
			continue
		}
		if taken := overlapping(p, used); taken != nil || !pool.Contains(p.Addr()) || p.Bits() != Bits || p != p.Masked() {
			t.Fatalf("%s of %v", p, used)
		}
	}
}

func TestFree_EndsAtTheTopOfTheAddressSpace(t *testing.T) {
	if p, err := Free(netip.MustParsePrefix("255.255.255.0/24"), uses("255.255.255.0/24")); !errors.Is(err, ErrExhausted) {
		t.Errorf("got %v %v", p, err)
	}
}

func TestParsePool_NamesInputAndFix(t *testing.T) {
	for in, want := range map[string]string{
		"":              "no IPv4 subnet",
		"fd00::/8":      "no IPv4 subnet",
		"10.213.0.1/16": "write 10.213.0.0/16",
		"10.213.0.0/28": "too small",
	} {
		if _, err := ParsePool(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if pool, err := ParsePool("192.168.64.0/18"); err != nil || pool.String() != "192.168.64.0/18" {
		t.Errorf("a good pool: %v %v", pool, err)
	}
}

// table is from a machine with a byte order of little end first, as all that Go and Docker run on but s390x.
const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
tun0	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
`

func TestParseRoutes_ReadsTheKernelsTable(t *testing.T) {
	routes, err := parseRoutes(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := "[{0.0.0.0/0 route of eth0} {172.17.0.0/16 route of docker0} {10.0.0.0/8 route of tun0}]"
	if got := fmt.Sprint(routes); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add(table)
	f.Fuzz(func(t *testing.T, s string) {
		routes, err := parseRoutes(strings.NewReader(s))
		if err != nil {
			return
		}
		if _, err := Free(netip.MustParsePrefix(DefaultPool), routes); err != nil && !errors.Is(err, ErrExhausted) {
			t.Error(err)
		}
	})
}
