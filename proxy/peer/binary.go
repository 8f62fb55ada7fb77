package peer

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const (
	binarySignature = "\r\n\r\n\x00\r\nQUIT\n"
	// headBinary is the length of the part of version 2 that says how long the rest is, maxBlock the longest such rest.
	headBinary = 16
	maxBlock   = 4096
)

// Families and the lengths of their addresses, and the transport whose addresses are used (section 2.2).
const (
	familyIPv4 = 1
	familyIPv6 = 2
	familyUnix = 3
	stream     = 1
	datagram   = 2

	lengthIPv4 = 2*4 + 2*2
	lengthIPv6 = 2*16 + 2*2
	lengthUnix = 2 * 108
)

// typeChecksum is that of the extension which has a checksum of the header (section 2.2.3).
const typeChecksum = 3

// parseBinary reads version 2 (section 2.2).
func parseBinary(b []byte) (Header, int, error) {
	if !startsAs(b, binarySignature) {
		return Header{}, 0, bad("it starts like neither version")
	}
	if len(b) > 12 && b[12]>>4 != 2 {
		return Header{}, 0, bad("its version is not 2")
	}
	if len(b) > 12 && b[12]&0xf > 1 {
		return Header{}, 0, bad("its command is neither LOCAL nor PROXY")
	}
	local := len(b) > 12 && b[12]&0xf == 0
	if len(b) > 13 && !local && (b[13]>>4 > familyUnix || b[13]&0xf > datagram) {
		return Header{}, 0, bad("its family or transport is not known")
	}
	if len(b) < headBinary {
		return Header{}, headBinary - len(b), ErrIncomplete
	}
	n := headBinary + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case n > MaxHeader:
		return Header{}, 0, bad("it has more than 4096 bytes of addresses and extensions")
	case len(b) < n:
		return Header{}, n - len(b), ErrIncomplete
	case local:
		// All of the rest is discarded, whatever it is.
		return Header{Local: true}, n, nil
	}
	h, err := parseBlock(b[:n])
	if err != nil {
		return Header{}, 0, err
	}
	return h, n, nil
}

// parseBlock reads the addresses and extensions of a whole header. Without a known family nobody knows where the
// extensions begin, so that there are none.
func parseBlock(b []byte) (Header, error) {
	var length int
	switch b[13] >> 4 {
	case familyIPv4:
		length = lengthIPv4
	case familyIPv6:
		length = lengthIPv6
	case familyUnix:
		length = lengthUnix
	default:
		return Header{}, nil
	}
	block := b[headBinary:]
	if len(block) < length {
		return Header{}, bad("it is shorter than the addresses of its family")
	}
	if err := checkExtensions(b, headBinary+length); err != nil {
		return Header{}, err
	}
	if length == lengthUnix || b[13]&0xf != stream {
		return Header{}, nil
	}
	size := (length - 4) / 2
	source, _ := netip.AddrFromSlice(block[:size])
	destination, _ := netip.AddrFromSlice(block[size : 2*size])
	return Header{
		Source:      netip.AddrPortFrom(source.Unmap(), binary.BigEndian.Uint16(block[2*size:])),
		Destination: netip.AddrPortFrom(destination.Unmap(), binary.BigEndian.Uint16(block[2*size+2:])),
	}, nil
}

// checkExtensions holds the extensions, which begin at that byte of a whole header, to their lengths and to the checksum.
func checkExtensions(b []byte, at int) error {
	for at < len(b) {
		if len(b)-at < 3 {
			return bad("an extension is cut off")
		}
		value := at + 3
		next := value + int(binary.BigEndian.Uint16(b[at+1:]))
		if next > len(b) {
			return bad("an extension is longer than the header")
		}
		if b[at] == typeChecksum {
			if next-value != crc32.Size {
				return bad("its checksum does not have 4 bytes")
			}
			if checksum(b, value) != binary.BigEndian.Uint32(b[value:]) {
				return bad("its checksum is wrong")
			}
		}
		at = next
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a header (RFC 4960 appendix B) with zeros at the four bytes from that one on.
func checksum(b []byte, at int) uint32 {
	var zeros [crc32.Size]byte
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, zeros[:])
	return crc32.Update(sum, castagnoli, b[at+crc32.Size:])
}
