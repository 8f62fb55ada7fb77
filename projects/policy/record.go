package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Record writes trust into the text of a compose file, beside what x-gateway.trust says there already, and leaves all
// else as it is, byte for byte. Without any that is new the text is returned as it came. A file that is written in a way
// that cannot be edited so is an error, which says what to write by hand.
func Record(text []byte, t Trust) ([]byte, error) {
	before, err := recorded(text)
	if err != nil {
		return nil, err
	}
	want := before.With(t)
	if slices.Equal(want, before.With(nil)) {
		return text, nil
	}
	edited := insert(text, want)
	after, err := recorded(edited)
	if err != nil || !slices.Equal(after, want) || !unchanged(text, edited) {
		return nil, fmt.Errorf("trust cannot be recorded in a file that is written this way; write it by hand: x-gateway: {trust: [%s]}", want)
	}
	return edited, nil
}

// String are the names, with commas between them.
func (t Trust) String() string {
	var names []string
	for _, r := range t {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// recorded is the trust that a text says.
func recorded(text []byte) (Trust, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, item := range items(lookUp(lookUp(root, "x-gateway"), "trust")) {
		names = append(names, deref(item).Value)
	}
	return ParseTrust(names)
}

// insert writes x-gateway.trust in the one place for it that the file has.
func insert(text []byte, t Trust) []byte {
	root, err := parse(text)
	if err != nil || root.Style&yaml.FlowStyle != 0 {
		return text
	}
	lines := strings.SplitAfter(string(text), "\n")
	said := "trust: [" + t.String() + "]\n"
	gateway := entryOf(root, "x-gateway")
	if gateway.value == nil {
		return append(ended(text), "\nx-gateway:\n  "+said...)
	}
	inner := gateway.value
	if inner.Kind != yaml.MappingNode || inner.Style&yaml.FlowStyle != 0 || len(inner.Content) == 0 {
		return text
	}
	indent := strings.Repeat(" ", inner.Content[0].Column-1)
	trust := entryOf(inner, "trust")
	if trust.value == nil {
		lines = slices.Insert(lines, gateway.line, indent+said)
		return []byte(strings.Join(lines, ""))
	}
	last := trust.value.Line
	for _, item := range items(trust.value) {
		last = max(last, item.Line)
	}
	comment := ""
	if c := trust.value.LineComment; c != "" {
		comment = " " + c
	}
	if trust.line != last && trust.value.Style&yaml.FlowStyle == 0 {
		lines = slices.Insert(lines, last, added(lines[last-1], t, trust.value))
		return []byte(strings.Join(lines, ""))
	}
	lines = slices.Replace(lines, trust.line-1, last, indent+strings.TrimSuffix(said, "\n")+comment+"\n")
	return []byte(strings.Join(lines, ""))
}

// added are further items of a list that has one on each line, written as the last of them is.
func added(lastLine string, t Trust, list *yaml.Node) string {
	indent := lastLine[:len(lastLine)-len(strings.TrimLeft(lastLine, " "))]
	var b strings.Builder
	if !strings.HasSuffix(lastLine, "\n") {
		b.WriteString("\n")
	}
	for _, r := range t {
		if !slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Value == string(r) }) {
			b.WriteString(indent + "- " + string(r) + "\n")
		}
	}
	return b.String()
}

// ended is a text that ends with a line's end.
func ended(text []byte) []byte {
	text = slices.Clone(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return text
}

// unchanged reports whether two texts say the same but for x-gateway.trust, comments and order included.
func unchanged(before, after []byte) bool {
	a, errA := without(before)
	b, errB := without(after)
	return errors.Join(errA, errB) == nil && equal(a, b)
}

// without is a document without x-gateway.trust, and without an x-gateway that says nothing else.
func without(text []byte) (*yaml.Node, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if gateway := lookUp(root, "x-gateway"); gateway != nil && gateway.Kind == yaml.MappingNode {
		remove(gateway, "trust")
		if len(gateway.Content) == 0 {
			remove(root, "x-gateway")
		}
	}
	return root, nil
}

func remove(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || a.Anchor != b.Anchor || a.Tag != b.Tag || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
