package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files and folders of a project.
const (
	// ComposeFile is the only file that a project has to have.
	ComposeFile = "compose.yaml"
	// SiteFolder holds the files of a project that serves some.
	SiteFolder = "site"
)

// ErrNoProject says that there is no project of that name.
var ErrNoProject = errors.New("no such project")

// Store is the folder that holds all projects. Folders whose names start with a dot are none: they are projects on
// their way in or out, and locks.
type Store struct{ root string }

// NewStore names the folder, which need not exist yet.
func NewStore(root string) (Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return Store{}, fmt.Errorf("finding the projects folder: %w", err)
	}
	return Store{abs}, nil
}

// Root is the absolute path of the folder.
func (s Store) Root() string { return s.root }

// Dir is the absolute path of a project's folder, which need not exist.
func (s Store) Dir(name Name) string { return filepath.Join(s.root, string(name)) }

// Project is one project's folder.
type Project struct {
	Name Name
	Dir  string
	Document
	// Err says why the folder could not be read; then there is no Document, and Name may not be a valid one.
	Err error
}

// HasSite reports whether the project has a folder of files to serve.
func (p Project) HasSite() bool {
	info, err := os.Stat(filepath.Join(p.Dir, SiteFolder))
	return err == nil && info.IsDir()
}

// Fix says what to do about Err.
func (p Project) Fix() string {
	var fixed interface{ Fix() string }
	_, badName := ParseName(string(p.Name))
	switch {
	case errors.As(p.Err, &fixed):
		return fixed.Fix()
	case badName != nil:
		return "rename the folder, or move it out of " + filepath.Dir(p.Dir)
	case errors.Is(p.Err, fs.ErrPermission):
		return "use sudo"
	case errors.Is(p.Err, fs.ErrNotExist):
		return "put the file back, from a backup for example, or move the folder out of " + filepath.Dir(p.Dir)
	}
	return "edit the file, then: gateway deploy " + string(p.Name)
}

// List returns all projects, sorted by name. One that cannot be read is listed with its error.
func (s Store) List() ([]Project, error) {
	entries, err := os.ReadDir(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", forbidden(err))
	}
	var all []Project
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || !isFolder(s.root, entry) {
			continue
		}
		p := Project{Name: Name(entry.Name()), Dir: filepath.Join(s.root, entry.Name())}
		if _, p.Err = ParseName(entry.Name()); p.Err == nil {
			p.Document, p.Err = read(p.Name, p.Dir)
		}
		all = append(all, p)
	}
	return all, nil
}

// isFolder follows a link: people may keep a project on another disk.
func isFolder(root string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(root, entry.Name()))
	return err == nil && info.IsDir()
}

// Exists reports whether anything has the name of the project's folder.
func (s Store) Exists(name Name) bool {
	_, err := os.Lstat(s.Dir(name))
	return err == nil
}

// Load reads one project. The error wraps ErrNoProject when there is none.
func (s Store) Load(name Name) (Project, error) {
	p := Project{Name: name, Dir: s.Dir(name)}
	if !s.Exists(name) {
		return p, fmt.Errorf("%w: %s (no folder %s); 'gateway ls' lists the projects", ErrNoProject, name, p.Dir)
	}
	var err error
	p.Document, err = read(name, p.Dir)
	return p, err
}

// forbidden adds the fix to an error about rights.
func forbidden(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; use sudo", err)
	}
	return err
}

func read(name Name, dir string) (Document, error) {
	file := filepath.Join(dir, ComposeFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return Document{}, fmt.Errorf("reading project %s: %w", name, err)
	}
	doc, err := parseDocument(name, text)
	if misnamed, is := errors.AsType[*MisnamedError](err); is {
		misnamed.Dir = dir
		return Document{}, misnamed
	}
	if err != nil {
		return Document{}, fmt.Errorf("%s: %w", file, err)
	}
	return doc, doc.readOverride(name, dir)
}
