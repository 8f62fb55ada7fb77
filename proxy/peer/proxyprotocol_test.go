package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// v2 builds a header of version 2: command and family, and what follows the length.
func v2(command, family byte, block ...[]byte) []byte {
	rest := bytes.Join(block, nil)
	head := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return append(binary.BigEndian.AppendUint16(head, uint16(len(rest))), rest...)
}

func extension(kind byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value))), value...)
}

// sealed puts the checksum into a header whose last extension is for it.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

var (
	ends4 = []byte{192, 168, 0, 1, 192, 168, 0, 11, 0xdc, 4, 1, 187}
	ends6 = append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::b").AsSlice()...), 0xdc, 4, 1, 187)
	mixed = append(append(netip.MustParseAddr("::ffff:192.168.0.1").AsSlice(), netip.MustParseAddr("::ffff:192.168.0.11").AsSlice()...), 0xdc, 4, 1, 187)
	unix  = make([]byte, 216)
	blank = extension(3, make([]byte, 4))
)

// of is the header of a connection from one end to the other.
func of(source, destination string) Header {
	return Header{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination)}
}

var (
	known4 = of("192.168.0.1:56324", "192.168.0.11:443")
	known6 = of("[2001:db8::1]:56324", "[2001:db8::b]:443")
)

