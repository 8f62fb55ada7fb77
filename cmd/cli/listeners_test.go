package cli

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestListeners_ReadTheKernelsTables(t *testing.T) {
	proc := t.TempDir()
	const rest = " 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n"
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for name, lines := range map[string]string{
		"tcp": head + "   0: 0100007F:1F90 00000000:0000 0A" + rest + "   1: 00000000:0050 00000000:0000 0A" + rest +
			"   2: 0100007F:1F91 0100007F:9999 01" + rest,
		"tcp6": head + "   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A" + rest +
			"   1: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A" + rest +
			"   2: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A" + rest,
	} {
		if err := os.MkdirAll(filepath.Join(proc, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, "net", name), []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Listeners(proc)
	if want := "[0.0.0.0:80 127.0.0.1:8080 [::]:3000 [::1]:3000]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v (%v), want %s", got, err, want)
	}
	if err := os.Remove(filepath.Join(proc, "net", "tcp6")); err != nil {
		t.Fatal(err)
	}
	if got, err = Listeners(proc); err != nil || len(got) != 2 {
		t.Errorf("without IPv6: %v (%v)", got, err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has such tables: this system is " + runtime.GOOS)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := Listeners("/proc/self")
	if err != nil || !slices.Contains(all, netip.MustParseAddrPort(l.Addr().String())) {
		t.Errorf("%v (%v), want %s among them", all, err, l.Addr())
	}
}
