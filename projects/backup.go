package projects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/archive"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Archiver is how the content of volumes goes in and out of an engine; *docker.Client is one.
type Archiver interface {
	Engine(ctx context.Context) (docker.Engine, error)
	Volumes(ctx context.Context, labels ...string) ([]docker.Volume, error)
	VolumeLabels(ctx context.Context, name string) (map[string]string, error)
	CreateVolume(ctx context.Context, v docker.Volume) error
	RemoveVolume(ctx context.Context, name string) error
	Mounts(ctx context.Context, nameOrID string) ([]docker.MountPoint, error)
	Create(ctx context.Context, spec docker.Spec) (id string, err error)
	Exec(ctx context.Context, container string, command []string) (net.Conn, error)
	CopyFrom(ctx context.Context, container, path string) (io.ReadCloser, error)
	CopyTo(ctx context.Context, container, path string, tar io.Reader) error
}

// removeHelper removes the container that files of volumes were copied by, Names[0].
const removeHelper plan.Kind = "remove helper"

// gatewayImage is the image of gateway itself, which 'gateway up' makes.
const gatewayImage = "gateway:latest"

// Backup writes a project to an archive: its folder, its volumes and what it runs of. It changes nothing of the project,
// and keeps others from changing it meanwhile. A database that runs is dumped by its own tool, in place of its files. The
// archive is synced and read back before it gets its name.
type Backup struct {
	Name Name
	// Dir is the folder for the archive; it is made when it does not exist.
	Dir string
	// Version is that of gateway.
	Version string
	// Stop stops a project that runs until its files are copied; then no database is dumped.
	Stop bool
	// To are the age recipients that the archive is encrypted to; none means that it is not encrypted.
	To archive.Recipients
	// Progress is told how many bytes were read; nil tells nobody.
	Progress func(bytes int64)
}

// Archived is an archive that was written and verified.
type Archived struct {
	archive.Entry
	Manifest archive.Manifest
	// SHA256 is that of the whole file, in hex.
	SHA256 string
}

// Backups is the folder of archives beside that of the projects.
func (s Store) Backups() string { return filepath.Join(filepath.Dir(s.root), "backups") }

// Backup writes a project to an archive, which is whole, on the disk and verified when the error is nil.
func (l Life) Backup(ctx context.Context, b Backup) (Archived, error) {
	c, err := l.Do(ctx, b)
	if err != nil {
		return Archived{}, err
	}
	return *c.Archived, nil
}

// Project is the one to archive.
func (b Backup) Project() Name { return b.Name }

// archiving is a Backup under way.
type archiving struct {
	Backup
	life    Life
	project Project
	running Running
	path    string
	// volumes are the project's, by their keys in the compose file.
	volumes map[string]docker.Volume
	info    archive.Info
	dumps   []dumping
	// skipped are folders of the project's folder that a dump stands for.
	skipped []string
	// opened is what containers that run have mounted, tools says which of them have the tool of SQLite, and copied are the
	// databases that it copied.
	opened []opened
	tools  map[string]bool
	copied []string
	// held are the requests that wait while the project is asleep. Ran are the containers that run while files are copied, and
	// ended is when the others did.
	held  hold
	ran   map[string]bool
	ended map[string]time.Time
}

// Plan finds what there is to archive.
func (b Backup) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	running, err := o.Running(ctx)
	if err == nil {
		err = refuse(running.foreign(b.Name, p.Dir), o.near(), b.placeFits(o.life.Store, p))
	}
	if err != nil {
		return nil, err
	}
	under := &archiving{Backup: b, life: o.life, project: p, running: running, tools: map[string]bool{}}
	if err := under.observe(ctx); err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "backup"}, Project: p, Notes: slices.Clone(under.info.Notes), Archived: &Archived{},
		Undone: "nothing of the archive was kept", Fix: "gateway backup " + string(b.Name),
	}
	c.Steps = []plan.Step{{Text: "archive the folder " + p.Dir}}
	for _, key := range under.info.Volumes {
		c.Steps = append(c.Steps, plan.Step{Text: "archive volume " + under.volumes[key].Name})
	}
	for _, d := range under.dumps {
		c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("archive the database of service %s by %s", d.service, d.tool)})
	}
	if running.Asleep {
		c.Steps = append(c.Steps, plan.Step{Text: "let requests wait while its files are copied, so that none wakes the project"})
	}
	c.Steps = append(c.Steps, under.writing(c))
	if under.stops() {
		under.stopped(c)
	}
	return c, nil
}

