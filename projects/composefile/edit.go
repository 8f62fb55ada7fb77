package composefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// What keeps a place from being edited, and the fix.
var (
	errAlias      = errors.New("is an alias; write out what it stands for")
	errBlock      = errors.New("is written as a block (| or >); write it on one line")
	errLines      = errors.New("is written over several lines; write it on one")
	errSeveral    = errors.New("holds more than one value")
	errTwice      = errors.New("occurs twice; remove one")
	errNoKeys     = errors.New("takes no keys below it")
	errUneditable = errors.New("is written in a way that cannot be edited; write it on a line of its own")
)

// entry is a place of the tree. The root's has no parent.
type entry struct {
	path Path
	// key is where the place is said: the key, or the item of a list.
	key, value, parent *yaml.Node
	// pair says that it is an item KEY=VALUE.
	pair bool
}

// fault names the line and the place.
func (e entry) fault(why error) error {
	if e.key == nil {
		return fmt.Errorf("line %d: the file %w", max(e.value.Line, 1), why)
	}
	return fmt.Errorf("line %d: %s %w", e.key.Line, e.path, why)
}

// locate finds a place, or the nearest one above it that is there and what of the path is missing.
func (f *File) locate(path Path) (e entry, missing Path, err error) {
	e = entry{value: f.root}
	for i, key := range path {
		n := e.value
		if n.Kind == yaml.AliasNode {
			return e, nil, e.fault(errAlias)
		}
		at, value := child(n, key)
		if value == nil {
			return e, path[i:], nil
		}
		_, item := index(key)
		e = entry{path[:i+1], at, value, n, n.Kind == yaml.SequenceNode && !item}
		if times(n, key) > 1 {
			return e, nil, e.fault(errTwice)
		}
	}
	return e, nil, nil
}

// times is how often a key is said in a mapping or in a list of KEY=VALUE.
func times(n *yaml.Node, key string) int {
	count := 0
	for i, one := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && one.Value == key || n.Kind == yaml.SequenceNode && isPair(one, key) {
			count++
		}
	}
	return count
}

// change is a way to write an edit: text in place of what is from start to end.
type change struct {
	start, end int
	text       string
}

// apply makes the first of several changes that leaves all else as it was: what is read back, without the place, is what
// was read before without it, and done reports true for it.
func (f *File) apply(place Path, done func(*File) bool, ways ...change) error {
	for _, w := range ways {
		after, err := Parse([]byte(f.text[:w.start] + w.text + f.text[w.end:]))
		if err != nil || !done(after) || !sameBeside(place, f, after) {
			continue
		}
		*f = *after
		return nil
	}
	return errUneditable
}

// Set writes a value at a place: in the style of the one that is there, else as a new entry, with the keys above it that
// are missing.
func (f *File) Set(path Path, value string) error {
	e, missing, err := f.locate(path)
	if err != nil {
		return err
	}
	done := func(after *File) bool { got, ok := after.Get(path...); return ok && got == value }
	if len(missing) > 0 {
		return f.insert(e, missing, value, Quote(value), done)
	}
	start, end, err := f.extent(e.value)
	if err != nil {
		return e.fault(err)
	}
	said := value
	if e.pair {
		said = path[len(path)-1] + "=" + value
	}
	text := like(e.value, said)
	if err := f.apply(path, done, change{start, end, text}, change{start, end, " " + text}, change{start, end, Quote(said)}); err != nil {
		return e.fault(err)
	}
	return nil
}

// SetItems makes a list of exactly these items, which are scalars. Those that are there already stay as they are written.
func (f *File) SetItems(path Path, items []string) error {
	if slices.Equal(f.Items(path...), items) && f.node(path) != nil {
		return nil
	}
	done := func(after *File) bool { return slices.Equal(after.Items(path...), items) }
	var words []string
	for _, item := range items {
		words = append(words, listed(item))
	}
	flow := "[" + strings.Join(words, ", ") + "]"
	e, missing, err := f.locate(path)
	switch {
	case err != nil:
		return err
	case len(missing) > 0:
		return f.insert(e, missing, "", flow, done)
	case e.value.Kind == yaml.SequenceNode && e.value.Style&yaml.FlowStyle == 0:
		err = f.setBlock(e, items, done)
	case e.value.Kind == yaml.SequenceNode:
		start, end, ok := f.flow(e.value)
		if !ok {
			return e.fault(errUneditable)
		}
		err = f.apply(path, done, change{start, end, flow})
	default:
		start, end, cause := f.extent(e.value)
		if cause != nil {
			return e.fault(cause)
		}
		err = f.apply(path, done, change{start, end, flow}, change{start, end, " " + flow})
	}
	if err != nil {
		return e.fault(err)
	}
	return nil
}

