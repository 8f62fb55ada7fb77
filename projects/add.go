package projects

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/projects/policy"
	"gateway/proxy/route"
	"gateway/templates"
)

// Request is a project that somebody asks for.
type Request struct {
	Template templates.Template
	Name     Name
	Key      route.Key
	// Owner may be empty; Expires may be zero.
	Owner            string
	Created, Expires time.Time
	// Parameters are the template's, as people write them.
	Parameters map[string]string
	// Site is copied into the project when it is not nil.
	Site *Site
	// Source is somebody's folder that the project is made of, when it is not nil.
	Source *Source
	// Pool is where the subnet of its network is taken from.
	Pool netip.Prefix
	// Trust are the rules of the policy that it may break.
	Trust policy.Trust
}

// Addition is the plan of a new project: all that is decided before anything is done.
type Addition struct {
	Name   Name
	Dir    string
	Key    route.Key
	Subnet netip.Prefix
	// Backend is the subnet of the project's second network, the zero value when it has none.
	Backend netip.Prefix
	Site    *Site
	Source  *Source
	// Notes say what becomes of the source otherwise than it says itself.
	Notes []string
	// Files are the rendered ones, by slash-separated path in Dir. Those in templates.SecretFolder are secrets.
	Files map[string][]byte
	// Shown are the secrets to tell whoever makes the project: the paths of their files, by parameter.
	Shown map[string]string

	// filesAtPort renders the files again for a source of which the port was found later.
	filesAtPort func(port int) (map[string][]byte, error)
}

// PlanAdd decides whether and how a project is made. The error is a Refusal with every reason there is.
func PlanAdd(r Request, f Facts) (Addition, error) {
	edge, backend, poolErr := f.chooseSubnets(r.Pool, r.Template.Needs.Backend || r.Source.needsBackend())
	err := refuse(f.Engine, f.near(), f.Gateway, f.imagesThere(), f.nameFits(r), f.keyFree(r.Key),
		pathFits(r.Template, r.Key), f.room, f.siteFits(r.Site), f.sourceFits(r.Source), poolErr)
	if err != nil {
		return Addition{}, err
	}
	p := templates.Project{
		Name:    string(r.Name),
		Path:    r.Key.Prefix.String(),
		Host:    r.Key.Host,
		Owner:   r.Owner,
		Created: r.Created.Format(time.DateOnly),
		Subnet:  edge.String(),
	}
	if backend.IsValid() {
		p.Backend = backend.String()
	}
	if !r.Expires.IsZero() {
		p.Expires = r.Expires.Format(time.DateOnly)
	}
	files, notes, err := r.files(p)
	if err != nil {
		return Addition{}, err
	}
	plan := Addition{
		Name: r.Name, Dir: f.dir, Key: r.Key, Subnet: edge, Backend: backend, Site: r.Site, Source: r.Source, Notes: notes,
		Files: files, Shown: map[string]string{},
	}
	for _, p := range r.Template.Parameters {
		if p.Show {
			plan.Shown[p.Name] = p.SecretFile()
		}
	}
	plan.filesAtPort = func(port int) (map[string][]byte, error) {
		found := r
		found.Source, found.Parameters = r.Source.atPort(port), maps.Clone(r.Parameters)
		found.Parameters["port"] = strconv.Itoa(port)
		files, _, err := found.files(p)
		return files, err
	}
	return plan, nil
}

