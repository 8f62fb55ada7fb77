package projects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/importer"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/projects/tree"
	"gateway/proxy/route"
	"gateway/templates"
)

// Add makes a project from a template or from imported files.
type Add struct {
	Template templates.Template
	Name     Name
	Key      route.Key
	// Owner may be empty; Expires may be zero. Term is the length of the term, zero for a last day that does not move.
	Owner            string
	Created, Expires time.Time
	Term             Span
	// Idle is how long it may be idle until it sleeps, 0 for ever.
	Idle time.Duration
	// Parameters are the template's, as people write them.
	Parameters map[string]string
	// Site is copied into the project when it is not nil.
	Site *Site
	// Source is the imported folder that the project is made of, when it is not nil.
	Source *Source
	// Pool is where the subnets of its networks are taken from.
	Pool netip.Prefix
	// Trust are the rules of the policy that it may break.
	Trust policy.Trust
}

// Secret is a secret to show to the person who creates a project.
type Secret struct{ Name, File, Text string }

// Project is the one to make.
func (r Add) Project() Name { return r.Name }

// Plan decides whether and how the project is made. All its files are made in a scratch folder, where the policy is
// checked.
func (r Add) Plan(ctx context.Context, o *Observed) (*Change, error) {
	// From here on until its files are in place nobody else chooses a subnet.
	unlock, err := o.life.Store.lock(ctx, poolLock, poolPatience)
	if err != nil {
		return nil, err
	}
	free := sync.OnceFunc(unlock)
	o.closers = append(o.closers, free)
	edge, backend, err := r.check(ctx, o)
	if err != nil {
		return nil, err
	}
	p := r.meta(edge, backend)
	files, notes, err := r.files(p)
	if err != nil {
		return nil, err
	}
	dir := o.life.Store.Dir(r.Name)
	stage, err := o.Scratch(o.life.Store.root, "add")
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, stage, files, r.Site, r.Source.folders()...); err != nil {
		return nil, fmt.Errorf("making the folder of project %s: %w", r.Name, diskFull(err))
	}
	// The path that it is made for is its own.
	held, err := o.CheckPolicy(ctx, compose.Subject{Dir: stage, Place: dir}, r.Key)
	if err != nil {
		return nil, r.Source.named(err, stage, dir)
	}
	doc, err := read(r.Name, stage)
	if err != nil {
		return nil, r.Source.named(err, stage, dir)
	}
	if err := refuse(doc.wrong()...); err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "add"}, Project: Project{Name: r.Name, Dir: dir, Document: doc}, Keys: []route.Key{r.Key}, Notes: append(notes, held...),
		Undone: "all that was made of the project was removed again", Fix: "gateway rm " + string(r.Name),
	}
	for _, p := range r.Template.Parameters {
		if p.Show {
			file := p.SecretFile()
			c.Secrets = append(c.Secrets, Secret{p.Name, filepath.Join(dir, filepath.FromSlash(file)), strings.TrimSpace(string(files[file]))})
		}
	}
	place := plan.RenameTo(stage, dir)
	place.Text = "make " + dir
	c.Steps = append([]plan.Step{place}, r.written(files)...)
	c.Steps = append(c.Steps, plan.Step{Do: func(context.Context) error { free(); return nil }})
	c.Steps = append(c.Steps, r.start(o.life, p, dir, files)...)
	c.Cleanup = []plan.Action{{Kind: remember, Path: dir}}
	return c, nil
}

// check collects every reason why the project cannot be made, and chooses its subnets.
func (r Add) check(ctx context.Context, o *Observed) (edge, backend netip.Prefix, err error) {
	_, engine := o.Running(ctx)
	_, gateway := o.gateway(ctx)
	if ctx.Err() != nil {
		return edge, backend, ctx.Err()
	}
	need := int64(1 << 20)
	if r.Site != nil {
		need += r.Site.Bytes
	}
	if r.Source != nil {
		need += r.Source.Folder.Bytes
	}
	store := o.life.Store
	reasons := []error{
		engine, gateway, o.near(), o.keyFree(ctx, r.Key), pathFits(r.Template, r.Key), store.checkRoom(need),
		siteFits(store, r.Site), sourceFits(store, r.Source),
	}
	if engine == nil {
		var pool error
		edge, backend, pool = o.subnets(ctx, r.Pool, r.Template.Needs.Backend || r.Source.needsBackend())
		reasons = append(reasons, r.nameFits(ctx, o), pool)
		if !errors.Is(gateway, ErrNoGateway) { // Starting the gateway makes the images.
			reasons = append(reasons, o.imagesThere(ctx, r.Template.Needs.Images))
		}
	}
	return edge, backend, refuse(reasons...)
}

// nameFits refuses a name that is taken, unless it comes with the path: then the path is what has to be another.
func (r Add) nameFits(ctx context.Context, o *Observed) error {
	if byPath, err := DefaultName(r.Key.Prefix, r.Template.Name); err == nil && byPath == r.Name && o.keyFree(ctx, r.Key) != nil {
		return nil
	}
	return o.nameFree(ctx)
}

// meta is what the project's files say of it.
func (r Add) meta(edge, backend netip.Prefix) templates.Project {
	p := templates.Project{
		Name: string(r.Name), Path: r.Key.Prefix.String(), Host: r.Key.Host, Owner: r.Owner,
		Created: r.Created.Format(time.DateOnly), Subnet: edge.String(),
	}
	if backend.IsValid() {
		p.Backend = backend.String()
	}
	if !r.Expires.IsZero() {
		p.Expires = r.Expires.Format(time.DateOnly)
	}
	return p
}