// listed is an item of a list in brackets.
func listed(item string) string {
	if plain(item, "!!str") {
		return item
	}
	return Quote(item)
}

// setBlock replaces those items of a list with one on each line that differ.
func (f *File) setBlock(e entry, items []string, done func(*File) bool) error {
	was := e.value.Content
	first, last := 0, 0
	for first < min(len(was), len(items)) && was[first].Value == items[first] {
		first++
	}
	for last < min(len(was), len(items))-first && was[len(was)-1-last].Value == items[len(items)-1-last] {
		last++
	}
	var lines []string
	for _, item := range items[first : len(items)-last] {
		lines = append(lines, "- "+like(was[max(first-1, 0)], item))
	}
	indent := f.indent(was[0].Line)
	from := f.start(was[min(first, len(was)-1)].Line)
	to := from
	switch {
	case first == len(was):
		from = f.start(f.end(was[first-1].Line, indent, false))
		to = from
	case first < len(was)-last:
		to = f.start(f.end(was[len(was)-last-1].Line, indent, false))
	}
	return f.apply(e.path, done, change{from, to, f.block(from, to, indent, lines)})
}

// insert writes keys that are missing below a place, and what is behind the last of them.
func (f *File) insert(e entry, missing Path, value, written string, done func(*File) bool) error {
	n := e.value
	place := append(slices.Clip(e.path), missing[0])
	var ways []change
	switch {
	case slices.ContainsFunc(missing, func(key string) bool { _, item := index(key); return item }):
		return e.fault(fmt.Errorf("has no item %s", missing[0]))
	case n.Kind == yaml.AliasNode:
		return e.fault(errAlias)
	case n.Kind == yaml.SequenceNode:
		// A list of KEY=VALUE takes one more, any other list no keys.
		if len(missing) > 1 || written[0] != '"' || slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return !strings.Contains(item.Value, "=") }) {
			return e.fault(errors.New("is a list; write it as keys and values"))
		}
		ways = f.further(n, "- "+Quote(missing[0]+"="+value), Quote(missing[0]+"="+value))
	case null(n):
		start, end, err := f.extent(n)
		if err != nil {
			return e.fault(err)
		}
		if start == end {
			line := f.start(e.key.Line + 1)
			ways = append(ways, change{line, line, f.block(line, line, f.indent(e.key.Line)+f.unit(), f.nested(missing, written))})
		}
		ways = append(ways, change{start, end, "{" + inline(missing, written) + "}"}, change{start, end, " {" + inline(missing, written) + "}"})
	case n.Kind == yaml.MappingNode:
		ways = f.furtherKeys(e, missing, written)
	default:
		return e.fault(errNoKeys)
	}
	if f.apply(place, done, ways...) != nil {
		return e.fault(fmt.Errorf("cannot be added to by itself; write by hand: %s", inline(missing, written)))
	}
	return nil
}

// inline are keys within each other on one line.
func inline(keys Path, written string) string {
	for i, key := range slices.Backward(keys) {
		written = listed(key) + ": " + written
		if i > 0 {
			written = "{" + written + "}"
		}
	}
	return written
}

// nested are keys within each other, one on each line.
func (f *File) nested(keys Path, written string) []string {
	var lines []string
	indent := ""
	for i, key := range keys {
		line := indent + listed(key) + ":"
		if i == len(keys)-1 {
			line += " " + written
		}
		lines, indent = append(lines, line), indent+f.unit()
	}
	return lines
}

