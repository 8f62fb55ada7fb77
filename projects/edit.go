package projects

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"gateway/proxy/label"
	"gateway/proxy/printable"
	"gateway/templates"
)

// place is a scalar of a YAML file: the keys that lead to it, with "[]" for an item of a list, and what it says.
type place struct {
	keys  string
	value string
}

// keySeparator stands between keys; no key of a compose.yaml has one.
const keySeparator = "\x00"

// String is the place as people write it.
func (p place) String() string {
	return strings.ReplaceAll(strings.ReplaceAll(p.keys, keySeparator, "."), ".[]", "")
}

// scalars yields every scalar below node with its place, in the order of the file. Aliases are not followed: what they
// stand for is yielded where it is written.
func scalars(node *yaml.Node, keys []string, yield func(place, *yaml.Node)) {
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			scalars(child, keys, yield)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			scalars(node.Content[i+1], append(slices.Clip(keys), node.Content[i].Value), yield)
		}
	case yaml.SequenceNode:
		for _, child := range node.Content {
			scalars(child, append(slices.Clip(keys), "[]"), yield)
		}
	case yaml.ScalarNode:
		yield(place{strings.Join(keys, keySeparator), node.Value}, node)
	}
}

// change is what one place says before and after.
type change struct {
	place
	after string
}

// differences are the places at which two files of the same shape differ.
func differences(before, after []byte) ([]change, error) {
	var was, is []place
	for text, into := range map[*[]byte]*[]place{&before: &was, &after: &is} {
		var doc yaml.Node
		if err := yaml.Unmarshal(*text, &doc); err != nil {
			return nil, err
		}
		scalars(&doc, nil, func(p place, _ *yaml.Node) { *into = append(*into, p) })
	}
	if len(was) != len(is) {
		return nil, errors.New("its shape depends on the path")
	}
	var all []change
	for i := range was {
		if was[i].keys != is[i].keys {
			return nil, errors.New("its shape depends on the path")
		}
		if c := (change{was[i], is[i].value}); was[i] != is[i] && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all, nil
}

// edit makes changes in the text of a compose.yaml and leaves all else as it is, byte for byte: comments, order and
// what people wrote in. A place that is not there needs no change; one that says something else is an error, which
// names the line. It returns how many changes it made.
func edit(text []byte, changes []change) (edited []byte, made int, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, 0, errors.New(printable.Text(err.Error()))
	}
	type cut struct {
		node  *yaml.Node
		after string
	}
	var cuts []cut
	var faults []error
	scalars(&doc, nil, func(p place, node *yaml.Node) {
		after, wanted, known := intended(p, changes)
		switch {
		case known && after != "":
			cuts = append(cuts, cut{node, after})
		case known:
			faults = append(faults, fmt.Errorf("line %d: %s is %q and not %q, so that what to make of it is not known", node.Line, p, node.Value, wanted))
		}
	})
	if len(faults) > 0 {
		return nil, 0, errors.Join(faults...)
	}
	lines := strings.SplitAfter(string(text), "\n")
	// From the end on, so that what is before stays where it is.
	for _, c := range slices.Backward(cuts) {
		if err := replaceScalar(lines, c.node, c.after); err != nil {
			return nil, 0, err
		}
	}
	edited = []byte(strings.Join(lines, ""))
	for _, c := range cuts {
		c.node.Value = c.after
	}
	if !same(&doc, edited) {
		return nil, 0, errors.New("its places could not be edited one by one")
	}
	return edited, len(cuts), nil
}

// intended says what a place is to say. It is known when a change is about it: then after is empty when the place says
// none of what the changes expect, of which wanted is one. An item of a list is known by its value alone.
func intended(p place, changes []change) (after, wanted string, known bool) {
	for _, c := range changes {
		switch {
		case c.place == p:
			return c.after, c.value, true
		case c.keys == p.keys && !strings.Contains(p.keys, "[]"):
			wanted, known = c.value, true
		case asItem(c.place) == p:
			return asItem(place{c.keys, c.after}).value, c.value, true
		}
	}
	return "", wanted, known
}

// asItem is the place of an entry of a mapping when the mapping is written as a list of KEY=VALUE, as labels and
// environment may be.
func asItem(p place) place {
	i := strings.LastIndex(p.keys, keySeparator)
	if i < 0 {
		return p
	}
	return place{p.keys[:i+1] + "[]", p.keys[i+1:] + "=" + p.value}
}

// replaceScalar puts a quoted value in place of a scalar of one line.
func replaceScalar(lines []string, node *yaml.Node, after string) error {
	fault := fmt.Errorf("line %d: %q is written in a way that cannot be edited", node.Line, node.Value)
	if node.Line > len(lines) || node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return fault
	}
	line := lines[node.Line-1]
	start := 0
	for range node.Column - 1 {
		_, size := utf8.DecodeRuneInString(line[start:])
		start += size
	}
	rest := line[start:]
	if node.Anchor != "" {
		trimmed := strings.TrimLeft(strings.TrimPrefix(rest, "&"+node.Anchor), " \t")
		start += len(rest) - len(trimmed)
		rest = trimmed
	}
	size := len(node.Value)
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		size = quotedLength(rest, '"', '\\')
	case node.Style&yaml.SingleQuotedStyle != 0:
		size = quotedLength(rest, '\'', '\'')
	case !strings.HasPrefix(rest, node.Value):
		return fault
	}
	if size < 0 {
		return fault
	}
	lines[node.Line-1] = line[:start] + templates.Value(after).Plain() + rest[size:]
	return nil
}

// quotedLength is the length of a quoted scalar that text begins with, quotes included, or -1.
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

// same reports whether a text says what doc does, comments and order included.
func same(doc *yaml.Node, text []byte) bool {
	var got yaml.Node
	if yaml.Unmarshal(text, &got) != nil {
		return false
	}
	return equal(doc, &got)
}

func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) ||
		a.HeadComment != b.HeadComment || a.LineComment != b.LineComment || a.FootComment != b.FootComment {
		return false
	}
	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// labelChanges are the labels of services that hold a path.
func labelChanges(text []byte, from, to string) []change {
	escape := func(s string) string { return strings.ReplaceAll(s, "$", "$$") }
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil {
		return nil
	}
	var all []change
	scalars(&doc, nil, func(p place, _ *yaml.Node) {
		keys := strings.Split(p.keys, keySeparator)
		if len(keys) != 4 || keys[0] != "services" || keys[2] != "labels" {
			return
		}
		name, value := keys[3], p.value
		if name == "[]" {
			name, value, _ = strings.Cut(p.value, "=")
		}
		if isPath := name == label.Path || strings.HasPrefix(name, label.Routes) && strings.HasSuffix(name, ".path"); isPath && value == escape(from) {
			all = append(all, change{place{strings.Join(append(keys[:3], name), keySeparator), value}, escape(to)})
		}
	})
	return all
}
