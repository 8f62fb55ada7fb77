package http1

import (
	"bytes"

	"gateway/proxy/header"
)

// Answers are read with some patience, since an app that is not exact has no other reader to confuse: what is passed on is
// rewritten. Nothing that tells where a body ends is guessed.

// cutAnswerLine is cutLine for a head of which all lines end with a line feed alone, or none (RFC 9112 section 2.2). One
// that mixes them has probably got a line feed into a value.
func cutAnswerLine(buf []byte, pos int, bare bool) (line []byte, next int, err error) {
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

// unfold adds the lines that continue the one from start to next-1, and puts spaces where they began (RFC 9112 section
// 5.2). It returns how many there are and where the next line starts. Before the next line has begun that is not known.
func unfold(buf []byte, line []byte, start, next int, bare bool) (whole []byte, folds, after int, err error) {
	end := "\r\n\r\n"
	if bare {
		end = "\n\n"
	}
	if next == len(buf) || !bytes.Contains(buf[next:], []byte(end)) {
		// Only in a whole head folds are made good: they would not be seen again.
		return nil, 0, next, ErrIncomplete
	}
	whole, after = line, next
	for after < len(buf) && isSpace(buf[after]) {
		more, then, err := cutAnswerLine(buf, after, bare)
		if err != nil {
			return nil, 0, next, err
		}
		if trimmed(more, 0) == "" {
			// Some would take it for the end of the head.
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

// parseAnswerField is parseField for answers: whitespace before the colon is removed (RFC 9112 section 5.1), and control
// characters that could not end a line become spaces (RFC 9110 section 5.5), but not in a field about the connection or
// the framing.
func parseAnswerField(line []byte) (name, value string, bad *Invalid) {
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
	if !isText(line[colon+1:]) && (header.Hop.Has(header.KindOf(name)) || !soften(line[colon+1:])) {
		return "", "", badValue
	}
	return name, trimmed(line, colon+1), nil
}

// soften makes spaces of control characters. It returns false when there is one that could end a line or a string.
func soften(b []byte) bool {
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