// furtherKeys are the ways to add a key to a mapping.
func (f *File) furtherKeys(e entry, missing Path, written string) []change {
	n := e.value
	lines := f.nested(missing, written)
	end := len(f.text)
	if len(n.Content) == 0 && e.key == nil && n.Line == 0 {
		return []change{{end, end, f.block(end, end, "", lines)}}
	}
	if n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		return f.further(n, "", inline(missing, written))
	}
	var ways []change
	if e.key == nil {
		gap := ""
		if blank := len(f.lines) > 1 && strings.TrimSpace(f.line(len(f.lines)-1)) == "" && len(f.line(len(f.lines))) == 0; !blank {
			gap = f.eol()
		}
		text := f.block(end, end, "", lines)
		if bare, unended := strings.CutPrefix(text, f.eol()); unended {
			gap, text = f.eol()+gap, bare
		}
		ways = append(ways, change{end, end, gap + text})
	}
	first, last := n.Content[0], n.Content[len(n.Content)-2]
	indent := f.indent(first.Line)
	behind := f.start(f.end(last.Line, indent, n.Content[len(n.Content)-1].Kind == yaml.SequenceNode))
	before := f.start(first.Line)
	ways = append(ways, change{behind, behind, f.block(behind, behind, indent, lines)}, change{before, before, f.block(before, before, indent, lines)})
	if e.key != nil {
		below := f.start(e.key.Line + 1)
		ways = append(ways, change{below, below, f.block(below, below, indent, lines)})
	}
	return ways
}

// further are the ways to add to a list or to a mapping in braces: a line behind the last one, or a text behind the last
// value or the first bracket.
func (f *File) further(n *yaml.Node, line, text string) []change {
	if n.Style&yaml.FlowStyle == 0 && line != "" && len(n.Content) > 0 {
		indent := f.indent(n.Content[0].Line)
		at := f.start(f.end(n.Content[len(n.Content)-1].Line, indent, false))
		return []change{{at, at, f.block(at, at, indent, []string{line})}}
	}
	var ways []change
	if last := len(n.Content) - 1; last >= 0 {
		if _, end, err := f.extent(n.Content[last]); err == nil {
			ways = append(ways, change{end, end, ", " + text})
		}
		text += ", "
	}
	open := f.offset(n)
	if at := strings.IndexAny(f.text[open:], "{["); at >= 0 {
		open += at + 1
		ways = append(ways, change{open, open, text})
	}
	return ways
}

// Remove takes an entry out, and the keys above it that would have nothing left. What is not there needs no change. Items
// of a list go by SetItems.
func (f *File) Remove(path Path) error {
	e, missing, err := f.locate(path)
	if err != nil || len(missing) > 0 {
		return err
	}
	for len(e.path) > 1 && alone(e) {
		if e, _, err = f.locate(e.path[:len(e.path)-1]); err != nil {
			return err
		}
	}
	place := e.path
	gone := func(after *File) bool { return after.node(place) == nil }
	indent := f.indent(e.key.Line)
	from := f.start(e.key.Line)
	to := f.start(f.end(e.key.Line, indent, e.value.Kind == yaml.SequenceNode && e.value != e.key))
	if to == len(f.text) && f.line(len(f.lines)) != "" && from > f.lines[0] {
		// The last line keeps to have no end.
		before := f.line(f.at(from) - 1)
		from -= len(before) - len(strings.TrimRight(before, "\r\n"))
	}
	ways := []change{{from, to, ""}}
	if e.parent.Style&yaml.FlowStyle != 0 {
		ways = f.cuts(e)
	}
	if f.apply(place, gone, ways...) != nil {
		return e.fault(errors.New("cannot be removed by itself; remove it by hand"))
	}
	return nil
}

// alone reports whether a place is all that there is in its parent.
func alone(e entry) bool {
	if e.parent.Kind == yaml.MappingNode {
		return len(e.parent.Content) == 2
	}
	return len(e.parent.Content) == 1
}

// cuts are the ways to take an entry out of brackets, with the comma before or behind it.
func (f *File) cuts(e entry) []change {
	_, end, err := f.extent(e.value)
	if err != nil {
		return nil
	}
	start := f.offset(e.key)
	before := strings.TrimRight(f.text[:start], " \t\r\n")
	rest := f.text[end:]
	behind := strings.TrimLeft(rest, " \t")
	ways := []change{{start, end, ""}}
	if after, is := strings.CutPrefix(behind, ","); is {
		ways = append([]change{{start, len(f.text) - len(strings.TrimLeft(after, " \t")), ""}}, ways...)
	}
	if strings.HasSuffix(before, ",") {
		ways = append([]change{{len(before) - 1, end, ""}}, ways...)
	}
	return ways
}

