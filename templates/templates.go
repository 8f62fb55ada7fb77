// Package templates holds the scaffolds that projects are made from: folders in the binary, and in a folder of people's
// own, each with a header that names the template, its parameters and what it needs, and with the files of a project.
// It knows how a scaffold becomes files; it knows nothing of where projects live, of Docker or of what runs. The policy
// worth stating: a value enters a YAML file only as a quoted scalar and a page only escaped, so no value can become
// anything but a value, and a secret enters no file but those of the secret folder.
package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrUnknown is wrapped by the errors about a name that no template has.
var ErrUnknown = errors.New("unknown template")

// The parts of a template's folder.
const (
	headerFile  = "template.yaml"
	filesFolder = "files"
)

//go:embed all:compose all:dev all:portfolio all:redirect all:slack-invite all:wordpress
var builtin embed.FS

// Template is one scaffold. It is immutable and safe for concurrent use.
type Template struct {
	Header
	// Dir is the folder of one of people's own, empty for one in the binary.
	Dir string
	// files are those of the project, by slash-separated path.
	files map[string][]byte
}

// All returns the templates in the binary, sorted by name.
func All() ([]Template, error) {
	folders, err := fs.ReadDir(builtin, ".")
	if err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	var all []Template
	for _, folder := range folders {
		files, err := read(builtin, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", folder.Name(), err)
		}
		t, err := open(folder.Name(), files)
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", folder.Name(), err)
		}
		all = append(all, t)
	}
	return all, nil
}

// Find returns the template in the binary with that name. The error wraps ErrUnknown and lists the templates.
func Find(name string) (Template, error) {
	all, err := All()
	if err != nil {
		return Template{}, err
	}
	return Set{Templates: all}.Find(name)
}

// open makes a template of the files in its folder, which are by slash-separated path.
func open(folder string, files map[string][]byte) (Template, error) {
	text, ok := files[headerFile]
	if !ok {
		return Template{}, fmt.Errorf("%s is missing; it says name and summary", headerFile)
	}
	header, err := parseHeader(text)
	if err != nil {
		return Template{}, fmt.Errorf("%s: %w", headerFile, err)
	}
	if header.Name != folder {
		return Template{}, fmt.Errorf("%s: name is %q, and the folder is %q; they have to be equal", headerFile, header.Name, folder)
	}
	t := Template{Header: header, files: map[string][]byte{}}
	for name, text := range files {
		if inside, ok := strings.CutPrefix(name, filesFolder+"/"); ok {
			t.files[inside] = text
		}
	}
	return t, nil
}
