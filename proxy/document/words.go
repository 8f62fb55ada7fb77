// Package document reads YAML strictly, and says in plain words what is wrong with it. It knows the reader of YAML and
// nothing of what a document is for.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"gateway/proxy/printable"
)

// Decode reads a document into a Go value, and refuses keys that it has no field for. An empty document is no error.
func Decode(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); !errors.Is(err, io.EOF) {
		return Words(err, text)
	}
	return nil
}

// Words is an error of the reader of YAML about a text in words for people who know neither it nor Go: the line, what is
// wrong, and where it is known what to do. Other errors stay what they are. The text may be nil.
func Words(err error, text []byte) error {
	if all, is := errors.AsType[*yaml.LoadErrors](err); is {
		var lines []string
		for _, one := range all.Errors {
			lines = append(lines, sentence(one.Mark.Line, one.Message))
		}
		return &wordsError{strings.Join(lines, "; "), err}
	}
	one, is := errors.AsType[*yaml.LoadError](err)
	if !is {
		return err
	}
	line := one.Mark.Line
	if one.Stage == yaml.ReaderStage {
		line = unreadable(text)
	} else if text != nil {
		// What is missing at the end is missing in the last line.
		line = min(line, bytes.Count(bytes.TrimRight(text, " \t\r\n"), []byte("\n"))+1)
	}
	return &wordsError{sentence(line, one.Message), err}
}

type wordsError struct {
	text  string
	cause error
}

func (e *wordsError) Error() string { return e.text }
func (e *wordsError) Unwrap() error { return e.cause }

func sentence(line int, message string) string {
	message = strings.TrimPrefix(message, fmt.Sprintf("line %d: ", line))
	for _, w := range words {
		if w.said.MatchString(message) {
			message = w.said.ReplaceAllString(message, w.plain)
			break
		}
	}
	message = printable.Line(message)
	if line == 0 {
		return message
	}
	return fmt.Sprintf("line %d: %s", line, message)
}

// words are what the reader says, whole, and what that means.
var words = []struct {
	said  *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`^found character that cannot start any token$`), "a value cannot begin with a tab, @, % or a backquote; indent with spaces, and put such a value in quotes"},
	{regexp.MustCompile(`^mapping values are not allowed in this context$`), "a key cannot stand here; check the indentation, and put a value with \": \" in it in quotes"},
	{regexp.MustCompile(`^did not find expected key$|^did not find expected '-' indicator$`), "this does not continue what is above; check the indentation, and that quotes and brackets are closed"},
	{regexp.MustCompile(`^did not find expected node content$`), "a value is missing; check that brackets are closed"},
	{regexp.MustCompile(`^did not find expected ',' or '[\]}]'$`), "a comma or a closing bracket is missing"},
	{regexp.MustCompile(`^could not find expected ':'$`), "a key lacks its colon, or a value its quotes"},
	{regexp.MustCompile(`^found unexpected end of stream$`), "the file ends inside of a value; close its quotes"},
	{regexp.MustCompile(`^unknown anchor '(.*)' referenced$`), "*$1 has no anchor &$1 before it"},
	{regexp.MustCompile(`^mapping key "(.*)" already defined at line (\d+)$`), "key $1 is also at line $2; keep one of them"},
	{regexp.MustCompile(`(?s)^field (.*) not found in type .*$`), "key $1 is not known"},
	{regexp.MustCompile(`(?s)^cannot construct .* into (?:u?int\d*|\*int)$`), "it takes a whole number"},
	{regexp.MustCompile(`(?s)^cannot construct .* into \*?float\d*$`), "it takes a number"},
	{regexp.MustCompile(`(?s)^cannot construct .* into \*?bool$`), "it takes true or false"},
	{regexp.MustCompile(`(?s)^cannot construct .* into \*?\[\].*$`), "it takes a list"},
	{regexp.MustCompile(`(?s)^cannot construct !!timestamp .* into \*?string$`), "it takes text, and this is a date; put it in quotes"},
	{regexp.MustCompile(`(?s)^cannot construct .* into \*?string$`), "it takes one value"},
	{regexp.MustCompile(`(?s)^cannot construct .* into \*?(?:map\[|struct|\w+\.).*$`), "it takes keys and values"},
	{regexp.MustCompile(`^control characters are not allowed.*$`), "it has a character that no text has; save it as plain text"},
	{regexp.MustCompile(`^(?:invalid|incomplete) .*(?:UTF-|octet|surrogate|Unicode).*$`), "it is not UTF-8; save it as UTF-8"},
}

// unreadable is the line of the first byte that is no text, 0 when there is none.
func unreadable(text []byte) int {
	line := 1
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 || r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f {
			return line
		}
		if r == '\n' {
			line++
		}
		at += size
	}
	return 0
}
