package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	// The same reader of YAML as Compose has, so that both see the same.
	"go.yaml.in/yaml/v4"

	"gateway/proxy/document"
)

// Bounds of one file. Real ones have a tenth of it.
const (
	maxBytes = 512 << 10
	maxNodes = 20_000 // after aliases are followed
	maxDepth = 40
	maxNest  = 32 // variables in the defaults of others

	// maxWork bounds the time that variables take: Compose needs the square of their number in each value.
	maxWork = 1 << 22

	// maxExpanded is how many bytes variables may come to.
	maxExpanded = 16 << 20
)

// tags are those that mean the same to every reader. The last two are Compose's.
var tags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!merge", "!!timestamp", "!reset", "!override"}

// formatError says what is wrong with a file that is not read any further, and where.
type formatError struct {
	line int
	text string
}

// Error is what is wrong.
func (e *formatError) Error() string { return e.text }

// Unwrap is errFormat.
func (e *formatError) Unwrap() error { return errFormat }

// readRegular reads a plain file of bounded size. Anything else could block, or never end.
func readRegular(path string) ([]byte, error) {
	if err := Readable(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		return nil, &formatError{0, fmt.Sprintf("it has more than %d KiB", maxBytes>>10)}
	}
	return text, err
}

// Readable refuses a file that reading would not end with: one that is no plain file, or too large. One that is not there
// is for who reads it to miss.
func Readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil
	case !info.Mode().IsRegular():
		return &formatError{0, "it is no plain file"}
	case info.Size() > maxBytes:
		return &formatError{0, fmt.Sprintf("it has more than %d KiB", maxBytes>>10)}
	}
	return nil
}

// measured reads one document of bounded size and depth without cycles, so that it can be walked without care, and says
// its size.
func measured(text []byte) (*yaml.Node, size, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode}, size{}, nil
	} else if err != nil {
		return nil, size{}, document.Words(err, text)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, size{}, &formatError{0, "it has several documents, of which each would change the ones before"}
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode {
		root = doc.Content[0]
	}
	m := measure{done: map[*yaml.Node]size{}}
	s := m.of(root)
	return root, s, s.err
}

// size is the size of a node with all aliases in it followed.
type size struct {
	nodes, depth int
	// variables are how many there are, bytes those of the values that they are in, work the time that they take.
	variables, bytes, work int
	err                    error
}

// measure finds the size of each node once.
type measure struct {
	done map[*yaml.Node]size
	// open are the nodes above the one that is measured.
	open []*yaml.Node
}

func (m *measure) of(n *yaml.Node) size {
	if s, ok := m.done[n]; ok {
		return s
	}
	if slices.Contains(m.open, n) {
		return size{err: &formatError{n.Line, "it contains itself"}}
	}
	if len(m.open) > 3*maxDepth {
		return size{err: &formatError{n.Line, "it is too deep"}}
	}
	if err := odd(n); err != nil {
		return size{err: err}
	}
	m.open = append(m.open, n)
	s := m.sum(n)
	m.open = m.open[:len(m.open)-1]
	switch {
	case s.err == nil && s.nodes > maxNodes:
		s.err = &formatError{n.Line, fmt.Sprintf("it comes to more than %d values", maxNodes)}
	case s.err == nil && s.work > maxWork:
		s.err = &formatError{n.Line, "it has too many variables"}
	case s.err == nil && s.depth > maxDepth:
		s.err = &formatError{n.Line, fmt.Sprintf("it is more than %d levels deep", maxDepth)}
	}
	m.done[n] = s
	return s
}

func (m *measure) sum(n *yaml.Node) size {
	total := size{nodes: 1, depth: 1}
	if n.Kind == yaml.ScalarNode {
		if total.variables = variables(n.Value); total.variables > 0 {
			total.bytes, total.work = len(n.Value), total.variables*total.variables
		}
	}
	inner := n.Content
	if n.Kind == yaml.AliasNode {
		inner = []*yaml.Node{n.Alias}
	}
	for _, child := range inner {
		s := m.of(child)
		if s.err != nil {
			return s
		}
		total.nodes += s.nodes
		total.variables += s.variables
		total.bytes += s.bytes
		total.work += s.work
		total.depth = max(total.depth, s.depth+1)
		if total.nodes > maxNodes || total.work > maxWork {
			break
		}
	}
	return total
}

// variables counts those in a value. Two dollars are one that is no variable's.
func variables(value string) int {
	n := 0
	for i := 0; i+1 < len(value); i++ {
		if value[i] != '$' {
			continue
		}
		if i++; value[i] == '{' || value[i] == '_' || unicode.IsLetter(rune(value[i])) {
			n++
		}
	}
	return n
}

// nested is how deep braces are in those of variables.
func nested(value string) int {
	depth, most := 0, 0
	for i := range len(value) {
		switch {
		case value[i] == '{' && (depth > 0 || opensVariable(value[:i])):
			depth++
			most = max(most, depth)
		case value[i] == '}' && depth > 0:
			depth--
		}
	}
	return most
}

// opensVariable reports whether a brace behind a text is a variable's: the dollars before it are not all pairs.
func opensVariable(before string) bool {
	return (len(before)-len(strings.TrimRight(before, "$")))%2 == 1
}

// odd refuses what readers of YAML take differently, and values that take long to work out.
func odd(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return nil
	}
	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(tags, n.ShortTag()) {
		return &formatError{n.Line, fmt.Sprintf("tag %s is not one that Compose files have", Shown(n.Tag))}
	}
	if n.Kind == yaml.ScalarNode && nested(n.Value) > maxNest {
		return &formatError{n.Line, fmt.Sprintf("it has variables more than %d levels deep in each other", maxNest)}
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind != yaml.ScalarNode {
			return &formatError{key.Line, "a key is no plain word"}
		}
	}
	return nil
}

// entry is a key and its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// entries are those of a mapping, merged ones among them: what the mapping itself says comes before what it merges. Those
// that Compose takes away as it reads, by !reset, are left out.
func entries(n *yaml.Node) []entry {
	return collect(n, func(e entry) bool { return deref(e.value).Tag != "!reset" })
}

// written are all entries of a mapping.
func written(n *yaml.Node) []entry { return collect(n, func(entry) bool { return true }) }

// collect are the entries that count. What does not count hides nothing that is merged: Compose takes it away before it
// merges.
func collect(n *yaml.Node, counts func(entry) bool) []entry {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var all []entry
	seen := map[string]bool{}
	add := func(e entry) {
		if !seen[e.key] && counts(e) {
			seen[e.key] = true
			all = append(all, e)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !merges(key) {
			add(entry{key.Value, key.Line, n.Content[i+1]})
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !merges(n.Content[i]) {
			continue
		}
		for _, from := range items(n.Content[i+1]) {
			for _, e := range collect(from, counts) {
				add(e)
			}
		}
	}
	return all
}

func merges(key *yaml.Node) bool { return key.Value == "<<" }

// items are those of a sequence; anything else is its own only item, nothing is none.
func items(n *yaml.Node) []*yaml.Node {
	n = deref(n)
	switch {
	case n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Content
	}
	return []*yaml.Node{n}
}

// lookUp is the value of a key, or nil.
func lookUp(n *yaml.Node, key string) *yaml.Node { return entryOf(n, key).value }

// entryOf is the entry of a key; without a value when there is none.
func entryOf(n *yaml.Node, key string) entry {
	for _, e := range entries(n) {
		if e.key == key {
			return e
		}
	}
	return entry{}
}
