package subnet

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// parseRoutes reads the IPv4 routing table as /proc/net/route shows it: tab-separated, addresses as hexadecimal
// numbers in the machine's byte order.
func parseRoutes(r io.Reader) ([]Use, error) {
	var routes []Use
	lines := bufio.NewScanner(r)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		destination, err := strconv.ParseUint(fields[1], 16, 32)
		if err != nil {
			return nil, fmt.Errorf("destination %q: %w", fields[1], err)
		}
		mask, err := strconv.ParseUint(fields[7], 16, 32)
		if err != nil {
			return nil, fmt.Errorf("mask %q: %w", fields[7], err)
		}
		var addr [4]byte
		binary.NativeEndian.PutUint32(addr[:], uint32(destination))
		prefix := netip.PrefixFrom(netip.AddrFrom4(addr), bits.OnesCount32(uint32(mask)))
		routes = append(routes, Use{prefix, "route of " + fields[0]})
	}
	return routes, lines.Err()
}
