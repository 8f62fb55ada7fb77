// Package http1test has a corpus of requests and responses that are malformed, ambiguous, made for smuggling, or just
// allowed, each with the expected result. It knows nothing of parsers and servers, so that both can be tested with it. The files of the corpus are in the folder of that name; their format is this:
//
//	== what is tried
//	RFC 9112 section 5.1
//	> GET / HTTP/1.1\r\n
//	> Host : example.org\r\n
//	> \r\n
//	refused 400
//
// The lines with ">" are the bytes, without the ends of those lines. Escapes are \r \n \t \\ \s for a space, \xHH, and
// \{x*100} for a hundred x. What is accepted has, instead of "refused", what a strict reader sees:
//
//	accepted POST /path?query
//	host example.org
//	field X-One: 1
//	body hello
//	trailer X-Two: 2
//	upgrade websocket
//	closes
//	rest GET / HTTP/1.1\r\n
//
// Fields of the connection, the framing and Host are not among the fields. "accepted 200 OK" is a response, which has
// a line "to HEAD" if it is one to that method. "refused 400 in the body" may follow: then the head alone is accepted.
package http1test

import (
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
)

// Limits of the reader for which the corpus is made.
const (
	// MaxBytes and MaxFields are the most that the head of a request may have.
	MaxBytes  = 64 << 10
	MaxFields = 128
)

// Case is a request or a response, and the expected result.
type Case struct {
	// Name says what is tried, File where that stands, Section which rule is meant.
	Name, File, Section string
	// Raw are the bytes, with what follows the message.
	Raw string
	// Status is that of the refusal, 502 for responses, and 0 when there is none. With InBody the head is accepted, and
	// what is refused comes after it.
	Status int
	InBody bool
	// To is the method of the request that a response is to.
	To string
	Message
}

// Message is what a strict reader sees in an accepted case.
type Message struct {
	// Line is the method, path and query, or the status and reason.
	Line string
	// Host is that of a request, and Upgrade the protocol that it or the response changes to.
	Host, Upgrade string
	// Fields and Trailers are those that are passed on, in their order, as "Name: value".
	Fields, Trailers []string
	Body             string
	// Close reports that the connection ends with the message.
	Close bool
	// Rest is what follows the message.
	Rest string
}

//go:embed corpus
var corpus embed.FS

// Requests returns the cases that are requests.
func Requests(t testing.TB) []Case {
	t.Helper()
	return load(t, "corpus/request")
}

// Responses returns the cases that are responses.
func Responses(t testing.TB) []Case {
	t.Helper()
	return load(t, "corpus/response")
}

func load(t testing.TB, folder string) []Case {
	t.Helper()
	files, err := corpus.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []Case
	for _, f := range files {
		name := path.Join(folder, f.Name())
		text, err := corpus.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := parse(name, string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cases...)
	}
	return all
}

// parse reads a file of the corpus. Before the first case is a comment.
func parse(name, text string) ([]Case, error) {
	var cases []Case
	for i, line := range strings.Split(text, "\n") {
		if title, found := strings.CutPrefix(line, "== "); found {
			cases = append(cases, Case{Name: title, File: name, To: "GET"})
		} else if line != "" && len(cases) > 0 {
			if err := cases[len(cases)-1].add(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
		}
	}
	for _, c := range cases {
		if c.Raw == "" || !strings.HasPrefix(c.Section, "RFC ") || (c.Line == "") != (c.Status > 0 && !c.InBody) {
			return nil, fmt.Errorf("%s: %s: it wants an RFC, bytes, and either accepted or refused", name, c.Name)
		}
	}
	return cases, nil
}

// add reads a line of a case.
func (c *Case) add(line string) error {
	key, value, _ := strings.Cut(line, " ")
	value, err := unescape(value)
	if err != nil {
		return err
	}
	switch key {
	case "RFC":
		c.Section = line
	case ">":
		c.Raw += value
	case "refused":
		status, where, _ := strings.Cut(value, " ")
		c.InBody = where == "in the body"
		c.Status, err = strconv.Atoi(status)
	case "accepted":
		c.Line = value
	case "host":
		c.Host = value
	case "to":
		c.To = value
	case "field":
		c.Fields = append(c.Fields, value)
	case "trailer":
		c.Trailers = append(c.Trailers, value)
	case "body":
		c.Body += value
	case "upgrade":
		c.Upgrade = value
	case "closes":
		c.Close = true
	case "rest":
		c.Rest += value
	default:
		return fmt.Errorf("what is %q?", key)
	}
	return err
}

// unescape reads the escapes of a line.
func unescape(s string) (string, error) {
	var b strings.Builder
	for s != "" {
		before, escape, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			break
		}
		text, n, err := escaped(escape)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		s = escape[n:]
	}
	return b.String(), nil
}

// escaped reads what follows a backslash, and returns how much that is.
func escaped(s string) (string, int, error) {
	simple := map[string]string{"r": "\r", "n": "\n", "t": "\t", "s": " ", `\`: `\`}
	if s != "" && simple[s[:1]] != "" {
		return simple[s[:1]], 1, nil
	}
	if strings.HasPrefix(s, "x") && len(s) >= 3 {
		c, err := strconv.ParseUint(s[1:3], 16, 8)
		return string([]byte{byte(c)}), 3, err
	}
	if inner, _, found := strings.Cut(s, "}"); found && s[0] == '{' {
		what, times, _ := strings.Cut(inner[1:], "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			return "", 0, err
		}
		what, err = unescape(what)
		return strings.Repeat(what, max(n, 0)), len(inner) + 1, err
	}
	return "", 0, fmt.Errorf("what is \\%.10s?", s)
}
