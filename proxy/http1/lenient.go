package http1

import (
	"bytes"

	"gateway/proxy/header"
)

// Responses are parsed more leniently than requests: the gateway writes them again from what it parsed, so that no other
// parser sees the original. The end of a body is never guessed.

// cutResponseLine is cutLine for a response. With bare, all lines of the head have to end with a line feed alone (RFC 9112
// section 2.2): a head that mixes both line ends probably has a line feed within a value.
func cutResponseLine(buf []byte, pos int, bare bool) (line []byte, next int, err error) {
	line, next, err = cutLine(buf, pos)
	if !bare || err == ErrIncomplete {
		return line, next, err
	}
	if err == nil {
		return nil, pos, bareLF
	}
	next = pos
	for buf[next] != '\n' {
		next++
	}
	return buf[pos:next], next + 1, nil
}

// unfold appends the lines that continue the one from start to next-1, and replaces each line break with spaces (RFC 9112
// section 5.2). It returns the number of such lines and where the next line starts.
func unfold(buf []byte, line []byte, start, next int, bare bool) (whole []byte, folds, after int, err error) {
	end := "\r\n\r\n"
	if bare {
		end = "\n\n"
	}
	if next == len(buf) || !bytes.Contains(buf[next:], []byte(end)) {
		// Unfold only a complete head: parsing starts again from the beginning, and would not find the folds again.
		return nil, 0, next, ErrIncomplete
	}
	whole, after = line, next
	for after < len(buf) && isSpace(buf[after]) {
		more, then, err := cutResponseLine(buf, after, bare)
		if err != nil {
			return nil, 0, next, err
		}
		if trimmed(more, 0) == "" {
			// Other parsers may take an empty continuation line for the end of the head.
			return nil, 0, next, folded
		}
		for i := start + len(whole); i < after; i++ {
			buf[i] = ' '
		}
		whole = buf[start : after+len(more)]
		folds++
		after = then
	}
	return whole, folds, after, nil
}

// parseResponseField is parseField for responses. It removes whitespace before the colon (RFC 9112 section 5.1), and
// replaces control characters that cannot end a line with spaces (RFC 9110 section 5.5), except in hop-by-hop fields.
func parseResponseField(line []byte) (name, value string, bad *Invalid) {
	name, value, _, bad = parseField(line)
	if bad != spaceColon && bad != badValue {
		return name, value, bad
	}
	n := tokenLength(line)
	colon := n
	for colon < len(line) && isSpace(line[colon]) {
		colon++
	}
	if n == 0 || colon == len(line) || line[colon] != ':' {
		return "", "", bad
	}
	name = borrow(line[:n])
	if !isText(line[colon+1:]) && (header.Hop.Has(header.KindOf(name)) || !replaceControls(line[colon+1:])) {
		return "", "", badValue
	}
	return name, trimmed(line, colon+1), nil
}

// replaceControls replaces control characters with spaces. It returns false if one of them could end a line or a string.
func replaceControls(b []byte) bool {
	for i, c := range b {
		switch {
		case c == 0 || c == '\r':
			return false
		case c < ' ' && c != '\t' || c == 0x7f:
			b[i] = ' '
		}
	}
	return true
}