// headers are whole ones, and what they say.
var headers = map[string]struct {
	b    []byte
	want Header
}{
	"v1 TCP4":                     {[]byte("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), known4},
	"v1 TCP4, the longest":        {[]byte("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), of("255.255.255.255:65535", "255.255.255.255:65535")},
	"v1 TCP4, port 0":             {[]byte("PROXY TCP4 1.1.1.1 2.2.2.2 0 0\r\n"), of("1.1.1.1:0", "2.2.2.2:0")},
	"v1 TCP6":                     {[]byte("PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:000b 56324 443\r\n"), known6},
	"v1 TCP6, the longest":        {[]byte("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), of("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")},
	"v1 TCP6, mapped":             {[]byte("PROXY TCP6 ::ffff:192.168.0.1 ::ffff:192.168.0.11 56324 443\r\n"), known4},
	"v1 UNKNOWN":                  {[]byte("PROXY UNKNOWN\r\n"), Header{}},
	"v1 UNKNOWN, the longest":     {[]byte("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), Header{}},
	"v1 UNKNOWN, anything":        {[]byte("PROXY UNKNOWN  \x00 1.1.1.1\r\n"), Header{}},
	"v2 TCP over IPv4":            {v2(0x21, 0x11, ends4), known4},
	"v2 TCP over IPv6":            {v2(0x21, 0x21, ends6), known6},
	"v2 TCP over IPv6, mapped":    {v2(0x21, 0x21, mixed), known4},
	"v2 UDP over IPv4":            {v2(0x21, 0x12, ends4), Header{}},
	"v2 UDP over IPv6":            {v2(0x21, 0x22, ends6), Header{}},
	"v2 unix stream":              {v2(0x21, 0x31, unix), Header{}},
	"v2 unix datagram":            {v2(0x21, 0x32, unix), Header{}},
	"v2 unspecified":              {v2(0x21, 0x00), Header{}},
	"v2 unspecified, with bytes":  {v2(0x21, 0x00, []byte{1, 2}), Header{}},
	"v2 unspecified family":       {v2(0x21, 0x01, ends4), Header{}},
	"v2 unspecified transport":    {v2(0x21, 0x10, ends4), Header{}},
	"v2 LOCAL":                    {v2(0x20, 0x00), Header{Local: true}},
	"v2 LOCAL, with addresses":    {v2(0x20, 0x11, ends4), Header{Local: true}},
	"v2 LOCAL, the block is read": {v2(0x20, 0xff, []byte{3, 0xff, 0xff}), Header{Local: true}},
	"v2 authority":                {v2(0x21, 0x11, ends4, extension(2, []byte("example.org"))), known4},
	"v2 several, one empty":       {v2(0x21, 0x11, ends4, extension(4, nil), extension(0xee, make([]byte, 300))), known4},
	"v2 checksum":                 {sealed(v2(0x21, 0x11, ends4, extension(2, []byte("a")), blank)), known4},
	"v2 checksum, IPv6":           {sealed(v2(0x21, 0x21, ends6, blank)), known6},
	"v2 checksum, unix":           {sealed(v2(0x21, 0x31, unix, blank)), Header{}},
	"v2 the longest":              {v2(0x21, 0x11, ends4, extension(4, make([]byte, 4096-12-3))), known4},
}

func TestParseHeader_ReadsWholeOnes(t *testing.T) {
	for name, c := range headers {
		for _, after := range []string{"", "GET / HTTP/1.1\r\n", "PROXY ", string(c.b)} {
			h, n, err := ParseHeader(append(bytes.Clone(c.b), after...))
			if err != nil || h != c.want || n != len(c.b) {
				t.Errorf("%s before %q: %+v, %d bytes, %v; want %+v, %d bytes", name, after, h, n, err, c.want, len(c.b))
			}
		}
		if len(c.b) > MaxHeader {
			t.Errorf("%s has %d bytes, more than MaxHeader", name, len(c.b))
		}
	}
}

func TestParseHeader_AsksForMoreUntilItIsWhole(t *testing.T) {
	for name, c := range headers {
		for i := range c.b {
			h, n, err := ParseHeader(c.b[:i])
			if !errors.Is(err, ErrIncomplete) || h != (Header{}) {
				t.Fatalf("%s: the first %d bytes are %+v, %v", name, i, h, err)
			}
			if n < 1 || i+n > len(c.b) {
				t.Fatalf("%s: after %d of %d bytes it asks for %d more", name, i, len(c.b), n)
			}
		}
	}
}

func TestParseHeader_RefusesWhatIsNone(t *testing.T) {
	wrong := sealed(v2(0x21, 0x11, ends4, blank))
	wrong[len(wrong)-1] ^= 1
	changed := sealed(v2(0x21, 0x11, ends4, blank))
	changed[16] ^= 1
	first := sealed(v2(0x21, 0x11, ends4, blank))
	second := append(bytes.Clone(first), extension(4, nil)...)
	binary.BigEndian.PutUint16(second[14:], uint16(len(second)-16))
	for name, b := range map[string]string{
		"HTTP/1": "GET / HTTP/1.1\r\n", "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "TLS": "\x16\x03\x01", "a zero": "\x00", "an empty line": "\r\nGET",
		"lower case": "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "no space": "PROXYTCP4 ", "POST": "POST",

		"v1 no family": "PROXY \r\n        ", "v1 family": "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n", "v1 UDP": "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
		"v1 UNKNOWN and more": "PROXY UNKNOWNX\r\n", "v1 two spaces": "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "v1 two spaces inside": "PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n",
		"v1 space at the end": "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", "v1 a tab": "PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", "v1 words are missing": "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
		"v1 no words": "PROXY TCP4\r\n    ", "v1 IPv6 in TCP4": "PROXY TCP4 ::1 ::1 1 2\r\n", "v1 IPv4 in TCP6": "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
		"v1 mixed": "PROXY TCP4 1.1.1.1 ::1 1 2\r\n", "v1 zeros before": "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", "v1 short address": "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
		"v1 long address": "PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", "v1 zone": "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "v1 brackets": "PROXY TCP6 [::1] [::1] 1 2\r\n",
		"v1 port too large": "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "v1 port with zeros": "PROXY TCP4 1.1.1.1 2.2.2.2 1 02\r\n", "v1 port with sign": "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
		"v1 no port": "PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n", "v1 LF alone": "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "v1 CR alone": "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX",
		"v1 UNKNOWN with LF": "PROXY UNKNOWN a\nb\r\n", "v1 UNKNOWN with CR": "PROXY UNKNOWN a\rb\r\n", "v1 CR twice": "PROXY UNKNOWN\r\r\n",
		"v1 one too long": "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "v1 no end": "PROXY UNKNOWN " + strings.Repeat("x", 92),

		"v2 version 1": string(v2(0x11, 0x11, ends4)), "v2 version 3": string(v2(0x31, 0x11, ends4)), "v2 command": string(v2(0x22, 0x11, ends4)),
		"v2 command f": string(v2(0x2f, 0x00)), "v2 family": string(v2(0x21, 0x41, ends4)), "v2 transport": string(v2(0x21, 0x13, ends4)),
		"v2 family f": string(v2(0x21, 0xf0)), "v2 transport f": string(v2(0x21, 0x0f)), "v2 signature": "\r\n\r\n\x00\r\nQUIT\r",
		"v2 short IPv4": string(v2(0x21, 0x11, ends4[:11])), "v2 short IPv6": string(v2(0x21, 0x21, ends6[:35])), "v2 short unix": string(v2(0x21, 0x31, unix[:215])),
		"v2 short UDP": string(v2(0x21, 0x12)), "v2 IPv4 in IPv6": string(v2(0x21, 0x21, ends4)),
		"v2 extension cut off": string(v2(0x21, 0x11, ends4, []byte{4, 0})), "v2 extension of one byte": string(v2(0x21, 0x11, ends4, []byte{4})),
		"v2 extension too long": string(v2(0x21, 0x11, ends4, []byte{4, 0, 2, 1})), "v2 wrong checksum": string(wrong), "v2 changed": string(changed),
		"v2 checksum of less": string(second), "v2 short checksum": string(v2(0x21, 0x11, ends4, extension(3, make([]byte, 3)))),
		"v2 long checksum": string(v2(0x21, 0x11, ends4, extension(3, make([]byte, 5)))), "v2 no checksum": string(v2(0x21, 0x11, ends4, extension(3, nil))),
		"v2 too long": string(v2(0x21, 0x11, ends4, extension(4, make([]byte, 4096-12-2)))), "v2 LOCAL too long": string(v2(0x20, 0, make([]byte, 4097))),
	} {
		if h, n, err := ParseHeader([]byte(b)); !errors.Is(err, ErrHeader) || errors.Is(err, ErrIncomplete) || n != 0 || h != (Header{}) {
			t.Errorf("%s: %+v, %d bytes, %v", name, h, n, err)
		}
	}
}

// The example is that of HAProxy's own tests of extensions.
func TestParseHeader_ReadsHAProxysExample(t *testing.T) {
	b, err := hex.DecodeString("0d0a0d0a000d0a515549540a" + "2111" + "0014" + "7f0000017f000001002a0539" + "0200053132333435")
	if err != nil {
		t.Fatal(err)
	}
	if h, n, err := ParseHeader(b); err != nil || n != len(b) || h != of("127.0.0.1:42", "127.0.0.1:1337") {
		t.Errorf("%+v, %d bytes, %v", h, n, err)
	}
}

// RFC 3720 appendix B.4 has checksums of known bytes.
func TestChecksum_IsThatOfTheRFC(t *testing.T) {
	if got := checksum(make([]byte, 32), 8); got != 0x8a9136aa {
		t.Errorf("32 zeros have the checksum %#x", got)
	}
	b := bytes.Repeat([]byte{0xff}, 32)
	copy(b[28:], make([]byte, 4))
	got := checksum(b, 28)
	copy(b[28:], []byte{1, 2, 3, 4})
	if checksum(b, 28) != got {
		t.Error("the checksum itself counts")
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, c := range headers {
		f.Add(c.b)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		// Who reads only what is asked for gets the same, and never has a byte too many.
		have := 0
		for {
			h2, n2, err2 := ParseHeader(b[:have])
			if errors.Is(err2, ErrIncomplete) && have+n2 <= len(b) {
				if n2 < 1 || have+n2 > MaxHeader {
					t.Fatalf("after %d bytes it asks for %d", have, n2)
				}
				have += n2
				continue
			}
			if errors.Is(err2, ErrHeader) != errors.Is(err, ErrHeader) && !errors.Is(err2, ErrIncomplete) {
				t.Fatalf("in pieces %v, whole %v", err2, err)
			}
			if err == nil && (err2 != nil || have != n || n2 != n || h2 != h) {
				t.Fatalf("in pieces %+v, %d bytes, %v after %d; whole %+v, %d bytes", h2, n2, err2, have, h, n)
			}
			break
		}
		switch {
		case err == nil && (n < 1 || n > len(b) || n > MaxHeader):
			t.Fatalf("%q has %d bytes", b, n)
		case err != nil && h != Header{}:
			t.Fatalf("%+v beside %v", h, err)
		case h.Source.IsValid() != h.Destination.IsValid() || h.Local && h.Source.IsValid() || h.Source.Addr().Is4In6():
			t.Fatalf("%+v", h)
		}
	})
}
