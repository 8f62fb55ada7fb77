package peer

import (
	"errors"
	"fmt"
	"net/netip"
)

// MaxHeader is the most bytes that a header of the PROXY protocol may have here. The protocol would allow 64 KiB, and
// senders put a few hundred.
const MaxHeader = headBinary + maxBlock

// Errors of ParseHeader.
var (
	// ErrIncomplete says that more bytes are needed.
	ErrIncomplete = errors.New("incomplete PROXY header")
	// ErrHeader is what every other error is. The connection is of no use then and ends (section 2 of the protocol).
	ErrHeader = errors.New("bad PROXY header")
)

// Header is what the PROXY protocol says of a connection. With a Source that is not valid, the sender did not know or
// did not say whom the connection is from: its address is then all that is known of the client, and unless it speaks
// for itself, nothing that comes over the connection was written by it, an X-Forwarded-For in particular.
type Header struct {
	// Local reports that the sender speaks for itself, as health checks do.
	Local bool
	// Source is the client, Destination what it connected to; IPv4 is not mapped. Both or none are valid, none if Local.
	Source, Destination netip.AddrPort
}

// ParseHeader reads the header that the PROXY protocol, version 1 or 2, has before everything else on a connection
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt). It is strict: what is not that header is an ErrHeader,
// and what starts like neither version is one at once. Of UDP, unix sockets and unknown families it returns no addresses. Extensions are
// skipped, but their lengths must fit, and a checksum must be right.
//
// n is how many bytes the header has. With ErrIncomplete it is how many more are the header's for certain: who may read
// none beyond it reads so many, and tries again with all of them.
func ParseHeader(b []byte) (h Header, n int, err error) {
	switch {
	case len(b) == 0:
		return Header{}, min(headBinary, leastText), ErrIncomplete
	case b[0] == textSignature[0]:
		return parseText(b)
	case b[0] == binarySignature[0]:
		return parseBinary(b)
	}
	return Header{}, 0, bad("it starts like neither version")
}

func bad(reason string) error { return fmt.Errorf("%w: %s", ErrHeader, reason) }

// startsAs reports whether b and the signature are the same as far as both go.
func startsAs(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return string(b[:n]) == signature[:n]
}
