// Package composefile reads YAML and changes it in place, by the keys that lead to a value. It knows how YAML is written
// and nothing of what Compose makes of it. An edit replaces, inserts or removes the text of one place: comments, order,
// style, anchors, line ends and a missing last one stay, byte for byte. The policy: each edit is read back and compared,
// and what cannot be edited so is refused with its line and the fix.
package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"gateway/proxy/document"
)

// Path are the keys that lead to a place, such as services, web, image. "[2]" is the third item of a list. In a list of
// KEY=VALUE, as labels and environment may be written, KEY leads to its item.
type Path []string

// String is the path as people write it: services.web.volumes[2].
func (p Path) String() string {
	var b strings.Builder
	for _, key := range p {
		if _, item := index(key); b.Len() > 0 && !item {
			b.WriteByte('.')
		}
		b.WriteString(key)
	}
	return b.String()
}

// index is the number of an item, when a key is one.
func index(key string) (int, bool) {
	inner, opened := strings.CutPrefix(key, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	n, err := strconv.Atoi(inner)
	return n, opened && closed && err == nil && n >= 0
}

// File is one YAML document, a mapping, and its text.
type File struct {
	text string
	root *yaml.Node
	// lines are the offsets at which lines begin.
	lines []int
}

// Parse reads a document. An empty one is an empty mapping.
func Parse(text []byte) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	doc := yaml.Node{}
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, document.Words(err, text)
	}
	next := yaml.Node{}
	if err := decoder.Decode(&next); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins here; keep one", next.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, document.Words(err, text)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if len(doc.Content) > 0 && !null(doc.Content[0]) {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: the file takes keys and values", root.Line)
	}
	return &File{string(text), root, lineStarts(string(text))}, nil
}

// Decode reads the document into a Go value, with YAML merge keys (<<) resolved. Errors name the line in plain words.
func (f *File) Decode(into any) error { return document.Words(f.root.Decode(into), nil) }

// Bytes is the text. The slice is the caller's.
func (f *File) Bytes() []byte { return []byte(f.text) }

// Get is the scalar at a place, through aliases. Null is empty.
func (f *File) Get(path ...string) (value string, ok bool) {
	n := f.node(path)
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	if pair, is := strings.CutPrefix(n.Value, path[len(path)-1]+"="); is && f.node(path[:len(path)-1]).Kind == yaml.SequenceNode {
		return pair, true
	}
	if null(n) {
		return "", true
	}
	return n.Value, true
}

// Items are the scalars of a list; a scalar by itself is its own only item, nothing is none.
func (f *File) Items(path ...string) []string {
	n := f.node(path)
	if n == nil || null(n) {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var all []string
	for _, item := range n.Content {
		if item = followed(item); n.Kind == yaml.SequenceNode && item.Kind == yaml.ScalarNode {
			all = append(all, item.Value)
		}
	}
	return all
}

// Len is the number of items of a list.
func (f *File) Len(path ...string) int {
	if n := f.node(path); n != nil && n.Kind == yaml.SequenceNode {
		return len(n.Content)
	}
	return 0
}

// Item is the key of an item of a list, from 0 on.
func Item(n int) string { return fmt.Sprintf("[%d]", n) }

// Keys are those of a mapping, in their order.
func (f *File) Keys(path ...string) []string {
	n := f.node(path)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var all []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, n.Content[i].Value)
	}
	return all
}

// Line is the line of the last key of a path, or of its deepest key that exists; 0 if none does.
func (f *File) Line(path ...string) int {
	line, n := 0, f.root
	for _, key := range path {
		at, value := child(n, key)
		if value == nil {
			break
		}
		line, n = at.Line, followed(value)
	}
	return line
}

// Scalar is a value that is written somewhere in a file.
type Scalar struct {
	Path  Path
	Value string
	Line  int
}

// Scalars yields every scalar in the order of the file. Aliases are not followed: what they stand for is yielded where it
// is written.
func (f *File) Scalars() iter.Seq[Scalar] {
	return func(yield func(Scalar) bool) { scalars(f.root, nil, yield) }
}

func scalars(n *yaml.Node, path Path, yield func(Scalar) bool) bool {
	in := func(key string, value *yaml.Node) bool { return scalars(value, append(slices.Clip(path), key), yield) }
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !in(n.Content[i].Value, n.Content[i+1]) {
				return false
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if !in(Item(i), item) {
				return false
			}
		}
	case yaml.ScalarNode:
		return yield(Scalar{path, n.Value, n.Line})
	}
	return true
}

// node returns the node at a path, with aliases followed, or nil.
func (f *File) node(path []string) *yaml.Node {
	n := f.root
	for _, key := range path {
		if _, n = child(n, key); n == nil {
			return nil
		}
		n = followed(n)
	}
	return n
}

// child returns the node of a key in n and the node of its value; both are nil if there is no such key.
func child(n *yaml.Node, key string) (at, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, ok := index(key); ok && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
		for _, item := range n.Content {
			if isPair(item, key) {
				return item, item
			}
		}
	}
	return nil, nil
}

// isPair reports whether an item of a list is KEY=VALUE, or KEY alone.
func isPair(item *yaml.Node, key string) bool {
	name, _, _ := strings.Cut(item.Value, "=")
	return item.Kind == yaml.ScalarNode && name == key && key != ""
}

// followed is what an alias stands for.
func followed(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// lineStarts are the offsets at which lines begin, as the reader of YAML counts them.
func lineStarts(text string) []int {
	at := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	starts := []int{at}
	for at < len(text) {
		size := breakLength(text[at:])
		if size > 0 {
			starts = append(starts, at+size)
		}
		at += max(size, 1)
	}
	return starts
}

// breakLength is the length of the line break that a text begins with, or 0.
func breakLength(text string) int {
	switch {
	case strings.HasPrefix(text, "\r\n"), strings.HasPrefix(text, "\u0085"):
		return 2
	case text == "":
		return 0
	case text[0] == '\n', text[0] == '\r':
		return 1
	case strings.HasPrefix(text, "\u2028"), strings.HasPrefix(text, "\u2029"):
		return 3
	}
	return 0
}

// line is the text of a line, with its end.
func (f *File) line(n int) string { return f.text[f.start(n):f.start(n+1)] }

// start is where a line begins, the end of the text for one behind the last.
func (f *File) start(n int) int {
	if n > len(f.lines) {
		return len(f.text)
	}
	return f.lines[n-1]
}

// offset is where a node begins.
func (f *File) offset(n *yaml.Node) int {
	at := f.start(n.Line)
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(f.text[at:])
		at += size
	}
	return at
}
