package templates

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parameter is one value that people may set, as a flag of `gateway add` or by --set.
type Parameter struct {
	Name string `yaml:"name" json:"name"`
	Type Type   `yaml:"type" json:"type"`
	// Default is the value when none is given; it has to be valid for the type.
	Default string `yaml:"default" json:"default"`
	// Help is one line.
	Help string `yaml:"help" json:"help"`
	// Required asks people for a value. There is no default then, and the empty value is none.
	Required bool `yaml:"required" json:"required,omitempty"`
	// Min and Max are the bounds of an integer or a size, both included, and empty for none.
	Min string `yaml:"min" json:"min,omitempty"`
	Max string `yaml:"max" json:"max,omitempty"`
	// Choices are all values of a choice.
	Choices []string `yaml:"choices" json:"choices,omitempty"`
	// Show has a secret told to whoever makes the project; others are only for the project's own use.
	Show bool `yaml:"show" json:"show,omitempty"`
}

// Type says which values a parameter takes.
type Type string

// The types of parameters.
const (
	Text    Type = "text"    // one line
	Bool    Type = "bool"    // true or false
	Folder  Type = "folder"  // a folder on this machine, given to the project as its site; empty for none
	Integer Type = "integer" // a whole number
	Bytes   Type = "size"    // a size such as 64M, in powers of 1024
	Choice  Type = "choice"  // one of a few values
	Email   Type = "email"   // a mail address; empty for none
	URL     Type = "url"     // an http or https address; empty for none
	Secret  Type = "secret"  // never in compose.yaml but in a file of its own, and generated when none is given
)

// types are all of them, in the order in which errors list them.
var types = []Type{Text, Bool, Folder, Integer, Bytes, Choice, Email, URL, Secret}

// The bounds of what people give.
const (
	maxText   = 1000
	minSecret = 8
	maxSecret = 200
)

// Check says what is wrong with a value: the rule that it breaks, and the fix. The empty value is right where it
// stands for none.
func (p Parameter) Check(given string) error {
	if given == "" && p.Required {
		return errors.New("it is required; give a value")
	}
	if given == "" && p.Type == Secret {
		return nil
	}
	_, err := p.read(given)
	return err
}

// bounded checks what the declaration says of the values.
func (p Parameter) bounded() error {
	ordered := p.Type == Integer || p.Type == Bytes
	switch {
	case !slices.Contains(types, p.Type):
		return fmt.Errorf("type %q: there are %s", p.Type, list(types))
	case p.Type == Choice && len(p.Choices) < 2:
		return errors.New("choices are missing; a choice has two or more")
	case p.Type != Choice && p.Choices != nil:
		return errors.New("choices are for the type choice alone")
	case !ordered && (p.Min != "" || p.Max != ""):
		return errors.New("min and max are for integers and sizes alone")
	case p.Type == Secret && p.Default != "":
		return errors.New("a secret has no default, since everybody would know it; leave it out, and one is generated")
	case p.Show && p.Type != Secret:
		return errors.New("show is for secrets alone")
	case p.Required && p.Default != "":
		return errors.New("it is required and has a default; one of the two is too much")
	}
	for what, bound := range map[string]string{"min": p.Min, "max": p.Max} {
		if _, err := (Parameter{Type: p.Type}).read(bound); bound != "" && err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if p.Required {
		return nil
	}
	if err := p.Check(p.Default); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	return nil
}

// read makes the value that a scaffold sees of what was given.
func (p Parameter) read(given string) (any, error) {
	switch p.Type {
	case Folder:
		return given != "", nil
	case Bool:
		return readBool(given)
	case Integer:
		return p.readInteger(given)
	case Bytes:
		return p.readSize(given)
	case Choice:
		if !slices.Contains(p.Choices, given) {
			return nil, fmt.Errorf("%q is none of its values; write one of %s", given, list(p.Choices))
		}
	case Email:
		if err := checkEmail(given); given != "" && err != nil {
			return nil, err
		}
	case URL:
		if err := checkURL(given); given != "" && err != nil {
			return nil, err
		}
	case Secret:
		if n := utf8.RuneCountInString(given); n < minSecret || n > maxSecret {
			return nil, fmt.Errorf("it has %d characters, and a secret has %d to %d; leave it out, and one is generated", n, minSecret, maxSecret)
		}
	}
	if len(given) > maxText {
		return nil, fmt.Errorf("it has %d bytes, and %d is the most", len(given), maxText)
	}
	return Value(given), oneLine(given)
}

func readBool(given string) (any, error) {
	if given == "" {
		return false, nil
	}
	set, err := strconv.ParseBool(given)
	if err != nil {
		return nil, fmt.Errorf("%q is neither true nor false; write one of them", given)
	}
	return set, nil
}

func (p Parameter) readInteger(given string) (any, error) {
	n, err := strconv.ParseInt(given, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is no whole number; write one such as %s", given, p.sample())
	}
	for _, bound := range []struct {
		text string
		sign int64
		word string
	}{{p.Min, 1, "small; the least is"}, {p.Max, -1, "large; the most is"}} {
		limit, err := strconv.ParseInt(bound.text, 10, 32)
		if err == nil && (n-limit)*bound.sign < 0 {
			return nil, fmt.Errorf("%d is too %s %d", n, bound.word, limit)
		}
	}
	return int(n), nil
}

func (p Parameter) readSize(given string) (any, error) {
	size, err := ParseSize(given)
	if err != nil {
		return nil, err
	}
	if least, err := ParseSize(p.Min); err == nil && size < least {
		return nil, fmt.Errorf("%s is too small; the least is %s", size, least)
	}
	if most, err := ParseSize(p.Max); err == nil && size > most {
		return nil, fmt.Errorf("%s is too large; the most is %s", size, most)
	}
	return size, nil
}

func checkEmail(given string) error {
	address, err := mail.ParseAddress(given)
	if err != nil || address.Address != given {
		return fmt.Errorf("%q is no mail address; write one such as owner@example.org", given)
	}
	return nil
}

func checkURL(given string) error {
	u, err := url.Parse(given)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%q is no web address; write one such as https://example.org", given)
	case u.User != nil:
		return errors.New("it has a user name or password in it; write it without")
	}
	return nil
}

// oneLine refuses what would break a list or do something to a terminal.
func oneLine(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%q has characters that cannot be shown; write one line of plain text", s)
	}
	return nil
}

// sample is a value that fits: the default, or one by which a template can be tried out.
func (p Parameter) sample() string {
	switch {
	case p.Default != "" || p.Type == Bool || p.Type == Folder && !p.Required:
		return p.Default
	case p.Type == Choice:
		return p.Choices[0]
	case p.Min != "":
		return p.Min
	case p.Max != "":
		return p.Max
	}
	return map[Type]string{
		Text: "text", Folder: ".", Integer: "1", Bytes: "1M", Email: "owner@example.org", URL: "https://example.org", Secret: "an-example",
	}[p.Type]
}

// list joins words for people.
func list[T ~string](words []T) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(word))
	}
	return b.String()
}