// files makes the files of a project, with the trust that it is given.
func (r Request) files(p templates.Project) (files map[string][]byte, notes []string, err error) {
	if files, notes, err = r.render(p); err != nil {
		return nil, nil, refuse(err)
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

// plainPath is a path that can be a folder's as it is.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$|^/$`)

// pathFits refuses a path that the template cannot be served at.
func pathFits(t templates.Template, key route.Key) error {
	path := key.Prefix.String()
	if !t.Needs.PlainPath || plainPath.MatchString(path) {
		return nil
	}
	return fmt.Errorf("path %s: template %s makes a folder of it, so that it takes letters, digits, dashes, underscores and dots; choose another path", path, t.Name)
}

// keyFree refuses a key that any route has.
func (f Facts) keyFree(key route.Key) error { return free(key, "", f.taken()) }

// nameFits is nameFree, but for a name that comes with the path: then the path is what has to be another.
func (f Facts) nameFits(r Request) error {
	if byPath, err := DefaultName(r.Key.Prefix, r.Template.Name); err == nil && byPath == r.Name && f.keyFree(r.Key) != nil {
		return nil
	}
	return f.nameFree(r.Name)
}

// free refuses a key that another project's route has.
func free(key route.Key, name Name, taken []policy.Held) error {
	for _, t := range taken {
		if t.Key == key && (t.Project == "" || t.Project != string(name)) {
			return fmt.Errorf("%s is taken by %s; choose another --path", key, t.By)
		}
	}
	return nil
}

// Steps says what will be done, one line each.
func (a Addition) Steps() []string {
	steps := []string{fmt.Sprintf("make %s", a.Dir)}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		if a.Site == nil || !strings.HasPrefix(name, SiteFolder+"/") {
			steps = append(steps, fmt.Sprintf("write %s (%s)", name, Size(int64(len(a.Files[name])))))
		}
	}
	if a.Site != nil {
		steps = append(steps, fmt.Sprintf("copy %d files (%s) from %s to %s", a.Site.Files, Size(a.Site.Bytes), a.Site.Dir, SiteFolder))
	}
	steps = append(steps, a.Source.steps()...)
	steps = append(steps, fmt.Sprintf("create the edge network of project %s with subnet %s", a.Name, a.Subnet))
	if a.Backend.IsValid() {
		steps = append(steps, fmt.Sprintf("create a network of the project's own with subnet %s", a.Backend))
	}
	return append(steps,
		fmt.Sprintf("start the containers of project %s", a.Name),
		fmt.Sprintf("wait until %s answers", a.Key))
}

// Plan observes and decides, and does nothing.
func (l Life) Plan(ctx context.Context, r Request, observe Observe) (Addition, error) {
	facts, err := observe(ctx, r.Name, r.Template.Needs.Images)
	if err != nil {
		return Addition{}, err
	}
	need := int64(1 << 20)
	if r.Site != nil {
		need += r.Site.Bytes
	}
	if r.Source != nil {
		need += r.Source.Folder.Bytes
	}
	if facts.folders, err = l.Store.look(r.Name, need); err != nil {
		return Addition{}, err
	}
	return PlanAdd(r, facts)
}

// Add makes a project and returns when it is served. Whatever fails or interrupts it, nothing of the project is left:
// then the error is a *Failure if it had been started. When something could not be removed the error wraps a *Leftover.
func (l Life) Add(ctx context.Context, r Request, observe Observe) (Addition, error) {
	// Refuse before the first lock file is written.
	if _, err := l.Plan(ctx, r, observe); err != nil {
		return Addition{}, err
	}
	unlock, err := l.Store.Lock(ctx, r.Name)
	if err != nil {
		return Addition{}, err
	}
	defer unlock()
	plan, err := l.place(ctx, r, observe)
	if err != nil {
		return Addition{}, err
	}
	if err := start(ctx, l, plan); err != nil {
		return Addition{}, l.undo(ctx, plan.Name, err)
	}
	return plan, nil
}

// place plans anew and puts the folder in place, while nobody else can choose the same subnet.
func (l Life) place(ctx context.Context, r Request, observe Observe) (Addition, error) {
	unlock, err := l.Store.lock(ctx, poolLock, lockPatience)
	if err != nil {
		return Addition{}, err
	}
	defer unlock()
	plan, err := l.Plan(ctx, r, observe)
	if err != nil {
		return Addition{}, err
	}
	return plan, l.Store.place(ctx, plan.Name, plan.Files, plan.Site, plan.Source.folders()...)
}

func start(ctx context.Context, l Life, plan Addition) error {
	if l.Hold != nil {
		if err := l.Hold(ctx, plan); err != nil {
			return err
		}
	}
	if err := l.findPort(ctx, plan); err != nil {
		return err
	}
	if err := l.run(ctx, plan.Dir, plan.Name, false); err != nil {
		return fmt.Errorf("starting project %s: %w", plan.Name, err)
	}
	return l.Ready(ctx, plan.Name, []route.Key{plan.Key})
}

// allRemoved is true when making a project failed and was undone.
const allRemoved = "all that was made of the project was removed again"

// undo removes all of a project that was not there before, also when the command was interrupted.
func (l Life) undo(ctx context.Context, name Name, cause error) error {
	interrupted := ctx.Err() != nil
	ctx, cancel := l.afterwards(ctx, name)
	defer cancel()
	failure := diagnose(ctx, l.Engine, name, cause)
	cause = failure.Err
	err := teardown(ctx, l.Engine, l.Compose, name)
	if err == nil && interrupted {
		err = settle(ctx, l, name)
	}
	if err != nil {
		failure.Err = left(cause, "taking project %s down again: %w; fix it with: gateway rm %s", name, err, name)
		return failure
	}
	if err := l.Store.remove(name, ""); err != nil {
		failure.Err = left(cause, "%w; fix it with: gateway rm %s", err, name)
		return failure
	}
	failure.Undone = allRemoved
	return failure
}