// files makes the files of the project, with the trust that it is given.
func (r Add) files(p templates.Project) (files map[string][]byte, notes []string, err error) {
	if files, notes, err = r.render(p); err != nil {
		return nil, nil, refuse(err)
	}
	if routes := ComposeFile; r.Idle > 0 {
		if r.Source != nil {
			routes = importer.Override
		}
		if files[routes], err = withIdle(files[routes], r.Idle); err != nil {
			return nil, nil, fmt.Errorf("template %s: %w", r.Template.Name, err)
		}
	}
	if !r.Term.IsZero() {
		files[ComposeFile], err = editText(files[ComposeFile], func(file *composefile.File) error {
			return file.Set(composefile.Path{"x-gateway", "term"}, r.Term.String())
		})
		if err != nil {
			return nil, nil, fmt.Errorf("template %s: %w", r.Template.Name, err)
		}
	}
	doc, err := parseDocument(r.Name, files[ComposeFile])
	if err != nil {
		return nil, nil, fmt.Errorf("template %s makes a %s that cannot be read: %w", r.Template.Name, ComposeFile, err)
	}
	if err := grant(files, r.Template.Name, doc, r.Trust); err != nil {
		return nil, nil, refuse(err)
	}
	return files, notes, nil
}

// written are the steps that say what is in the project's folder.
func (r Add) written(files map[string][]byte) []plan.Step {
	var steps []plan.Step
	say := func(format string, args ...any) { steps = append(steps, plan.Step{Text: fmt.Sprintf(format, args...)}) }
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if r.Site == nil || !strings.HasPrefix(name, SiteFolder+"/") {
			say("write %s (%s)", name, Size(int64(len(files[name]))))
		}
	}
	if r.Site != nil {
		say("copy %s (%s) from %s to %s", Files(r.Site.Files), Size(r.Site.Bytes), r.Site.Dir, SiteFolder)
	}
	for _, text := range r.Source.steps() {
		say("%s", text)
	}
	return steps
}

// start are the steps that run the project. From the first on, undoing removes all that the engine has of it.
func (r Add) start(l Life, p templates.Project, dir string, files map[string][]byte) []plan.Step {
	steps := []plan.Step{{
		Text: fmt.Sprintf("create the edge network of project %s with subnet %s", r.Name, p.Subnet),
		Do:   l.explained(r.Name, func(ctx context.Context) error { return r.findPort(ctx, l, p, dir, files) }),
		Undo: []plan.Action{{Kind: down}},
	}}
	if p.Backend != "" {
		steps = append(steps, plan.Step{Text: "create a network of the project's own with subnet " + p.Backend})
	}
	return append(steps, plan.Step{
		Text: fmt.Sprintf("start the containers of project %s", r.Name),
		Do: l.explained(r.Name, func(ctx context.Context) error {
			if err := l.run(ctx, dir, r.Name, compose.UpOptions{}); err != nil {
				return fmt.Errorf("starting project %s: %w", r.Name, err)
			}
			return nil
		}),
	}, plan.Step{
		Text: fmt.Sprintf("wait until %s answers", r.Key),
		Do:   l.explained(r.Name, func(ctx context.Context) error { return l.Ready(ctx, r.Name, []route.Key{r.Key}) }),
	})
}

// findPort asks the image of the service for its port, when nothing else says it, and writes it into the project's files.
func (r Add) findPort(ctx context.Context, l Life, p templates.Project, dir string, files map[string][]byte) error {
	if r.Source == nil || r.Source.Choice.Port > 0 {
		return nil
	}
	choice := r.Source.Choice
	ports, err := l.Compose.Prepare(ctx, dir, string(r.Name), choice.Service)
	if err != nil {
		return errors.Join(fmt.Errorf("starting project %s: %w", r.Name, err), l.sweep(ctx, err))
	}
	port, err := choice.One(ports)
	if err == nil && port == 0 {
		err = choice.NoPort()
	}
	if err != nil {
		return err
	}
	r.Source, r.Parameters = r.Source.atPort(port), maps.Clone(r.Parameters)
	r.Parameters["port"] = strconv.Itoa(port)
	found, _, err := r.files(p)
	if err != nil {
		return err
	}
	for name, text := range found {
		if !bytes.Equal(text, files[name]) {
			if err := tree.ReplaceFile(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
				return fmt.Errorf("writing the port of project %s: %w", r.Name, err)
			}
		}
	}
	return nil
}

// named is an error with the files of a copy named as people know them: those of the source as they were taken, all others
// as they will be in the project's folder.
func (s *Source) named(err error, stage, dir string) error {
	names := [][2]string{{stage, dir}}
	if s != nil {
		names = [][2]string{{filepath.Join(stage, importer.Source), s.Folder.Dir}, names[0]}
	}
	return renamed(err, names)
}

// renamed is an error with files named as if they were in other folders, the first of which counts.
func renamed(err error, names [][2]string) error {
	if err == nil {
		return nil
	}
	refused, is := errors.AsType[policy.Refused](err)
	if !is {
		text := err.Error()
		for _, n := range names {
			text = strings.ReplaceAll(text, n[0]+string(os.PathSeparator), n[1]+string(os.PathSeparator))
		}
		if text == err.Error() {
			return err
		}
		return &diagnosis{text, err}
	}
	refused = slices.Clone(refused)
	for i, f := range refused {
		for _, n := range names {
			if inside, ok := strings.CutPrefix(f.File, n[0]+string(os.PathSeparator)); ok {
				refused[i].File = filepath.Join(n[1], inside)
				break
			}
		}
	}
	return refused
}
