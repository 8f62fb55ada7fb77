package templates

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/composefile"
)

// The bounds of a template of people's own.
const (
	maxFiles = 500
	maxFile  = 1 << 20
	maxAll   = 16 << 20
)

// Set is the templates that there are, sorted by name.
type Set struct {
	Templates []Template
	// Broken says of each folder that is no template what is wrong with it: file, line where there is one, and fix.
	Broken []error
}

// Load returns the templates in the binary and those in a folder of people's own, which need not exist. One that is
// broken is left out and reported in the set; the error is about the folder as a whole.
func Load(dir string) (Set, error) {
	all, err := All()
	if err != nil {
		return Set{}, err
	}
	set := Set{Templates: all}
	root, err := os.OpenRoot(dir)
	if dir == "" || errors.Is(err, fs.ErrNotExist) {
		return set, nil
	}
	if err != nil {
		return Set{}, fmt.Errorf("opening the folder of templates: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return Set{}, fmt.Errorf("listing the templates in %s: %w", dir, err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || entry.Type().IsRegular() {
			continue
		}
		t, err := openOwn(root.FS(), entry, all)
		if err != nil {
			set.Broken = append(set.Broken, fmt.Errorf("%s: %w", filepath.Join(dir, entry.Name()), err))
			continue
		}
		t.Dir = filepath.Join(dir, entry.Name())
		set.Templates = append(set.Templates, t)
	}
	slices.SortFunc(set.Templates, func(a, b Template) int { return cmp.Compare(a.Name, b.Name) })
	return set, nil
}

// Find returns the template with that name. The error wraps ErrUnknown and lists the templates, and what is wrong
// with the folder when it has that name.
func (s Set) Find(name string) (Template, error) {
	var names []string
	for _, t := range s.Templates {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	for _, broken := range s.Broken {
		if strings.Contains(broken.Error(), string(filepath.Separator)+name+": ") {
			return Template{}, fmt.Errorf("template %s is broken: %w", name, broken)
		}
	}
	if near := nearest(name, names); near != "" {
		return Template{}, fmt.Errorf("%w %q; write %s if that is what you mean; there are: %s", ErrUnknown, name, near, strings.Join(names, ", "))
	}
	return Template{}, fmt.Errorf("%w %q; there are: %s", ErrUnknown, name, strings.Join(names, ", "))
}

// openOwn reads one template of people's own into memory and tries it out.
func openOwn(root fs.FS, entry fs.DirEntry, builtin []Template) (Template, error) {
	name := entry.Name()
	if !entry.IsDir() {
		return Template{}, errors.New("it is no folder; a template is a folder, and no link to one")
	}
	if slices.ContainsFunc(builtin, func(t Template) bool { return t.Name == name }) {
		return Template{}, errors.New("gateway itself has a template of that name; give the folder another name, and write it into " + headerFile)
	}
	files, err := read(root, name)
	if err != nil {
		return Template{}, err
	}
	t, err := open(name, files)
	if err != nil {
		return Template{}, err
	}
	return t, t.try()
}

// read copies a folder into memory, so that what was checked is what is used, and refuses links and what is too large.
func read(root fs.FS, folder string) (map[string][]byte, error) {
	files, left := map[string][]byte{}, int64(maxAll)
	err := fs.WalkDir(root, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside := strings.TrimPrefix(name, folder+"/")
		info, err := entry.Info()
		if err != nil {
			return err
		}
		left -= info.Size()
		switch {
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is no regular file; put the file itself in its place", inside)
		case info.Size() > maxFile:
			return fmt.Errorf("%s has %s, and %s is the most for a file; have the project's image bring it", inside, Size(info.Size()), Size(maxFile))
		case len(files) == maxFiles || left < 0:
			return fmt.Errorf("it has more than %d files or %s; have the project's image bring them", maxFiles, Size(maxAll))
		}
		files[inside], err = fs.ReadFile(root, name)
		return err
	})
	return files, err
}

// try renders the template with its defaults.
func (t Template) try() error {
	if len(t.files) == 0 {
		return fmt.Errorf("folder %s is missing; it holds the project's files, %s among them", filesFolder, "compose.yaml"+scaffoldSuffix)
	}
	files, err := t.Render(Project{
		Name: "example", Path: "/example", Host: "example.org", Owner: "owner@example.org",
		Created: "2026-01-01", Expires: "2026-12-31", Subnet: "10.0.0.0/27", Backend: "10.0.0.32/27",
	}, t.Samples())
	if err != nil {
		return err
	}
	text, ok := files["compose.yaml"]
	if !ok {
		return fmt.Errorf("%s makes no compose.yaml; write one, or compose.yaml%s", filesFolder, scaffoldSuffix)
	}
	file, err := composefile.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: with the defaults it is no YAML: %w", path.Join(filesFolder, "compose.yaml"+scaffoldSuffix), err)
	}
	if len(file.Keys("services")) == 0 {
		return fmt.Errorf("%s: it has no services", path.Join(filesFolder, "compose.yaml"+scaffoldSuffix))
	}
	return nil
}
