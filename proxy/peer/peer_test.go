package peer

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func networks(t testing.TB, texts ...string) *Networks {
	t.Helper()
	n, err := ParseNetworks(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNetworks_ContainWhatTheyName(t *testing.T) {
	for _, c := range []struct {
		networks string
		in, out  string
	}{
		{"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.2.3", "9.255.255.255 11.0.0.0 ::a00:1 ::1"},
		{"192.0.2.1", "192.0.2.1 ::ffff:192.0.2.1", "192.0.2.0 192.0.2.2"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255 ::ffff:1.2.3.4", ":: 2001:db8::1"},
		{"::/0", ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::1%eth0", "0.0.0.0 255.255.255.255"},
		{"0.0.0.0/0 ::/0", "0.0.0.0 255.255.255.255 :: fe80::1", ""},
		{"::ffff:10.0.0.0/104", "10.2.3.4 ::ffff:10.2.3.4", "11.0.0.0 ::ffff"},
		{"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"},
		{"2001:db8::/33", "2001:db8:: 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8:8000:: 2001:db7:ffff::"},
		{"192.0.2.128/25 192.0.2.0/25 198.51.100.0/24", "192.0.2.0 192.0.2.127 192.0.2.128 192.0.2.255 198.51.100.9", "192.0.3.0 198.51.101.0"},
		{"10.0.0.0/8 10.1.0.0/16 10.255.255.255", "10.0.0.1 10.1.0.1 10.200.0.1", "11.0.0.0"},
		{
			"private", "10.1.1.1 172.16.0.1 172.31.255.255 192.168.9.9 127.0.0.1 127.9.9.9 169.254.1.1 ::1 fe80::1 fd00::1 fc00::1 fe80::1%eth0",
			"172.15.255.255 172.32.0.0 192.169.0.0 8.8.8.8 ::2 2001:db8::1 fec0::1 fe00::",
		},
		{"private 203.0.113.0/24", "10.1.1.1 203.0.113.7", "203.0.114.0"},
		{"", "", "10.0.0.1 ::1"},
	} {
		n := networks(t, strings.Fields(c.networks)...)
		for a := range strings.FieldsSeq(c.in) {
			if !n.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%q (%v) does not contain %s", c.networks, n, a)
			}
		}
		for a := range strings.FieldsSeq(c.out) {
			if n.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%q (%v) contains %s", c.networks, n, a)
			}
		}
	}
}

func TestNetworks_NoneAreEmpty(t *testing.T) {
	var none *Networks
	for _, n := range []*Networks{none, {}, networks(t)} {
		if !n.Empty() || n.Contains(netip.MustParseAddr("127.0.0.1")) || n.String() != "none" {
			t.Errorf("%v is not empty", n)
		}
	}
	if n := networks(t, "private"); n.Empty() || n.Contains(netip.Addr{}) {
		t.Errorf("%v is empty, or contains no address at all", n)
	}
}

func TestNetworks_StringsShowWhatIsIn(t *testing.T) {
	n := networks(t, "::1", "10.0.0.128/25", "10.0.0.0/25", "192.0.2.1")
	if got, want := n.String(), "10.0.0.0-10.0.0.255, 192.0.2.1, ::1"; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

func TestParseNetworks_NamesInputRuleAndFix(t *testing.T) {
	for text, want := range map[string]string{
		"":                  `"": it is no network and no address; write one such as 10.0.0.0/8`,
		"10.0.0.0/33":       `"10.0.0.0/33": it is no network`,
		"10.0.0.1/8":        `"10.0.0.1/8": it has bits set beyond its first 8; write 10.0.0.0/8 for the network, or 10.0.0.1`,
		"2001:db8::1/32":    "write 2001:db8::/32 for the network, or 2001:db8::1",
		"::ffff:10.0.0.1/9": "write ::/9",
		"fe80::1%eth0":      "a zone is not known here; write it without the % and the zone",
		"fe80::%eth0/10":    "write it without the % and the zone",
		"localhost":         "it is no network",
		"privat":            "or the word private",
		"10.0.0.0/8,::1":    "it is no network",
		"010.0.0.0/8":       "it is no network",
		" 10.0.0.0/8":       "it is no network",
	} {
		n, err := ParseNetworks("::1", text)
		if n != nil || !errors.Is(err, ErrNetwork) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v and %v, want %s", text, n, err, want)
		}
	}
}

func FuzzParseNetworks(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "private", "::1", "::ffff:10.0.0.0/104", "::/0", "10.0.0.1/8"} {
		f.Add(s, "192.0.2.0/24")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		both, err := ParseNetworks(a, b)
		if err != nil {
			return
		}
		// Each of the two is in both, and both end where the two do.
		for _, one := range []string{a, b} {
			for _, s := range networks(t, one).spans {
				if !both.Contains(s.first) || !both.Contains(s.last) {
					t.Fatalf("%q and %q are %v, which lacks some of %v", a, b, both, s)
				}
			}
		}
		for _, s := range both.spans {
			if s.last.Less(s.first) || both.Contains(s.last.Next()) || both.Contains(s.first.Prev()) {
				t.Fatalf("%q and %q are %v", a, b, both)
			}
		}
	})
}
