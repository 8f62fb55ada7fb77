// Package templates holds the scaffolds that projects are made from: folders in the binary, each with a header that
// names the template, its parameters and what it needs, and with the files of a project. It knows how a scaffold
// becomes files; it knows nothing of where projects live, of Docker or of what runs. The policy worth stating: a value
// enters a YAML file only as a quoted scalar and a page only escaped, so no value can become anything but a value.
package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ErrUnknown is returned by Find for a name that no template has.
var ErrUnknown = errors.New("unknown template")

// The parts of a template's folder.
const (
	headerFile  = "template.yaml"
	filesFolder = "files"
)

//go:embed all:portfolio
var builtin embed.FS

// Template is one scaffold. It is immutable and safe for concurrent use.
type Template struct {
	Header
	files fs.FS
}

// All returns the templates in the binary, sorted by name.
func All() ([]Template, error) { return load(builtin) }

// Find returns the template in the binary with that name. The error wraps ErrUnknown and names those there are.
func Find(name string) (Template, error) {
	all, err := All()
	if err != nil {
		return Template{}, err
	}
	names := make([]string, 0, len(all))
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Template{}, fmt.Errorf("%w %q; there are: %s", ErrUnknown, name, strings.Join(names, ", "))
}

// load reads every folder of root as a template.
func load(root fs.FS) ([]Template, error) {
	folders, err := fs.ReadDir(root, ".")
	if err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	var all []Template
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		t, err := open(root, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", folder.Name(), err)
		}
		all = append(all, t)
	}
	return all, nil
}

func open(root fs.FS, folder string) (Template, error) {
	text, err := fs.ReadFile(root, path.Join(folder, headerFile))
	if err != nil {
		return Template{}, err
	}
	header, err := parseHeader(text)
	if err != nil {
		return Template{}, fmt.Errorf("%s: %w", headerFile, err)
	}
	if header.Name != folder {
		return Template{}, fmt.Errorf("%s: name is %q, and the folder is %q; they have to be equal", headerFile, header.Name, folder)
	}
	files, err := fs.Sub(root, path.Join(folder, filesFolder))
	if err != nil {
		return Template{}, err
	}
	return Template{Header: header, files: files}, nil
}
