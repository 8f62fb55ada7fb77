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
var plain = func() (set [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		set[c] = c != '"' && c != '\\'
	}
	return set
}()

// quoteJSON appends a string of RFC 8259 section 7. What is not UTF-8 becomes U+FFFD. All that does not print is
// escaped too, though JSON would not need it: lines are read on terminals, and by tools that take more than a line feed
// for the end of a line.
func quoteJSON(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		b = escapeRune(b, r)
		i += size
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
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
	from := 0
	for i := range len(s) {
		if plain[s[i]] {
			continue
		}
		b = append(b, s[from:i]...)
		b = escapeByte(b, s[i])
		from = i + 1
	}
	return append(b, s[from:]...)
}

// bareCombined appends a field without quotes around it: one without spaces, and "-" for none.
func bareCombined(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := range len(s) {
		if plain[s[i]] && s[i] != ' ' {
			b = append(b, s[i])
		} else {
			b = escapeByte(b, s[i])
		}
	}
	return b
}

func escapeByte(b []byte, c byte) []byte { return append(b, '\\', 'x', upper[c>>4], upper[c&0xf]) }
