package templates

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"path"
	"strings"
	"text/template"

	"gateway/projects/composefile"
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
	// Subnet is that of the edge network, Backend that of the project's own; it is empty when the template needs none.
	Subnet, Backend string
}

// SecretFolder holds what only the project's containers may read: a file for each secret, named as the parameter with
// underscores for dashes, and what a template makes of secrets.
const SecretFolder = "secrets"

// SecretFile is the path of a secret parameter's file in the project.
func (p Parameter) SecretFile() string {
	return SecretFolder + "/" + strings.ReplaceAll(p.Name, "-", "_")
}

// Value is a text that is printed as a double-quoted YAML scalar, and that compose reads back unchanged: a dollar sign
// starts no interpolation. Bytes that are no UTF-8 become U+FFFD.
type Value string

// String is the quoted scalar.
func (v Value) String() string { return strings.ReplaceAll(v.Plain(), "$", "$$") }

// Plain is the quoted scalar for a YAML file that compose does not read: a dollar sign is itself.
func (v Value) Plain() string { return composefile.Quote(string(v)) }

// Render makes the files of a project, by slash-separated path inside its folder. The parameters are given by name as
// people write them; one the template does not have, one that is missing, or a value that does not fit its type, is an
// error. A secret that is not given is another one each time.
func (t Template) Render(p Project, parameters map[string]string) (map[string][]byte, error) {
	given, err := t.complete(parameters)
	if err != nil {
		return nil, err
	}
	p.Template = t.Name
	files := map[string][]byte{}
	for name, text := range t.files {
		target, isScaffold := strings.CutSuffix(name, scaffoldSuffix)
		if isScaffold {
			if text, err = t.execute(target, string(text), p, given); err != nil {
				return nil, fmt.Errorf("rendering template %s: %w", t.Name, err)
			}
		}
		files[target] = text
	}
	for _, p := range t.Parameters {
		if p.Type == Secret {
			files[p.SecretFile()] = []byte(given[p.Name] + "\n")
		}
	}
	return files, nil
}

// execute renders one scaffold by the kind of file it makes.
func (t Template) execute(target, text string, p Project, given map[string]string) ([]byte, error) {
	var scaffold interface {
		Execute(w io.Writer, data any) error
	}
	data := map[string]any{}
	var err error
	kind := path.Ext(target)
	switch kind {
	case ".yaml":
		scaffold, err = template.New(target).Option("missingkey=error").Funcs(template.FuncMap{"below": below}).Parse(text)
		p.each(func(name, value string) { data[name] = Value(value) })
	case ".html":
		scaffold, err = htmltemplate.New(target).Option("missingkey=error").Parse(text)
		p.each(func(name, value string) { data[name] = value })
	case ".ini", ".conf":
		scaffold, err = template.New(target).Option("missingkey=error").Parse(text)
	default:
		err = errors.New("only .yaml, .html, .ini and .conf files can be scaffolds; name it without " + scaffoldSuffix + " to copy it as it is")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	if data["Parameters"], err = t.values(kind, strings.HasPrefix(target, SecretFolder+"/"), given); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := scaffold.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// values are what a scaffold of some kind may know of the parameters, by name with underscores for dashes. Secrets are for files of the secret
// folder alone, and texts for files in which they are quoted.
func (t Template) values(kind string, secret bool, given map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, p := range t.Parameters {
		if p.Type == Secret && !secret {
			continue
		}
		value, err := p.read(given[p.Name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s of template %s: %w", p.Name, t.Name, err)
		}
		if text, ok := value.(Value); ok && kind == ".html" {
			value = string(text)
		} else if ok && kind != ".yaml" {
			continue
		}
		values[strings.ReplaceAll(p.Name, "-", "_")] = value
	}
	return values, nil
}

// below is what a path comes to between what is before and behind it, quoted; the path "/" is nothing then.
func below(before string, path Value, behind string) Value {
	return Value(before + strings.TrimSuffix(string(path), "/") + behind)
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
	yield("Backend", p.Backend)
}
