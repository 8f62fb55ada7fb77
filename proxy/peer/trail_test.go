package peer

import (
	"net/netip"
	"strings"
	"testing"
)

func TestFollow_FindsTheClient(t *testing.T) {
	trusted := networks(t, "10.0.0.0/8", "2001:db8:ffff::/48")
	for _, c := range []struct {
		name, peer string
		lines      []string
		client     string
		sent       string
	}{
		{"nobody is trusted who is not named", "192.0.2.1", []string{"203.0.113.9"}, "192.0.2.1", "192.0.2.1"},
		{"no field", "10.0.0.1", nil, "10.0.0.1", "10.0.0.1"},
		{"an empty field", "10.0.0.1", []string{"", " ", ","}, "10.0.0.1", "10.0.0.1"},
		{"one", "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", "203.0.113.9, 10.0.0.1"},
		{"forged ones before it", "10.0.0.1", []string{"1.1.1.1, 10.9.9.9, 203.0.113.9"}, "203.0.113.9", "203.0.113.9, 10.0.0.1"},
		{"behind another proxy", "10.0.0.1", []string{"1.1.1.1,203.0.113.9 ,10.0.0.2"}, "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.1"},
		{"all are trusted", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", "10.0.0.3, 10.0.0.2, 10.0.0.1"},
		{"several lines", "10.0.0.1", []string{"1.1.1.1, 203.0.113.9", "10.0.0.3", "10.0.0.2"}, "203.0.113.9", "203.0.113.9, 10.0.0.3, 10.0.0.2, 10.0.0.1"},
		{"the client ends a line", "10.0.0.1", []string{"1.1.1.1", "10.0.0.3,203.0.113.9", "10.0.0.2"}, "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.1"},
		{"empty elements", "10.0.0.1", []string{",203.0.113.9,, ", "", ",\t10.0.0.2 ,"}, "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.1"},
		{"no address at the end", "10.0.0.1", []string{"203.0.113.9, unknown"}, "10.0.0.1", "10.0.0.1"},
		{"no address before a trusted one", "10.0.0.1", []string{"203.0.113.9, _hidden, 10.0.0.2"}, "10.0.0.2", "10.0.0.2, 10.0.0.1"},
		{"no address before the client", "10.0.0.1", []string{"<script>, 203.0.113.9"}, "203.0.113.9", "203.0.113.9, 10.0.0.1"},
		{"a port", "10.0.0.1", []string{"203.0.113.9:4711, 10.0.0.2:80"}, "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.1"},
		{"IPv6", "2001:db8:ffff::1", []string{"2001:db8::1"}, "2001:db8::1", "2001:db8::1, 2001:db8:ffff::1"},
		{"IPv6 in brackets", "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1", "2001:db8::1, 10.0.0.1"},
		{"IPv6 with a port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1", "2001:db8::1, 10.0.0.1"},
		{"IPv6 not canonical", "10.0.0.1", []string{"2001:DB8:0:0::1"}, "2001:db8::1", "2001:db8::1, 10.0.0.1"},
		{"IPv6 with a zone", "10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1", "fe80::1, 10.0.0.1"},
		{"IPv6 with a zone in brackets", "10.0.0.1", []string{"[fe80::1%25eth0]:80"}, "fe80::1", "fe80::1, 10.0.0.1"},
		{"mapped", "10.0.0.1", []string{"::ffff:203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.1"},
		{"a peer without address", "@", []string{"203.0.113.9"}, "@", "@"},
	} {
		trail := Follow(trusted, c.peer, c.lines...)
		if trail.Client != c.client || trail.Addr.IsValid() && trail.Addr.String() != c.client {
			t.Errorf("%s: the client of %q from %s is %s, want %s", c.name, c.lines, c.peer, trail.Client, c.client)
		}
		if got := string(trail.AppendFor([]byte("> "))); got != "> "+c.sent {
			t.Errorf("%s: %q from %s becomes %q, want %q", c.name, c.lines, c.peer, got, c.sent)
		}
		if hops := max(1, strings.Count(c.sent, ",")); trail.Hops() != hops {
			t.Errorf("%s: %q from %s came over %d proxies, want %d", c.name, c.lines, c.peer, trail.Hops(), hops)
		}
		if peer, err := netip.ParseAddr(c.peer); trail.Trusted != (err == nil && trusted.Contains(peer)) {
			t.Errorf("%s: %s is trusted: %v", c.name, c.peer, trail.Trusted)
		}
	}
}

func TestFollow_WithoutNetworksLooksAtNothing(t *testing.T) {
	for _, none := range []*Networks{nil, {}} {
		trail := Follow(none, "127.0.0.1", "203.0.113.9")
		if trail.Client != "127.0.0.1" || trail.Trusted || string(trail.AppendFor(nil)) != "127.0.0.1" {
			t.Errorf("%+v", trail)
		}
	}
}

func TestParseAddress_TakesNoMoreThanAddresses(t *testing.T) {
	for _, s := range []string{
		"", "unknown", "_x", "1.2.3", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "1.2.3.4:123456", "1.2.3.4:-1", "01.2.3.4",
		"[1.2.3.4]", "[1.2.3.4]:80", "[::1", "::1]", "[::1]80", "[::1]:", "[::1]:x", "[]", "[]:80", "[[::1]]", "::1]:80", "1:2", "fe80::1%", "[fe80::1%]",
		"%eth0", "1.2.3.4%eth0", "1.2.3.4 ", " ::1", "\"1.2.3.4\"", "for=1.2.3.4", strings.Repeat("1", 1000), "::1/128", "example.org",
	} {
		if a, _, ok := parseAddress(s); ok {
			t.Errorf("%q is %s", s, a)
		}
	}
}

func TestFollow_AllocatesOnlyToRewrite(t *testing.T) {
	trusted, room := networks(t, "private", "192.0.2.0/24"), make([]byte, 0, 256)
	follow := func(lines []string) func() {
		return func() {
			trail := Follow(trusted, "10.0.0.1", lines...)
			room = trail.AppendFor(room[:0])
		}
	}
	for _, lines := range [][]string{nil, {"203.0.113.9"}, {"2001:db8::1"}, {"[2001:db8::1]:80"}, {"203.0.113.9:80, 10.0.0.2", "192.0.2.9"}} {
		if n := testing.AllocsPerRun(100, follow(lines)); n > 0 {
			t.Errorf("%q costs %v allocations", lines, n)
		}
	}
}

func FuzzFollow(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.2", "10.0.0.3")
	f.Add("[2001:DB8::1]:80", "::ffff:10.0.0.2, ")
	f.Add("fe80::1%eth0,x", "")
	trusted := networks(f, "10.0.0.0/8", "fe80::/10")
	f.Fuzz(func(t *testing.T, a, b string) {
		trail := Follow(trusted, "10.0.0.1", a, b)
		client, err := netip.ParseAddr(trail.Client)
		if err != nil || client.String() != trail.Client || client.Zone() != "" || client.Is4In6() {
			t.Fatalf("%q, %q have the client %q", a, b, trail.Client)
		}
		// Whoever gets what is sent on, and trusts as we do, finds the same client, and the same way.
		sent := string(trail.AppendFor(nil))
		before, _ := strings.CutSuffix(sent, "10.0.0.1")
		again := Follow(trusted, "10.0.0.1", before)
		if again.Client != trail.Client || string(again.AppendFor(nil)) != sent {
			t.Fatalf("%q, %q become %q with the client %s, from which comes %s", a, b, sent, trail.Client, again.Client)
		}
		// One line says what two say.
		if one := Follow(trusted, "10.0.0.1", a+","+b); one.Client != trail.Client {
			t.Fatalf("%q, %q have the client %s in two lines and %s in one", a, b, trail.Client, one.Client)
		}
	})
}

func BenchmarkFollow(b *testing.B) {
	trusted, room := networks(b, "private", "192.0.2.0/24", "198.51.100.0/24"), make([]byte, 0, 256)
	for _, c := range []struct{ name, line string }{{"None", ""}, {"IPv4", "203.0.113.9"}, {"IPv6", "2001:db8:1:2:3:4:5:6"}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				trail := Follow(trusted, "10.0.0.1", c.line)
				room = trail.AppendFor(room[:0])
			}
		})
	}
}
