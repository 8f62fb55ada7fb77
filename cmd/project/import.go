package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/route"
)

// importFolder finds in somebody's folder what a new project is made of.
func (o addOptions) importFolder(ctx context.Context, s *cli.Session, r *projects.Add) error {
	port, err := strconv.Atoi(o.parameters["port"])
	if err != nil && o.parameters["port"] != "" {
		return cli.Usage(err)
	}
	limits, err := siteLimits(s.Env, "", 0)
	if err != nil {
		return err
	}
	find := finding{
		dir: o.parameters["from"], name: r.Name, limits: importer.Limits(limits),
		given: importer.Choice{Service: o.parameters["service"], Port: port},
	}
	if r.Source, err = find.source(ctx, s); err != nil {
		return err
	}
	r.Parameters["port"] = strconv.Itoa(r.Source.Choice.Port)
	return nil
}

// finding is what is looked for in somebody's folder.
type finding struct {
	dir    string
	name   projects.Name
	limits importer.Limits
	given  importer.Choice
	// into is the project that the files are for, when there is one already.
	into *projects.Project
}

// source looks through a folder and decides which service visitors reach.
func (f finding) source(ctx context.Context, session *cli.Session) (*projects.Source, error) {
	files, err := compose.Files(f.dir)
	if err != nil {
		return nil, cli.Usage(err)
	}
	if f.into != nil {
		err = f.into.Takes(f.dir, files)
	}
	if err != nil {
		return nil, err
	}
	folder, err := importer.Open(f.dir, f.limits)
	if err != nil {
		return nil, err
	}
	if len(folder.Skipped) > 0 {
		session.Env.Notef("leaving out %s\n", strings.Join(folder.Skipped, ", "))
	}
	service, err := session.Compose()
	if err != nil {
		return nil, err
	}
	s := &projects.Source{Folder: folder, Files: files}
	if len(files) == 0 {
		s.Outline = compose.OutlineDockerfile(folder.Dir)
	} else if s.Outline, err = service.Outline(ctx, folder.Dir, string(f.name), files); err != nil {
		return nil, err
	}
	if f.into != nil && len(files) > 0 {
		err = s.Outline.Has(f.given)
	}
	if err != nil {
		return nil, err
	}
	if s.Choice, err = s.Outline.Choose(f.given.Service, f.given.Port); err != nil {
		return nil, cli.Usage(err)
	}
	if s.Choice.Port == 0 {
		err = askImage(ctx, session, s)
	}
	return s, err
}

// askImage finds the port in the image of the service, when the engine has it and does not build it. Else the port stays
// open until the image is there.
func askImage(ctx context.Context, session *cli.Session, s *projects.Source) error {
	image := s.Outline.Image(s.Choice.Service)
	if image == "" {
		return nil
	}
	service, err := session.Compose()
	if err != nil {
		return err
	}
	ports, found, err := service.Exposed(ctx, image)
	if err != nil || !found {
		return err
	}
	if s.Choice.Port, err = s.Choice.One(ports); err != nil {
		return cli.Usage(err)
	}
	if s.Choice.Port == 0 {
		return cli.Usage(s.Choice.NoPort())
	}
	return nil
}

// ofSomebodys reports whether a project is of somebody's files, and first ends what a crash left of exchanging them.
func ofSomebodys(ctx context.Context, s *cli.Session, p projects.Project) (bool, error) {
	if p.Template != projects.ImportTemplate {
		return false, nil
	}
	err := projects.Recover(ctx, s.Store, p.Name)
	return p.HasSource(), err
}

// deployFrom takes a new copy of the folder that a call names into a project.
func deployFrom(ctx context.Context, s *cli.Session, p projects.Project, o deployOptions, trust policy.Trust) error {
	if o.dryRun {
		return cli.Usage(fmt.Errorf("--dry-run compares the files of a site, and project %s is imported; leave it out", p.Name))
	}
	limits, err := siteLimits(s.Env, o.maxSize, o.maxFiles)
	if err != nil {
		return err
	}
	return deploySource(ctx, s, p, finding{dir: o.dir, limits: importer.Limits(limits)}, trust)
}

