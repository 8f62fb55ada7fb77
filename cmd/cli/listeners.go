package cli

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listeners reads the kernel's tables of a network (proc(5), /proc/net/tcp): the addresses that TCP is listened on.
func Listeners(dir string) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(dir, name))
		if name == "tcp6" && errors.Is(err, os.ErrNotExist) {
			continue // A kernel without IPv6.
		}
		if err != nil {
			return nil, fmt.Errorf("reading who listens: %w", err)
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if a, ok := parseListener(lines.Text()); ok && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
		_ = f.Close()
	}
	return all, nil
}

// parseListener reads a line of such a table. Addresses are words of 32 bits in the byte order of the machine, which is
// little endian wherever containers run.
func parseListener(line string) (netip.AddrPort, bool) {
	const listening = "0A"
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != listening {
		return netip.AddrPort{}, false
	}
	host, port, _ := strings.Cut(fields[1], ":")
	raw, err := hex.DecodeString(host)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	address, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), ok
}
