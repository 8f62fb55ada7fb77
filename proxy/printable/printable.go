// Package printable makes text that others wrote fit to be shown on a terminal, in a list or in an error: names of files
// and containers, labels, what programs write. What would move the cursor, change colours, reach the clipboard, begin a
// line of its own or turn the direction of text is spelled out; all letters and signs of every script stay what they are.
// It knows nothing of terminals. The policy: what is shown is unambiguous, and text that needs nothing is returned as is.
package printable

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes text one line: a line break in it is spelled out as \n, a tab as \t, an escape as \x1b, a byte that is no
// UTF-8 as \xff, and a character that is not seen as \u202e.
func Line(s string) string { return spell(s, "") }

// Text is Line for text of several lines: line breaks and tabs stay. Sequences that only colour text are left out, and so
// is the carriage return of a line that ends with one.
func Text(s string) string {
	if fits(s, "\n\t") {
		return s
	}
	s = strings.ReplaceAll(colours.ReplaceAllString(s, ""), "\r\n", "\n")
	return spell(strings.TrimSuffix(s, "\r"), "\n\t")
}

// Nested is Text as a part of other lines: all of its lines but the first are indented, so that none of them looks like
// a line of its own.
func Nested(s string) string {
	text := Text(s)
	if !strings.Contains(text, "\n") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines[1:] {
		if line != "" && !strings.HasPrefix(line, "  ") {
			lines[i+1] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// JSON spells out in a JSON text what its encoder leaves in strings as it is. The text means what it meant.
func JSON(text []byte) []byte {
	if fits(string(text), "\n\t") {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r < 0x7f || seen(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := surrogates(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// surrogates are the two halves by which JSON escapes a character beyond the first plane.
func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}

// colours are the sequences by which programs colour a terminal's lines.
var colours = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// spell writes out every character that is neither seen nor in keep.
func spell(s, keep string) string {
	if fits(s, keep) {
		return s
	}
	var b strings.Builder
	before := rune(0)
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		after, _ := utf8.DecodeRuneInString(s[i+size:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case seen(r), strings.ContainsRune(keep, r), joins(before, r, after):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r))
		}
		before = r
	}
	return b.String()
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// fits reports whether nothing of a text has to be spelled out.
func fits(s, keep string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !seen(r) && !strings.ContainsRune(keep, r) })
}

// seen reports whether a character shows, be it as a space, and does nothing else.
func seen(r rune) bool { return unicode.IsGraphic(r) }

// joins reports whether a character that is not seen belongs to those around it: emoji are joined by one, and scripts
// such as Persian need the other.
func joins(before, r, after rune) bool {
	const joiner, nonJoiner = '\u200d', '\u200c'
	return (r == joiner || r == nonJoiner) && joinable(before) && joinable(after)
}

func joinable(r rune) bool { return r >= 0x80 && r != utf8.RuneError && seen(r) }
