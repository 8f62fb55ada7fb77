package limit

import "testing"

func TestKeyOf_TellsClientsApart(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"0.0.0.0":                 "0.0.0.0",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:db8:0:1::1":         "2001:db8:0:1::/64",
		"2001:db8:0:1:ffff::":     "2001:db8:0:1::/64",
		"2001:DB8:0:1::1":         "2001:db8:0:1::/64",
		"fe80::1%eth0":            "fe80::/64",
		"::1":                     "::/64",
		"@":                       "@",
		"":                        "",
		"/run/gateway/front.sock": "/run/gateway/front.sock",
	} {
		if got := KeyOf(client).String(); got != want {
			t.Errorf("the key of %q is %s, want %s", client, got, want)
		}
	}
	for _, pair := range [][2]string{
		{"192.0.2.1", "192.0.2.2"}, {"2001:db8:0:1::1", "2001:db8:0:2::1"}, {"0.0.0.0", "::"}, {"::", ""}, {"@", ""}, {"0.0.0.1", "::1:0:0:0:0"},
	} {
		if KeyOf(pair[0]) == KeyOf(pair[1]) {
			t.Errorf("%s and %s are one client", pair[0], pair[1])
		}
	}
	if KeyOf("2001:db8:0:1::1") != KeyOf("2001:db8:0:1:2:3:4:5") || KeyOf("::ffff:192.0.2.1") != KeyOf("192.0.2.1") {
		t.Error("one client has two keys")
	}
}
