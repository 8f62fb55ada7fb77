package accesslog

import (
	"unicode"
	"unicode/utf8"
)

const (
	lower = "0123456789abcdef"
	upper = "0123456789ABCDEF"
)

// plain are the bytes that stand for themselves in both formats: printable ASCII but quotes and backslashes.
func plain(c byte) bool { return ' ' <= c && c < 0x7f && c != '"' && c != '\\' }

// leadingPlain is how many bytes at the beginning of a string are plain. It looks at eight at a time, at the end at the
// last eight.
func leadingPlain(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if !plainWord(word(s[i:])) {
			break
		}
	}
	if rest := len(s) - i; 0 < rest && rest < 8 && len(s) >= 8 && plainWord(word(s[len(s)-8:])) {
		return len(s)
	}
	for i < len(s) && plain(s[i]) {
		i++
	}
	return i
}

// word is eight bytes as one number.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainWord reports that eight bytes are plain. The high bit of a byte is set in one of the terms if it is above ASCII, a
// control character, 0x7f, a quote or a backslash; what a carry sets besides only sends plain bytes the slow way.
func plainWord(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	return (x|(x-' '*ones)|(x+ones)|((x^'"'*ones)-ones)|((x^'\\'*ones)-ones))&high == 0
}

// quoteJSON appends a string of RFC 8259 section 7. What is not UTF-8 becomes U+FFFD. All that does not print is
// escaped too, though JSON would not need it: lines are read on terminals, and by tools that take more than a line feed
// for the end of a line.
func quoteJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		n := leadingPlain(s)
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		r, size := utf8.DecodeRuneInString(s)
		if r >= utf8.RuneSelf && unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			b = append(b, s[:size]...)
		} else {
			b = escapeRune(b, r)
		}
		s = s[size:]
	}
}

// escapeRune appends a character as JSON may always have it.
func escapeRune(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == '\n':
		return append(b, `\n`...)
	case r == '\r':
		return append(b, `\r`...)
	case r == '\t':
		return append(b, `\t`...)
	case r > 0xffff:
		r -= 0x10000
		b = escapeUnit(b, 0xd800+r>>10)
		return escapeUnit(b, 0xdc00+r&0x3ff)
	}
	return escapeUnit(b, r)
}

func escapeUnit(b []byte, unit rune) []byte {
	return append(b, '\\', 'u', lower[unit>>12&0xf], lower[unit>>8&0xf], lower[unit>>4&0xf], lower[unit&0xf])
}

// escapeCombined appends a string as nginx does: quotes, backslashes and all but printable ASCII as \xHH.
func escapeCombined(b []byte, s string) []byte {
	for {
		n := leadingPlain(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return b
		}
		b = escapeByte(b, s[n])
		s = s[n+1:]
	}
}

// bareCombined appends a field without quotes around it: one without spaces, and "-" for none.
func bareCombined(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := range len(s) {
		if plain(s[i]) && s[i] != ' ' {
			b = append(b, s[i])
		} else {
			b = escapeByte(b, s[i])
		}
	}
	return b
}

func escapeByte(b []byte, c byte) []byte { return append(b, '\\', 'x', upper[c>>4], upper[c&0xf]) }
