package http1

import (
	"bytes"
	"strings"

	"gateway/proxy/header"
)

// cutLine returns the line of buf that starts at pos, without its end, and where the next one starts. The error is
// ErrIncomplete if buf does not have all of the line.
func cutLine(buf []byte, pos int) (line []byte, next int, err error) {
	n := bytes.IndexByte(buf[pos:], '\n')
	switch {
	case n < 0:
		return nil, pos, ErrIncomplete
	case n == 0 || buf[pos+n-1] != '\r':
		return nil, pos, bareLF
	}
	return buf[pos : pos+n-1], pos + n + 1, nil
}

// parseField parses a field line (RFC 9112 section 5). The value is without the whitespace around it. odd reports that the
// name has characters other than letters, digits and "-".
func parseField(line []byte) (name, value string, odd bool, bad *Invalid) {
	n, class := 0, uint8(0)
	for n < len(line) {
		c := tokens[line[n]]
		if c == 0 {
			break
		}
		class |= c
		n++
	}
	if n == 0 || n == len(line) || line[n] != ':' {
		return "", "", false, nameRule(line, n)
	}
	if !plain(line, n+1) && !isText(line[n+1:]) {
		return "", "", false, badValue
	}
	return borrow(line[:n]), trimmed(line, n+1), class&oddToken != 0, nil
}

// trimmed returns line[start:] without the whitespace around it.
func trimmed(line []byte, start int) string {
	end := len(line)
	for start < end && isSpace(line[start]) {
		start++
	}
	for start < end && isSpace(line[end-1]) {
		end--
	}
	return borrow(line[start:end])
}

// nameRule returns the rule that a line without a name and colon breaks; its first n octets can be in a name.
func nameRule(line []byte, n int) *Invalid {
	switch {
	case n < len(line) && isSpace(line[n]) && n == 0:
		return folded
	case n < len(line) && isSpace(line[n]):
		return spaceColon
	}
	return badName
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// shadows reports whether an app that reads names as CGI does (RFC 3875 section 4.1.18) would take the name for that of
// a framing field.
func shadows(name string) bool {
	for _, framing := range [...]string{"content-length", "transfer-encoding"} {
		if len(name) == len(framing) && header.EqualFold(strings.Map(dashed, name), framing) {
			return true
		}
	}
	return false
}

func dashed(c rune) rune {
	if c < 0x80 && tokens[c] == oddToken {
		return '-'
	}
	return c
}

// cutElement takes the first element off a list (RFC 9110 section 5.6.1), without the whitespace around it. more
// reports that a comma follows it.
func cutElement(list string) (element, rest string, more bool) {
	element, rest, more = strings.Cut(list, ",")
	return strings.Trim(element, " \t"), rest, more
}
