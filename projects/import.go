package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/docker"
	"gateway/proxy/printable"
	"gateway/templates"
)

// ImportTemplate is the template that imported projects have.
const ImportTemplate = "compose"

// Source is the imported folder that a project is made of.
type Source struct {
	Folder *importer.Folder
	// Files are those that Compose reads, in its order; none for a Dockerfile alone.
	Files   []string
	Outline importer.Outline
	Choice  importer.Choice
}

// HasSource reports whether the project is an imported one, which a deployment can replace.
func (p Project) HasSource() bool {
	info, err := os.Stat(filepath.Join(p.Dir, importer.Source))
	return p.Template == ImportTemplate && err == nil && info.IsDir()
}

func (s *Source) needsBackend() bool { return s != nil && len(s.Files) > 0 && s.Outline.NeedsBackend() }

func (s *Source) folders() []*importer.Folder {
	if s == nil {
		return nil
	}
	return []*importer.Folder{s.Folder}
}

func (s *Source) steps() []string {
	if s == nil {
		return nil
	}
	return []string{
		fmt.Sprintf("copy %s (%s) from %s to %s", Files(s.Folder.Files), Size(s.Folder.Bytes), s.Folder.Dir, importer.Source),
		s.served(),
	}
}

func (s *Source) served() string {
	if s.Choice.Port == 0 {
		return fmt.Sprintf("serve service %s; its port is read from its image once that is built or pulled", s.Choice.Service)
	}
	return fmt.Sprintf("serve service %s, port %d", s.Choice.Service, s.Choice.Port)
}

// atPort is the same source, served at a port.
func (s *Source) atPort(port int) *Source {
	found := *s
	found.Choice.Port = port
	return &found
}

// sourceFits refuses a folder that the copy of it would be in, or that is in the projects folder itself.
func sourceFits(store Store, s *Source) error {
	if s != nil && policy.Within(s.Folder.Dir, resolved(store.root)) {
		return fmt.Errorf("folder %s: the projects folder %s is inside it; name the folder with the project alone", s.Folder.Dir, store.root)
	}
	return nil
}

// strays refuses mounts that are beside the folder: they are not copied, and would be others in the project's folder.
func (s *Source) strays(trust policy.Trust) error {
	if s == nil || trust.Has(policy.Mounts) {
		return nil
	}
	for _, m := range s.Outline.Mounts() {
		rel, err := filepath.Rel(s.Folder.Dir, m.Path)
		if rest, up := strings.CutPrefix(filepath.ToSlash(rel), "../"); err == nil && up && !strings.HasPrefix(rest+"/", "../") {
			return fmt.Errorf("folder %s: %s is mounted, which is not in it and would not be copied; move it into the folder, or use a volume", s.Folder.Dir, printable.Line(m.Path))
		}
	}
	return nil
}

// render makes the files of a project: of its template, or around somebody's.
func (r Add) render(p templates.Project) (files map[string][]byte, notes []string, err error) {
	if r.Source == nil || len(r.Source.Files) == 0 {
		files, err = r.Template.Render(p, r.Parameters)
		return files, nil, err
	}
	if err := errors.Join(r.Source.Outline.Check(r.Source.Choice), r.Source.strays(r.Trust)); err != nil {
		return nil, nil, err
	}
	p.Template = r.Template.Name
	terms := importer.Terms{Project: p, Files: r.Source.Files, Choice: r.Source.Choice, Trust: r.Trust}
	return map[string][]byte{
		ComposeFile:       terms.Compose(),
		importer.Override: r.Source.Outline.Override(terms),
	}, r.Source.Outline.Notes(terms), nil
}

// readOverride adds what the override of an imported project says.
func (d *Document) readOverride(name Name, dir string) error {
	if !d.imported {
		return nil
	}
	file := filepath.Join(dir, importer.Override)
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading project %s: %w", name, err)
	}
	if err := d.override(name, text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (d *Document) override(name Name, text []byte) error {
	more, err := parseDocument(name, text)
	if err != nil {
		return err
	}
	d.claim(slices.Concat(more.Claims, more.Redirects))
	d.Problems = append(d.Problems, more.Problems...)
	d.Subnets = append(d.Subnets, more.Subnets...)
	return nil
}

// routesFile is the path of the file that says the project's routes.
func (p Project) routesFile() string {
	if p.imported {
		return filepath.Join(p.Dir, importer.Override)
	}
	return filepath.Join(p.Dir, ComposeFile)
}

// withRoutes is the project's document as it would be with another text in the file that says its routes.
func (p Project) withRoutes(text []byte) (Document, error) {
	if !p.imported {
		return parseDocument(p.Name, text)
	}
	compose, err := os.ReadFile(filepath.Join(p.Dir, ComposeFile))
	if err != nil {
		return Document{}, err
	}
	doc, err := parseDocument(p.Name, compose)
	if err != nil {
		return Document{}, err
	}
	return doc, doc.override(p.Name, text)
}

// sweep removes the containers that a failed build left: they carry no project's name.
func (l Life) sweep(ctx context.Context, cause error) error {
	var failed interface{ Leftovers() []string }
	if !errors.As(cause, &failed) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var all error
	for _, id := range failed.Leftovers() {
		if err := l.Engine.Remove(ctx, id, stopTimeout); err != nil && !errors.Is(err, docker.ErrNotFound) {
			all = errors.Join(all, fmt.Errorf("removing container %s of the build: %w", id, err))
		}
	}
	return all
}
