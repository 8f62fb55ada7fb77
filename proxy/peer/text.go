package peer

import (
	"bytes"
	"net/netip"
	"strings"
)

const (
	textSignature = "PROXY "
	// leastText and mostText are the lengths of lines of version 1, with their ends.
	leastText = len("PROXY UNKNOWN\r\n")
	mostText  = 107
)

// parseText reads version 1 (section 2.1).
func parseText(b []byte) (Header, int, error) {
	if !startsAs(b, textSignature) {
		return Header{}, 0, bad("it starts like neither version")
	}
	line := b[:min(len(b), mostText)]
	end := bytes.IndexAny(line, "\r\n")
	switch {
	case end < 0 && len(line) >= mostText-1:
		return Header{}, 0, bad("its line has no end within 107 bytes")
	case end < 0:
		return Header{}, max(leastText-len(b), len("\r\n")), ErrIncomplete
	case line[end] == '\n' || end+1 == mostText || end+1 < len(line) && line[end+1] != '\n':
		return Header{}, 0, bad("its line does not end with CRLF")
	case end+1 == len(line):
		return Header{}, 1, ErrIncomplete
	}
	h, err := parseWords(string(line[len(textSignature):end]))
	if err != nil {
		return Header{}, 0, err
	}
	return h, end + len("\r\n"), nil
}

// parseWords reads what stands behind the signature.
func parseWords(s string) (Header, error) {
	family, rest, _ := strings.Cut(s, " ")
	if family == "UNKNOWN" {
		return Header{}, nil
	}
	if family != "TCP4" && family != "TCP6" {
		return Header{}, bad("its family is none of TCP4, TCP6 and UNKNOWN")
	}
	words := strings.Split(rest, " ")
	if len(words) != 4 {
		return Header{}, bad("it does not have two addresses and two ports")
	}
	source, err := parseEnd(family, words[0], words[2])
	if err != nil {
		return Header{}, err
	}
	destination, err := parseEnd(family, words[1], words[3])
	if err != nil {
		return Header{}, err
	}
	return Header{Source: source, Destination: destination}, nil
}

// parseEnd reads one end of the connection.
func parseEnd(family, host, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != (family == "TCP4") || addr.Zone() != "" {
		return netip.AddrPort{}, bad("an address is not of its family")
	}
	if !isPort(port) || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, bad("a port is no number from 0 to 65535")
	}
	n := 0
	for _, c := range port {
		n = 10*n + int(c-'0')
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
