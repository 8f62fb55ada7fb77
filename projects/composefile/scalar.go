package composefile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Quote is a value as a double-quoted scalar, which means nothing but itself. Bytes that are no UTF-8 become U+FFFD.
func Quote(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || 0x7f <= r && r <= 0x9f || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffe' || r == '\uffff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// like writes a value in the style of another one, when it can be written so.
func like(n *yaml.Node, value string) string {
	switch {
	case n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0:
		return Quote(value)
	case n.Style&yaml.SingleQuotedStyle != 0 && Quote(value) == `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)+`"`:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 && plain(value, n.ShortTag()):
		return value
	}
	return Quote(value)
}

// plain reports whether a value means itself without quotes wherever it stands, and is of that type.
func plain(value, tag string) bool {
	for _, around := range [][2]string{{"[", "]"}, {"", ": x"}, {"- ", ""}} {
		doc := yaml.Node{}
		if yaml.Unmarshal([]byte(around[0]+value+around[1]), &doc) != nil || len(doc.Content) == 0 {
			return false
		}
		root := doc.Content[0]
		if len(root.Content) == 0 {
			return false
		}
		n := root.Content[0]
		if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Value != value || n.ShortTag() != tag {
			return false
		}
	}
	return true
}

// extent is where a scalar or an alias is written, without its anchor and its tag. The error says in what way it is
// written that cannot be edited.
func (f *File) extent(n *yaml.Node) (start, end int, err error) {
	start = f.offset(n)
	if n.Kind == yaml.AliasNode {
		if !strings.HasPrefix(f.text[start:], "*"+n.Value) {
			return 0, 0, errUneditable
		}
		return start, start + 1 + len(n.Value), nil
	}
	if n.Kind != yaml.ScalarNode {
		return 0, 0, errSeveral
	}
	for strings.HasPrefix(f.text[start:], "!") || n.Anchor != "" && strings.HasPrefix(f.text[start:], "&"+n.Anchor) {
		rest := f.text[start:]
		token := strings.IndexAny(rest, " \t\r\n")
		if token < 0 {
			return 0, 0, errUneditable
		}
		start += len(rest) - len(strings.TrimLeft(rest[token:], " \t"))
	}
	rest, size := f.text[start:], len(n.Value)
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 0, 0, errBlock
	case n.Style&yaml.DoubleQuotedStyle != 0:
		size = quotedLength(rest, '"', '\\')
	case n.Style&yaml.SingleQuotedStyle != 0:
		size = quotedLength(rest, '\'', '\'')
	case !strings.HasPrefix(rest, n.Value):
		return 0, 0, errLines
	}
	if size < 0 {
		return 0, 0, errUneditable
	}
	return start, start + size, nil
}

// quotedLength is the length of a quoted scalar that a text begins with, quotes included, or -1.
func quotedLength(text string, quote, escape byte) int {
	if text == "" || text[0] != quote {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == escape && (escape != quote || i+1 < len(text) && text[i+1] == quote):
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return -1
}
