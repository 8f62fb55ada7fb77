package projects

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"gateway/projects/composefile"
)

// place is where a file says something: in a YAML file the keys that lead to a scalar, or to a list of scalars as a whole,
// with a last key "[]"; in a file of settings the first word of a line; in others the whole file.
type place struct{ file, keys string }

// saying is what a place says. The items of a list are separated as keys are.
type saying struct {
	text        string
	list, there bool
}

// String is the place for people.
func (p place) String() string {
	if p.keys == "" {
		return p.file
	}
	return p.file + ": " + composefile.Path(p.path()).String()
}

func comparePlaces(a, b place) int {
	return cmp.Or(strings.Compare(a.file, b.file), strings.Compare(a.keys, b.keys))
}

// path are the keys without the mark of a list.
func (p place) path() []string {
	return strings.Split(strings.TrimSuffix(p.keys, keySeparator+"[]"), keySeparator)
}

func (p place) isList() bool { return strings.HasSuffix(p.keys, keySeparator+"[]") }

// unescape is a text as people write it: in a compose file a dollar sign is doubled.
func (p place) unescape(text string) string {
	if p.file == ComposeFile {
		return strings.ReplaceAll(text, "$$", "$")
	}
	return text
}

// sayings adds all that a file says to a map.
func sayings(name string, text []byte, all map[place]saying) error {
	switch path.Ext(name) {
	case ".yaml":
		file, err := composefile.Parse(text)
		if err != nil {
			return err
		}
		for s := range file.Scalars() {
			keys := slices.Clone(s.Path)
			says := saying{text: s.Value, there: true}
			if last := len(keys) - 1; strings.HasPrefix(keys[last], "[") {
				keys[last] = "[]"
				says.list = true
			}
			at := place{name, strings.Join(keys, keySeparator)}
			if before, is := all[at]; is && says.list {
				says.text = before.text + keySeparator + says.text
			}
			all[at] = says
		}
	case ".ini", ".conf":
		for line := range strings.Lines(string(text)) {
			if key, start := settingOf(line); key != "" {
				all[place{name, key}] = saying{text: strings.TrimSpace(line[start:]), there: true}
			}
		}
	default:
		all[place{name, ""}] = saying{text: strings.TrimSuffix(string(text), "\n"), there: true}
	}
	return nil
}

// settingOf is the first word of a line of settings, empty for a comment, and where its value starts.
func settingOf(line string) (key string, start int) {
	word := strings.TrimLeft(line, " \t")
	if strings.HasPrefix(word, "#") || strings.HasPrefix(word, ";") || strings.HasPrefix(word, "[") {
		return "", 0
	}
	key, _, _ = strings.Cut(strings.TrimRight(word, "\r\n"), "=")
	key, _, _ = strings.Cut(strings.TrimSpace(key), " ")
	value := strings.TrimLeft(word[len(key):], " \t=")
	return key, len(line) - len(value)
}

// in is what a file says at the place. In a YAML file, labels and environment may be written as lists there.
func (p place) in(text []byte) (saying, error) {
	all := map[place]saying{}
	if path.Ext(p.file) != ".yaml" {
		err := sayings(p.file, text, all)
		return all[p], err
	}
	file, err := composefile.Parse(text)
	if err != nil {
		return saying{}, err
	}
	if p.isList() {
		items := file.Items(p.path()...)
		return saying{text: strings.Join(items, keySeparator), list: len(items) > 0, there: len(items) > 0}, nil
	}
	value, there := file.Get(p.path()...)
	return saying{text: value, there: there}, nil
}

// write changes what a file says at the place, and leaves all else as it is.
func (p place) write(text []byte, to saying) ([]byte, error) {
	switch path.Ext(p.file) {
	case ".yaml":
		file, err := composefile.Parse(text)
		switch {
		case err != nil:
		case !to.there:
			err = file.Remove(p.path())
		case to.list:
			err = file.SetItems(p.path(), strings.Split(to.text, keySeparator))
		default:
			err = file.Set(p.path(), to.text)
		}
		if err != nil {
			return nil, err
		}
		return file.Bytes(), nil
	case ".ini", ".conf":
		return p.writeLine(text, to)
	default:
		return []byte(to.text + "\n"), nil
	}
}

// writeLine replaces the line of a setting.
func (p place) writeLine(text []byte, to saying) ([]byte, error) {
	lines := strings.SplitAfter(string(text), "\n")
	found, start := -1, 0
	for i, line := range lines {
		key, value := settingOf(line)
		if key != p.keys {
			continue
		}
		if found >= 0 {
			return nil, fmt.Errorf("line %d says it again", i+1)
		}
		found, start = i, value
	}
	if found < 0 || !to.there {
		return nil, errors.New("the line comes or goes with the value")
	}
	lines[found] = lines[found][:start] + to.text + "\n"
	return []byte(strings.Join(lines, "")), nil
}
