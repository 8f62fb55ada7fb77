package docker

import (
	"bytes"
	"errors"
)

// errMalformed is about JSON that the scanner cannot walk. What it can walk need not be valid.
var errMalformed = errors.New("malformed JSON")

// element is an object in a JSON array.
type element struct {
	raw []byte
	// statusAt and statusEnd enclose the value of the member "Status", quotes included; both are 0 when there is none.
	statusAt, statusEnd int
}

// elements walks a JSON array of objects.
func elements(raw []byte, yield func(element) error) error {
	s := scanner{raw: raw}
	if s.next() != '[' {
		return errMalformed
	}
	s.at++
	for first := true; s.next() != ']'; first = false {
		if !first {
			if s.next() != ',' {
				return errMalformed
			}
			s.at++
		}
		e, err := s.object()
		if err != nil {
			return err
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	s.at++
	if s.next() != 0 {
		return errMalformed
	}
	return nil
}

// scanner walks JSON without understanding more than it has to.
type scanner struct {
	raw []byte
	at  int
}

// next skips white space and returns the byte that follows, 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.raw); s.at++ {
		switch c := s.raw[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// object walks an object and notes the member that changes by the minute.
func (s *scanner) object() (element, error) {
	if s.next() != '{' {
		return element{}, errMalformed
	}
	begin := s.at
	s.at++
	var e element
	for first := true; s.next() != '}'; first = false {
		if !first {
			if s.next() != ',' {
				return element{}, errMalformed
			}
			s.at++
			s.next()
		}
		keyAt := s.at
		if !s.text() {
			return element{}, errMalformed
		}
		key := s.raw[keyAt:s.at]
		if s.next() != ':' {
			return element{}, errMalformed
		}
		s.at++
		quoted := s.next() == '"'
		valueAt := s.at
		if !s.value() {
			return element{}, errMalformed
		}
		if quoted && string(key) == `"Status"` {
			e.statusAt, e.statusEnd = valueAt-begin, s.at-begin
		}
	}
	s.at++
	e.raw = s.raw[begin:s.at]
	return e, nil
}

// text walks a string.
func (s *scanner) text() bool {
	if s.at >= len(s.raw) || s.raw[s.at] != '"' {
		return false
	}
	for from := s.at + 1; ; {
		quote := bytes.IndexByte(s.raw[from:], '"')
		if quote < 0 {
			return false
		}
		end := from + quote
		escapes := 0
		for s.raw[end-1-escapes] == '\\' {
			escapes++
		}
		from = end + 1
		if escapes%2 == 0 {
			s.at = from
			return true
		}
	}
}

// value walks any value: a string, or all up to the comma or bracket that ends it.
func (s *scanner) value() bool {
	begin, depth := s.at, 0
	for s.at < len(s.raw) {
		switch s.raw[s.at] {
		case '"':
			if !s.text() {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.at > begin
			}
			if depth--; depth == 0 {
				s.at++
				return true
			}
		case ',':
			if depth == 0 {
				return s.at > begin
			}
		}
		s.at++
	}
	return false
}