// flow is where a list in brackets is written, when its items are scalars and it has no comments.
func (f *File) flow(n *yaml.Node) (start, end int, ok bool) {
	start = f.offset(n)
	open := strings.IndexByte(f.text[start:], '[')
	if open < 0 {
		return 0, 0, false
	}
	start += open
	end = start + 1
	for _, item := range n.Content {
		_, behind, err := f.extent(item)
		if err != nil || strings.Contains(f.text[end:f.offset(item)], "#") {
			return 0, 0, false
		}
		end = behind
	}
	rest := strings.TrimLeft(f.text[end:], " \t\r\n,")
	if !strings.HasPrefix(rest, "]") {
		return 0, 0, false
	}
	return start, len(f.text) - len(rest) + 1, true
}

// indent returns the leading spaces of a line.
func (f *File) indent(n int) string {
	line := f.line(n)
	return line[:len(line)-len(strings.TrimLeft(line, " "))]
}

// end is the line behind what begins at a line with an indent: those that are further in belong to it, and so do items of
// a list that are as far in.
func (f *File) end(n int, indent string, list bool) int {
	end := n + 1
	for next := end; next <= len(f.lines); next++ {
		line := strings.TrimRight(f.line(next), " \t\r\n")
		if line == "" {
			continue
		}
		own := f.indent(next)
		if len(own) < len(indent) || len(own) == len(indent) && !(list && strings.HasPrefix(line[len(own):], "-")) {
			break
		}
		end = next + 1
	}
	return end
}

// at is the line that an offset is in.
func (f *File) at(offset int) int {
	n, found := slices.BinarySearch(f.lines, offset)
	if found {
		n++
	}
	return n
}

// block is lines with an indent, as they are to be written in place of what is from start to end. A file whose last line
// has no end keeps to have none.
func (f *File) block(start, end int, indent string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	eol := f.eol()
	text := indent + strings.Join(lines, eol+indent)
	if end < len(f.text) || f.line(len(f.lines)) == "" {
		return text + eol
	}
	if start == end {
		return eol + text
	}
	return text
}

// eol is how the file's lines end.
func (f *File) eol() string {
	if len(f.lines) > 1 && strings.HasSuffix(f.line(1), "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// unit is how far the file indents.
func (f *File) unit() string {
	for i := 1; i < len(f.root.Content); i += 2 {
		n := f.root.Content[i]
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 && n.Content[0].Column > 1 {
			return strings.Repeat(" ", n.Content[0].Column-1)
		}
	}
	return "  "
}

// sameBeside reports whether two files say the same but for a place. Comments need no look: an edit leaves their text
// where it is.
func sameBeside(place Path, a, b *File) bool {
	c := comparison{within(a, place), within(b, place)}
	return c.equal(without(a.root, place), without(b.root, place))
}

// within are the nodes of a place.
func within(f *File, place Path) map[*yaml.Node]bool {
	all := map[*yaml.Node]bool{}
	n := f.root
	for _, key := range place {
		if _, n = child(n, key); n == nil {
			return nil
		}
	}
	var add func(n *yaml.Node)
	add = func(n *yaml.Node) {
		all[n] = true
		for _, inner := range n.Content {
			add(inner)
		}
	}
	add(n)
	return all
}

// without is a tree without a place: an item or an entry is taken out, and what is empty then is nothing.
func without(n *yaml.Node, place Path) *yaml.Node {
	bare := *n
	bare.Content = nil
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	_, target := child(n, place[0])
	for i := 0; i+step <= len(n.Content); i += step {
		value := n.Content[i+step-1]
		if value == target && target != nil {
			if len(place) == 1 {
				continue
			}
			value = without(value, place[1:])
		}
		bare.Content = append(append(bare.Content, n.Content[i:i+step-1]...), value)
	}
	if len(bare.Content) == 0 && (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode || n.Kind == yaml.ScalarNode && null(n)) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Anchor: n.Anchor}
	}
	return &bare
}

// comparison compares two trees. What is inside an edited place is known by its nodes.
type comparison struct{ inA, inB map[*yaml.Node]bool }

func (c comparison) equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value && !null(a) || a.Anchor != b.Anchor || a.ShortTag() != b.ShortTag() || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.AliasNode && !c.sameTarget(a.Alias, b.Alias) {
		return false
	}
	for i := range a.Content {
		if !c.equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// sameTarget reports whether two aliases stand for the same: for the edited place, or for what it is beside.
func (c comparison) sameTarget(a, b *yaml.Node) bool {
	if c.inA[a] || c.inB[b] {
		return c.inA[a] && c.inB[b]
	}
	return a.Kind == b.Kind && a.Value == b.Value && a.ShortTag() == b.ShortTag()
}
