package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gateway/projects/archive"
	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/projects/tree"
	"gateway/proxy/docker"
	"gateway/proxy/route"
	"gateway/templates"
)

// Restore makes a project of an archive, as Backup writes it, perhaps under another name or at another path. What fails
// leaves nothing of it. The archive is verified before anything is made.
type Restore struct {
	// File is the archive, and Keys are those to read it with when it is encrypted.
	File string
	Keys archive.Identities
	// Name is what the project is called from now on.
	Name Name
	// To is the path to serve it at, nil for that of the archive. From is the path that To replaces; it may be nil for a
	// project with one route.
	To, From *route.Prefix
	// Pool is where subnets are taken from in place of those that are in use.
	Pool netip.Prefix
	// Trust are the rules of the policy that it may break: those that the archive records do not count by themselves.
	Trust policy.Trust
	// Term is the term that begins when the one in the archive is over, or with Renew in any case; the zero value is
	// Project.Renewal from today.
	Term  Renew
	Renew bool
	// Template finds the project's template by its name.
	Template func(name string) (templates.Template, error)
	// Progress is told how many bytes of volumes were read; nil tells nobody.
	Progress func(bytes int64)
}

// Project is the one to make.
func (r Restore) Project() Name { return r.Name }

// restoring is a Restore under way.
type restoring struct {
	Restore
	life     Life
	manifest archive.Manifest
	// stage is a scratch folder that becomes dir, the project's folder.
	stage, dir string
	project    Project
	// moved is the change of path, nil for none.
	moved *move
	// edited says what else is edited.
	edited []string
	// volumes are the names of those to make, by key.
	volumes map[string]string
}

// Plan verifies the archive and decides whether and how the project is made. Its folder is made in a scratch folder, where
// the policy is checked.
func (r Restore) Plan(ctx context.Context, o *Observed) (*Change, error) {
	// From here on until its files are in place nobody else chooses a subnet.
	unlock, err := o.life.Store.lock(ctx, poolLock, poolPatience)
	if err != nil {
		return nil, err
	}
	free := sync.OnceFunc(unlock)
	o.closers = append(o.closers, free)
	u := &restoring{Restore: r, life: o.life, dir: o.life.Store.Dir(r.Name)}
	if u.manifest, err = archive.Read(ctx, r.File, r.Keys, nil); err != nil {
		return nil, err
	}
	if err := u.check(ctx, o); err != nil {
		return nil, err
	}
	if u.stage, err = o.Scratch(o.life.Store.root, "add"); err != nil {
		return nil, err
	}
	if err := u.extract(ctx); err != nil {
		return nil, fmt.Errorf("making the folder of project %s: %w", r.Name, diskFull(err))
	}
	notes, err := u.edit(ctx, o)
	if err != nil {
		return nil, renamed(err, [][2]string{{u.stage, u.dir}})
	}
	if u.volumes, err = u.volumeNames(ctx); err != nil {
		return nil, renamed(err, [][2]string{{u.stage, u.dir}})
	}
	return u.change(free, append(u.notes(), notes...)), nil
}

