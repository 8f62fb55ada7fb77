package http1

import "testing"

func TestPlain_SeesEveryControlCharacterAnywhere(t *testing.T) {
	for size := range 41 {
		for from := range min(size, 9) + 1 {
			for at := from; at < size; at++ {
				tryOctets(t, size, from, at)
			}
		}
	}
}

// tryOctets puts each octet at an index of as many bytes that are no control characters.
func tryOctets(t *testing.T, size, from, at int) {
	t.Helper()
	b := make([]byte, size)
	for i := range b {
		b[i] = [...]byte{' ', 'a', '~', 0x80, 0xff, '0'}[i%6]
	}
	for c := range 256 {
		b[at] = byte(c)
		if want := c >= ' ' && c != 0x7f; plain(b, from) != want {
			t.Fatalf("octet %#x at %d of %d, from %d on: %v, want %v", c, at, size, from, !want, want)
		}
	}
}

func TestTokens_AreThoseOfTheRFC(t *testing.T) {
	const others = "!#$%&'*+-.^_`|~"
	for c := range 256 {
		want := uint8(0)
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-':
			want = plainToken
		}
		for _, o := range []byte(others) {
			if int(o) == c && c != '-' {
				want = oddToken
			}
		}
		if tokens[c] != want {
			t.Errorf("%#x has class %d, want %d", c, tokens[c], want)
		}
	}
}
