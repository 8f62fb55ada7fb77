package cli

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
)

func TestListeners_ReadTheKernelsTables(t *testing.T) {
	for line, want := range map[string]string{
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0": "127.0.0.1:8080",
		"   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0": "0.0.0.0:80",
		"   2: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 0 0 0":                    "[::]:3000",
		"   3: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0 0 0":                    "[::1]:3000",
		"   4: 0000000000000000FFFF00000100007F:0BB8 00000000000000000000000000000000:0000 0A 0 0 0":                    "127.0.0.1:3000",
		"   5: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0": "",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode":              "",
		"   6: nonsense:1F90 0 0A": "", "   7: 0100007F 0 0A": "", "": "",
	} {
		got, ok := parseListener(line)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q is %v (%v), want %q", line, got, ok, want)
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has such tables: this system is " + runtime.GOOS)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := Listeners("/proc/self/net")
	if err != nil || !slices.Contains(all, netip.MustParseAddrPort(l.Addr().String())) {
		t.Errorf("%v (%v), want %s among them", all, err, l.Addr())
	}
}
