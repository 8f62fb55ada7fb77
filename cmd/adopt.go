package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"gateway/projects"
	"gateway/projects/adoption"
	"gateway/projects/policy"
)

// adopt finds in somebody's folder what a new project is made of.
func (o addOptions) adopt(ctx context.Context, w *workshop, r *projects.Request) error {
	port, err := strconv.Atoi(o.parameters["port"])
	if err != nil && o.parameters["port"] != "" {
		return usageError{err}
	}
	find := finding{
		dir: o.parameters["from"], name: r.Name, limits: adoption.Limits(projects.DefaultLimits),
		given: adoption.Choice{Service: o.parameters["service"], Port: port},
	}
	if r.Source, err = find.source(ctx, w); err != nil {
		return err
	}
	r.Parameters["port"] = strconv.Itoa(r.Source.Choice.Port)
	return nil
}

// finding is what is looked for in somebody's folder.
type finding struct {
	dir    string
	name   projects.Name
	limits adoption.Limits
	given  adoption.Choice
}

// source looks through a folder and decides which service visitors reach.
func (f finding) source(ctx context.Context, w *workshop) (*projects.Source, error) {
	files, err := adoption.Find(f.dir)
	if err != nil {
		return nil, usageError{err}
	}
	folder, err := adoption.Open(f.dir, f.limits)
	if err != nil {
		return nil, err
	}
	if len(folder.Skipped) > 0 {
		w.env.notef("leaving out %s\n", strings.Join(folder.Skipped, ", "))
	}
	s := &projects.Source{Folder: folder, Files: files}
	if len(files) == 0 {
		s.Outline = folder.Dockerfile()
	} else if s.Outline, err = w.compose.Outline(ctx, folder.Dir, string(f.name), files); err != nil {
		return nil, err
	}
	if s.Choice, err = s.Outline.Choose(f.given.Service, f.given.Port); err != nil {
		return nil, usageError{err}
	}
	if s.Choice.Port == 0 {
		err = f.askImage(ctx, w, s)
	}
	return s, err
}

// askImage finds the port in the image of the service, when the engine has it.
func (f finding) askImage(ctx context.Context, w *workshop, s *projects.Source) error {
	image := s.Outline.Image(s.Choice.Service)
	if image == "" {
		return usageError{s.Choice.NoPort()}
	}
	ports, err := w.compose.Exposed(ctx, image)
	if err != nil {
		return err
	}
	if s.Choice.Port, err = s.Choice.One(ports); err != nil {
		return usageError{err}
	}
	if s.Choice.Port == 0 {
		return usageError{s.Choice.NoPort()}
	}
	return nil
}

// tell says what people should know, one line each.
func tell(env *Env, notes []string) {
	for _, note := range notes {
		env.notef("%s\n", note)
	}
}

// ofSource names the files of a refused project by where they were taken from: the copy of them is gone by then.
func ofSource(err error, dir string, source *projects.Source) error {
	refused, ok := errors.AsType[policy.Refused](err)
	if source == nil || !ok {
		return err
	}
	copied := filepath.Join(dir, adoption.Source) + string(filepath.Separator)
	var all policy.Refused
	for _, finding := range refused {
		if name, ok := strings.CutPrefix(finding.File, copied); ok {
			finding.File = filepath.Join(source.Folder.Dir, name)
		}
		all = append(all, finding)
	}
	return all
}