// writing is the step that writes the archive.
func (b *archiving) writing(c *Change) plan.Step {
	step := plan.Step{
		Text: "write and verify " + b.path,
		Do:   func(ctx context.Context) (err error) { *c.Archived, err = b.write(ctx); return err },
		Undo: []plan.Action{{Kind: plan.Remove, Path: archive.Partial(b.path)}, {Kind: removeHelper, Names: []string{helperOf(b.Name)}}},
	}
	if slices.ContainsFunc(b.running.Containers, func(c docker.Container) bool { return label.MaySleep(c.Labels) }) {
		step.Undo = append(step.Undo, released(b.running.keys()))
	}
	return step
}

// stops reports whether the project runs and is stopped until its files are copied.
func (b *archiving) stops() bool { return b.Stop && b.running.up() > 0 }

// stopped puts the steps around those of a change that stop the project and start it again. Requests wait meanwhile.
func (b *archiving) stopped(c *Change) {
	l, keys := b.life, b.running.keys()
	end := plan.Step{
		Text: "let requests wait, and stop the containers of project " + string(b.Name),
		Do: func(ctx context.Context) (err error) {
			if b.held, err = l.hold(ctx, keys); err != nil {
				return err
			}
			l.drained(ctx, b.Name, b.running.Containers, queueDrain)
			return l.halt(ctx, b.Name)
		},
		Resume: []plan.Action{{Kind: up, Path: b.project.Dir}, released(keys)},
	}
	begin := plan.Step{
		Text: "start them again, and wait until the project answers",
		Do: func(ctx context.Context) error {
			if err := l.startAll(ctx, b.Name); err != nil {
				return err
			}
			b.held.release(ctx, l)
			return l.Ready(ctx, b.Name, keys)
		},
	}
	c.Steps = append(append([]plan.Step{end}, c.Steps...), begin)
	c.Undone = "nothing of the archive was kept, and the project runs again"
}

// placeFits refuses folders whose archives would be in the projects folder or archive themselves.
func (b Backup) placeFits(s Store, p Project) error {
	dir, err := filepath.Abs(b.Dir)
	if err != nil {
		return err
	}
	for _, folder := range []string{s.root, p.Dir} {
		if policy.Within(resolved(folder), resolved(dir)) {
			return fmt.Errorf("folder %s: it is inside %s, which is archived itself; name another folder with --to", b.Dir, folder)
		}
	}
	return nil
}