// rollbackSource brings the files before those in force back. Twice leads back to where it began.
func rollbackSource(ctx context.Context, s *cli.Session, p projects.Project, o rollbackOptions) error {
	if o.number > 0 || o.dryRun {
		return cli.Usage(fmt.Errorf("project %s is imported and keeps only its previous files; run: gateway rollback %s", p.Name, p.Name))
	}
	before := filepath.Join(p.Dir, projects.SourceBefore)
	if _, err := os.Stat(before); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("project %s: %w: no files were deployed since it was made", p.Name, projects.ErrNoVersion)
	}
	return deploySource(ctx, s, p, finding{dir: before}, nil)
}

// deploySource takes a new copy of somebody's folder into a project.
func deploySource(ctx context.Context, s *cli.Session, p projects.Project, find finding, trust policy.Trust) error {
	var err error
	find.name, find.into, find.given = p.Name, &p, importer.Choice{Port: dockerfilePort}
	if p.OfCompose() {
		if find.given, err = p.Chosen(); err != nil {
			return err
		}
	}
	d := projects.SourceDeployment{Name: p.Name, Trust: trust}
	if d.Source, err = find.source(ctx, s); err != nil {
		return err
	}
	service, err := s.Compose()
	if err != nil {
		return err
	}
	if d.InForce, err = service.Mounts(ctx, compose.Subject{Dir: p.Dir, Name: string(p.Name)}); err != nil {
		return err
	}
	d.Hold = func(ctx context.Context, dir string) error {
		err := judge(ctx, s, compose.Subject{Dir: dir, Place: p.Dir, Name: string(p.Name), Trust: trust}, claimedBy(p)...)
		return ofSource(err, dir, d.Source)
	}
	before := builtImages(ctx, s, p.Name, d.Source.Outline)
	life, err := life(s)
	if err != nil {
		return err
	}
	done, err := life.DeploySource(ctx, d)
	if err != nil {
		return ofSource(err, p.Dir, d.Source)
	}
	s.Progress.End()
	tell(s.Env, done.Notes)
	for _, path := range done.Kept {
		s.Env.Notef("%s is written to by a container and is kept\n", path)
	}
	dropImages(ctx, s, p.Name, d.Source.Outline, before)
	if p, err = s.Store.Load(p.Name); err != nil {
		return err
	}
	return printServed(ctx, s, p)
}

// dockerfilePort stands for the port that the labels of a project of a Dockerfile say already.
const dockerfilePort = 1

func claimedBy(p projects.Project) []route.Key {
	var keys []route.Key
	for _, claim := range p.Claims {
		keys = append(keys, claim.Key)
	}
	return keys
}

// tell says what people should know, one line each.
func tell(env *cli.Env, notes []string) {
	for _, note := range notes {
		env.Notef("%s\n", note)
	}
}

// ofSource names the files of a refused project by where they were taken from: the copy of them is gone by then.
func ofSource(err error, dir string, source *projects.Source) error {
	if source == nil || err == nil {
		return err
	}
	copied := filepath.Join(dir, importer.Source) + string(filepath.Separator)
	refused, ok := errors.AsType[policy.Refused](err)
	if !ok && strings.Contains(err.Error(), copied) {
		return &renamedError{strings.ReplaceAll(err.Error(), copied, source.Folder.Dir+string(filepath.Separator)), err}
	}
	if !ok {
		return err
	}
	var all policy.Refused
	for _, finding := range refused {
		if name, ok := strings.CutPrefix(finding.File, copied); ok {
			finding.File = filepath.Join(source.Folder.Dir, name)
		}
		all = append(all, finding)
	}
	return all
}

// renamedError is an error that names files by where they were taken from.
type renamedError struct {
	text  string
	cause error
}

// Error names the files that whoever made the call knows.
func (e *renamedError) Error() string { return e.text }

// Unwrap returns the error that names the copies.
func (e *renamedError) Unwrap() error { return e.cause }

// builtImages are the ids of the images that the services of a project are built to, by name; those there are.
func builtImages(ctx context.Context, s *cli.Session, name projects.Name, o importer.Outline) map[string]string {
	ids := map[string]string{}
	for _, image := range o.Built(string(name)) {
		if id, err := s.Engine.Images().ID(ctx, image); err == nil {
			ids[image] = id
		}
	}
	return ids
}

// dropImages removes the images that others have taken the names of, unless something else uses them.
func dropImages(ctx context.Context, s *cli.Session, name projects.Name, o importer.Outline, before map[string]string) {
	now := builtImages(ctx, s, name, o)
	for image, id := range before {
		if now[image] != id {
			// One that stays costs a little disk, and goes with the project.
			_ = s.Engine.Images().Remove(ctx, id)
		}
	}
}
