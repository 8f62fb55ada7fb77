package templates

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
)

// scaffoldSuffix marks a file that is executed as a template; all others are copied as they are.
const scaffoldSuffix = ".tmpl"

// Project is what every scaffold is given.
type Project struct {
	// Name is the project's, Template is filled in by Render.
	Name, Template string
	// Path is the prefix, such as "/robots" or "/"; Host may be empty for any.
	Path, Host string
	// Owner may be empty.
	Owner string
	// Created and Expires have the form 2006-01-02; Expires may be empty.
	Created, Expires string
	// Subnet is that of the edge network.
	Subnet string
}

// Value is a text that is printed as a double-quoted YAML scalar, and that compose reads back unchanged: a dollar sign
// starts no interpolation. Bytes that are no UTF-8 become U+FFFD.
type Value string

// String is the quoted scalar.
func (v Value) String() string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range string(v) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '$':
			b.WriteString("$$")
		case r < 0x20 || 0x7f <= r && r <= 0x9f || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffe' || r == '\uffff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Render makes the files of a project, by slash-separated path inside its folder. The parameters are given by name as
// people write them; one the template does not have, or a value that does not fit its type, is an error.
func (t Template) Render(p Project, parameters map[string]string) (map[string][]byte, error) {
	values, err := t.values(parameters)
	if err != nil {
		return nil, err
	}
	p.Template = t.Name
	files := map[string][]byte{}
	err = fs.WalkDir(t.files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(t.files, name)
		if err != nil {
			return err
		}
		target, isScaffold := strings.CutSuffix(name, scaffoldSuffix)
		if isScaffold {
			if text, err = execute(target, string(text), p, values); err != nil {
				return err
			}
		}
		files[target] = text
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rendering template %s: %w", t.Name, err)
	}
	return files, nil
}

// values are those of all parameters of the template, by name.
func (t Template) values(given map[string]string) (map[string]any, error) {
	rest := maps.Clone(given)
	values := map[string]any{}
	for _, p := range t.Parameters {
		text, ok := rest[p.Name]
		if !ok {
			text = p.Default
		}
		delete(rest, p.Name)
		value, err := p.read(text)
		if err != nil {
			return nil, fmt.Errorf("parameter %s of template %s: %w", p.Name, t.Name, err)
		}
		values[p.Name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		return nil, fmt.Errorf("template %s has no parameter %q; 'gateway templates show %s' lists those it has", t.Name, name, t.Name)
	}
	return values, nil
}

// execute renders one scaffold by the kind of file it makes.
func execute(target, text string, p Project, parameters map[string]any) ([]byte, error) {
	var scaffold interface {
		Execute(w io.Writer, data any) error
	}
	var err error
	data := map[string]any{"Parameters": parameters}
	switch path.Ext(target) {
	case ".yaml":
		scaffold, err = template.New(target).Option("missingkey=error").Parse(text)
		p.each(func(name, value string) { data[name] = Value(value) })
	case ".html":
		scaffold, err = htmltemplate.New(target).Option("missingkey=error").Parse(text)
		p.each(func(name, value string) { data[name] = value })
	default:
		err = errors.New("only .yaml and .html files can be scaffolds")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	var out bytes.Buffer
	if err := scaffold.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// each yields the fields as scaffolds name them.
func (p Project) each(yield func(name, value string)) {
	yield("Name", p.Name)
	yield("Template", p.Template)
	yield("Path", p.Path)
	yield("Host", p.Host)
	yield("Owner", p.Owner)
	yield("Created", p.Created)
	yield("Expires", p.Expires)
	yield("Subnet", p.Subnet)
}
