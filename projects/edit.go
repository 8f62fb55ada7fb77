package projects

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/label"
)

// editFile is the step that edits a compose file. Its error names the file.
func editFile(path, text string, edit func(*composefile.File) error) (plan.Step, error) {
	return edits{}.step(path, text, func(before []byte) ([]byte, error) { return editText(before, edit) })
}

// editText edits the text of a compose file.
func editText(text []byte, edit func(*composefile.File) error) ([]byte, error) {
	file, err := composefile.Parse(text)
	if err == nil {
		err = edit(file)
	}
	if err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// edits are the texts of the files that the steps of a change edit, by path: each step starts from the text that the one
// before leaves.
type edits map[string][]byte

// step is a step that edits a file. Its error names the file.
func (e edits) step(path, text string, edit func(before []byte) ([]byte, error)) (plan.Step, error) {
	before, known := e[path]
	if !known {
		var err error
		if before, err = os.ReadFile(path); err != nil {
			return plan.Step{}, err
		}
	}
	after, err := edit(before)
	if err != nil {
		return plan.Step{}, fmt.Errorf("%s: %w", path, err)
	}
	e[path] = after
	write := plan.WriteFile(path, before, after)
	write.Text = text
	return write, nil
}

// change is what one place of a compose.yaml says before and after. An item of a list is known by its value alone: keys
// have "[]" for each.
type change struct{ keys, from, to string }

// keySeparator stands between keys; no key of a compose.yaml has one.
const keySeparator = "\x00"

// keysOf are the keys of a place as changes have them.
func keysOf(path composefile.Path) string {
	keys := slices.Clone(path)
	for i, key := range keys {
		if strings.HasPrefix(key, "[") {
			keys[i] = "[]"
		}
	}
	return strings.Join(keys, keySeparator)
}

// differences are the places at which two files of the same shape differ.
func differences(before, after []byte) ([]change, error) {
	var said [2][]composefile.Scalar
	for i, text := range [][]byte{before, after} {
		file, err := composefile.Parse(text)
		if err != nil {
			return nil, err
		}
		said[i] = slices.Collect(file.Scalars())
	}
	var all []change
	if !slices.EqualFunc(said[0], said[1], func(was, is composefile.Scalar) bool {
		if c := (change{keysOf(was.Path), was.Value, is.Value}); was.Value != is.Value && !slices.Contains(all, c) {
			all = append(all, c)
		}
		return slices.Equal(was.Path, is.Path)
	}) {
		return nil, errors.New("its shape depends on the path")
	}
	return all, nil
}

// edit makes changes in the text of a compose.yaml and leaves all else as it is, byte for byte. A place that is not there
// needs no change; one that says something else is an error, which names the line. It returns how many changes it made.
func edit(text []byte, changes []change) (edited []byte, made int, err error) {
	file, err := composefile.Parse(text)
	if err != nil {
		return nil, 0, err
	}
	var faults []error
	for _, s := range slices.Collect(file.Scalars()) {
		to, wanted, known := intended(s, changes)
		switch {
		case known && to != "":
			faults = append(faults, file.Set(s.Path, to))
			made++
		case known:
			faults = append(faults, fmt.Errorf("line %d: %s is %q and not %q, so that what to make of it is not known", s.Line, s.Path, s.Value, wanted))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, 0, err
	}
	return file.Bytes(), made, nil
}

// intended says what a place is to say. It is known when a change is about it: then to is empty when the place says none
// of what the changes expect, of which wanted is one.
func intended(s composefile.Scalar, changes []change) (to, wanted string, known bool) {
	keys := keysOf(s.Path)
	for _, c := range changes {
		switch item := c.asItem(); {
		case c.keys == keys && c.from == s.Value:
			return c.to, c.from, true
		case c.keys == keys && !strings.Contains(keys, "[]"):
			wanted, known = c.from, true
		case item.keys == keys && item.from == s.Value:
			return item.to, c.from, true
		}
	}
	return "", wanted, known
}

// asItem is the change of an entry of a mapping when the mapping is written as a list of KEY=VALUE, as labels and
// environment may be.
func (c change) asItem() change {
	i := strings.LastIndex(c.keys, keySeparator)
	if i < 0 {
		return c
	}
	key := c.keys[i+1:] + "="
	return change{c.keys[:i+1] + "[]", key + c.from, key + c.to}
}

// labelChanges are the labels of services that hold a path.
func labelChanges(text []byte, from, to string) []change {
	file, err := composefile.Parse(text)
	if err != nil {
		return nil
	}
	var all []change
	for s := range file.Scalars() {
		name, value, is := labelOf(s)
		if isPath := name == label.Path || strings.HasPrefix(name, label.Routes) && strings.HasSuffix(name, ".path"); is && isPath && value == escapeLabel(from) {
			all = append(all, change{keysOf(append(slices.Clone(s.Path[:3]), name)), value, escapeLabel(to)})
		}
	}
	return all
}

// labelOf reads a scalar that is a label of a service, in a mapping or in a list of KEY=VALUE.
func labelOf(s composefile.Scalar) (name, value string, is bool) {
	if len(s.Path) != 4 || s.Path[0] != "services" || s.Path[2] != "labels" {
		return "", "", false
	}
	name, value = s.Path[3], s.Value
	if strings.HasPrefix(name, "[") {
		name, value, _ = strings.Cut(value, "=")
	}
	return name, value, true
}

// escapeLabel writes a value that Compose would take for a variable.
func escapeLabel(s string) string { return strings.ReplaceAll(s, "$", "$$") }