// observe asks the engine for what the project has and runs of.
func (b *archiving) observe(ctx context.Context) error {
	engine, err := b.life.Engine.Engine(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	b.path = archive.Free(b.Dir, string(b.Name), now, !b.To.None())
	b.info = archive.Info{Project: string(b.Name), Created: now, Gateway: b.Version, Engine: engine.Version}
	for _, c := range b.running.Containers {
		b.info.Images = append(b.info.Images, archive.Image{Service: ServiceOf(c), Name: c.Image, ID: c.ImageID})
	}
	slices.SortFunc(b.info.Images, func(x, y archive.Image) int { return strings.Compare(x.Service, y.Service) })
	b.info.Images = slices.Compact(b.info.Images)
	return b.findVolumes(ctx)
}

// findVolumes sorts out which volumes are the project's own, and which databases run. Other volumes that its containers use
// are named and left out.
func (b *archiving) findVolumes(ctx context.Context) error {
	b.info.Volumes, b.info.Notes, b.dumps, b.skipped, b.opened = nil, nil, nil, nil, nil
	own, err := b.life.Engine.Volumes(ctx, ComposeLabel(b.Name))
	if err != nil {
		return err
	}
	b.volumes = map[string]docker.Volume{}
	mine := map[string]bool{}
	for _, v := range own {
		key := v.Labels[composeVolume]
		if key == "" {
			key = v.Name
		}
		b.volumes[key] = v
		b.info.Volumes = append(b.info.Volumes, key)
		mine[v.Name] = true
	}
	slices.Sort(b.info.Volumes)
	for _, c := range b.running.Containers {
		mounts, err := b.life.Engine.Mounts(ctx, c.ID)
		if err != nil {
			return err
		}
		b.findDatabase(c, mounts)
		for _, m := range mounts {
			if m.Volume != "" && !mine[m.Volume] {
				b.leaveOut(fmt.Sprintf("volume %s at %s of service %s is not archived: it is not this project's alone, or has no name in its %s", m.Volume, m.Target, ServiceOf(c), ComposeFile))
			}
		}
	}
	return nil
}

func (b *archiving) leaveOut(note string) {
	if !slices.Contains(b.info.Notes, note) {
		b.info.Notes = append(b.info.Notes, note)
	}
}

// write makes the archive. It begins again when the project was woken meanwhile, or fell asleep.
func (b *archiving) write(ctx context.Context) (done Archived, err error) {
	if err := os.MkdirAll(filepath.Dir(b.Dir), 0o755); err != nil {
		return done, b.failed(err)
	}
	if err := os.Mkdir(b.Dir, privateMode); err != nil && !errors.Is(err, os.ErrExist) {
		return done, b.failed(err)
	}
	for try := 1; ; try++ {
		done.Manifest, done.SHA256, err = b.attempt(ctx)
		if !errors.Is(err, errStirred) || b.Stop || try == stirTries {
			break
		}
		b.life.note(fmt.Sprintf("%v: the archive of project %s is begun again", strings.TrimSuffix(err.Error(), "; run the command again"), b.Name))
	}
	if err != nil {
		return done, b.failed(err)
	}
	written, err := os.Stat(b.path)
	if err != nil {
		return done, b.failed(err)
	}
	done.Entry, _ = archive.ParseName(filepath.Base(b.path))
	done.Path, done.Bytes = b.path, written.Size()
	return done, nil
}

// attempt writes the archive once. Requests that wait go on when the files are copied; when it fails, the undoing of the
// change lets them.
func (b *archiving) attempt(ctx context.Context) (m archive.Manifest, sum string, err error) {
	if err := b.settle(ctx); err != nil {
		return m, "", err
	}
	if err := plan.Point(ctx, "before files are copied"); err != nil {
		return m, "", err
	}
	w, err := archive.Create(b.path, b.To, func(bytes int64) {
		b.held.renew(ctx, b.life)
		if b.Progress != nil {
			b.Progress(bytes)
		}
	})
	if err != nil {
		return m, "", err
	}
	b.info.Dumps, b.copied = nil, nil
	if err := b.stirred(ctx, b.content(ctx, w)); err != nil {
		return m, "", errors.Join(err, w.Abort())
	}
	if !b.stops() {
		b.held.release(ctx, b.life)
	}
	m, err = w.Finish(ctx, b.info)
	return m, w.SHA256(), err
}

// content adds all members. Dumps come first: what users upload meanwhile is then a file too many, and not one that a
// database tells of and that is missing.
func (b *archiving) content(ctx context.Context, w *archive.Writer) error {
	for _, d := range b.dumps {
		if err := b.dump(ctx, w, d); err != nil {
			return err
		}
	}
	if err := b.folder(ctx, w); err != nil {
		return err
	}
	return b.allVolumes(ctx, w)
}

func (b *archiving) failed(err error) error {
	return fmt.Errorf("archiving project %s: %w", b.Name, diskFull(forbidden(err)))
}

// helperOf is the name of the container that files of a project's volumes are copied by. It is never started.
func helperOf(name Name) string { return "gateway-archive-" + string(name) }

// helper makes the container that has volumes, by their keys, below the folder of volumes.
func (l Life) helper(ctx context.Context, name Name, image string, volumes map[string]string, readOnly bool) (id string, remove func() error, err error) {
	// One may be left of an interrupted command.
	if err := l.Engine.Remove(ctx, helperOf(name), 0); err != nil {
		return "", nil, err
	}
	spec := docker.Spec{Name: helperOf(name), Image: image, Command: []string{"version"}, Network: "none"}
	for key, volume := range volumes {
		spec.Mounts = append(spec.Mounts, docker.Mount{Volume: volume, Target: "/" + archive.Volumes + "/" + key, ReadOnly: readOnly})
	}
	id, err = l.Engine.Create(ctx, spec)
	return id, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		return l.Engine.Remove(ctx, id, 0)
	}, err
}

// helperImage is an image that the engine has: gateway's own, else one of the project's containers.
func (l Life) helperImage(ctx context.Context, others ...string) (string, error) {
	for _, image := range append([]string{gatewayImage}, others...) {
		_, err := l.Engine.Images().ID(ctx, image)
		if err == nil || !errors.Is(err, docker.ErrNotFound) {
			return image, err
		}
	}
	return "", fmt.Errorf("image %s is not on the engine, and volumes are copied by a container of it; make it with: gateway up", gatewayImage)
}
