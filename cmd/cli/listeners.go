package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/prometheus/procfs"
)

// Listening is the state of a TCP socket that listens, in the kernel's tables.
const Listening = 0x0A

// Listeners reads the kernel's tables of the network that a process is in: the addresses that TCP is listened on. Proc is
// the folder of the process, such as /proc/self.
func Listeners(proc string) ([]netip.AddrPort, error) {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return nil, fmt.Errorf("reading who listens: %w", err)
	}
	tcp, err := fs.NetTCP() //nolint:staticcheck // netlink, its successor, does not show the network of another process
	if err != nil {
		return nil, fmt.Errorf("reading who listens: %w", err)
	}
	tcp6, err := fs.NetTCP6()                          //nolint:staticcheck // as above
	if err != nil && !errors.Is(err, os.ErrNotExist) { // A kernel without IPv6 has no such table.
		return nil, fmt.Errorf("reading who listens: %w", err)
	}
	var all []netip.AddrPort
	for _, line := range append(tcp, tcp6...) {
		if address, ok := netip.AddrFromSlice(line.LocalAddr); ok && line.St == Listening {
			all = append(all, netip.AddrPortFrom(address.Unmap(), uint16(line.LocalPort)))
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all), nil
}