// check collects every reason why the project cannot be made.
func (u *restoring) check(ctx context.Context, o *Observed) error {
	_, engine := o.Running(ctx)
	_, gateway := o.gateway(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reasons := []error{engine, gateway, o.near(), o.life.Store.checkRoom(u.manifest.BytesIn(archive.Project))}
	if engine == nil {
		reasons = append(reasons, o.nameFree(ctx))
		if len(u.manifest.Volumes) > 0 {
			reasons = append(reasons, o.imagesThere(ctx, []string{gatewayImage}))
		}
	}
	return refuse(reasons...)
}

// edit gives the project its name, its path and free subnets, and holds it to the policy.
func (u *restoring) edit(ctx context.Context, o *Observed) (notes []string, err error) {
	if err := u.rename(); err != nil {
		return nil, err
	}
	doc, err := read(u.Name, u.stage)
	if err != nil {
		return nil, err
	}
	u.project = Project{Name: u.Name, Dir: u.stage, Document: doc}
	if err := u.trusted(); err != nil {
		return nil, err
	}
	if err := u.newTerm(ctx); err != nil {
		return nil, err
	}
	if err := u.move(); err != nil {
		return nil, err
	}
	if err := u.resettle(ctx, o); err != nil {
		return nil, err
	}
	if u.project.Document, err = read(u.Name, u.stage); err != nil {
		return nil, err
	}
	taken, err := o.Taken(ctx)
	if err != nil {
		return nil, err
	}
	var reasons []error
	for _, key := range u.project.keys() {
		reasons = append(reasons, free(key, u.Name, taken))
	}
	if err := refuse(reasons...); err != nil {
		return nil, err
	}
	notes, err = o.CheckPolicy(ctx, compose.Subject{Dir: u.stage, Place: u.dir}, u.project.keys()...)
	u.project.Dir = u.dir
	return notes, err
}

// trusted refuses trust that the archive gives itself: it may be somebody else's. What is given besides is recorded.
func (u *restoring) trusted() error {
	for _, rule := range u.project.Trust {
		if !u.Trust.Has(rule) {
			return Refusal{fmt.Errorf("the project in the archive is trusted to break rules of the policy (%s); give that trust again if you trust it: --trust %s",
				u.project.Trust, strings.ReplaceAll(u.project.Trust.String(), ", ", ","))}
		}
	}
	return u.rewrite(ComposeFile, func(text []byte) ([]byte, error) { return policy.Record(text, u.Trust) })
}

// rewrite changes a file of the stage.
func (u *restoring) rewrite(name string, change func([]byte) ([]byte, error)) error {
	path := filepath.Join(u.stage, filepath.FromSlash(name))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := change(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if string(changed) == string(text) {
		return nil
	}
	return tree.ReplaceFile(path, changed)
}

// volumeNames are the names of the volumes to make, which nothing may have yet.
func (u *restoring) volumeNames(ctx context.Context) (map[string]string, error) {
	seen, err := u.life.Compose.Inspect(ctx, compose.Subject{Dir: u.stage, Name: string(u.Name), Place: u.dir})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var reasons []error
	for _, key := range u.manifest.Volumes {
		name := seen.Volumes[key]
		if name == "" {
			name = string(u.Name) + "_" + key
		}
		names[key] = name
		switch _, err := u.life.Engine.VolumeLabels(ctx, name); {
		case err == nil:
			reasons = append(reasons, fmt.Errorf("volume %s exists already and may have data; choose another name for the project", name))
		case !errors.Is(err, docker.ErrNotFound):
			return nil, err
		}
	}
	return names, refuse(reasons...)
}

// notes say what the archive lacks.
func (u *restoring) notes() []string {
	var all []string
	for _, note := range u.manifest.Notes {
		all = append(all, "of the backup: "+note)
	}
	return all
}

// change makes the plan. Free lets others choose subnets.
func (u *restoring) change(free func(), notes []string) *Change {
	c := &Change{
		Plan: plan.Plan{Verb: "restore"}, Project: u.project, Keys: u.project.keys(), Notes: notes,
		Undone: "all that was restored of the project was removed again", Fix: "gateway rm " + string(u.Name),
	}
	place := plan.RenameTo(u.stage, u.dir)
	place.Text = fmt.Sprintf("make %s with %s of %s", u.dir, Size(u.manifest.BytesIn(archive.Project)), u.File)
	c.Steps = append(c.Steps, place)
	if u.moved != nil {
		c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("write %s in place of %s in %s", u.moved.to.Prefix, u.moved.from.Prefix, filepath.Base(u.moved.project.routesFile()))})
	}
	for _, text := range u.edited {
		c.Steps = append(c.Steps, plan.Step{Text: text})
	}
	c.Steps = append(c.Steps, plan.Step{Do: func(context.Context) error { free(); return nil }})
	for _, key := range slices.Sorted(maps.Keys(u.volumes)) {
		c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("make volume %s with %s", u.volumes[key], Size(u.manifest.BytesIn(archive.Volumes+"/"+key)))})
	}
	c.Steps = append(c.Steps, u.start()...)
	c.Cleanup = []plan.Action{{Kind: remember, Path: u.dir}}
	return c
}

// start are the steps that fill the volumes and run the project. From the first on, undoing removes all that the engine
// has of it.
func (u *restoring) start() []plan.Step {
	l, name := u.life, u.Name
	steps := []plan.Step{{
		Do:   u.fill,
		Undo: []plan.Action{{Kind: removeHelper, Names: []string{helperOf(name)}}, {Kind: down}},
	}}
	for i, d := range u.manifest.Dumps {
		step := plan.Step{Text: fmt.Sprintf("start service %s and load the dump of its database (%s)", d.Service, Size(u.manifest.BytesIn(d.Member)))}
		if i == 0 {
			step.Do = l.explained(name, u.loadDumps)
		}
		steps = append(steps, step)
	}
	steps = append(steps, plan.Step{
		Text: fmt.Sprintf("start the containers of project %s", name),
		Do: l.explained(name, func(ctx context.Context) error {
			if err := l.run(ctx, u.dir, name, compose.UpOptions{}); err != nil {
				return fmt.Errorf("starting project %s: %w", name, err)
			}
			return nil
		}),
	})
	for _, key := range u.project.keys() {
		steps = append(steps, plan.Step{
			Text: fmt.Sprintf("wait until %s answers", key),
			Do:   l.explained(name, func(ctx context.Context) error { return l.Ready(ctx, name, []route.Key{key}) }),
		})
	}
	if u.moved == nil || u.moved.template == nil || u.moved.template.Move == nil {
		return steps
	}
	service, command := u.moved.template.Move.Service, u.moved.afterwards()
	return append(steps, plan.Step{
		Text: fmt.Sprintf("run in service %s: %s", service, strings.Join(command, " ")),
		Do: func(ctx context.Context) error {
			_, err := l.runIn(ctx, name, service, command)
			return err
		},
	})
}
