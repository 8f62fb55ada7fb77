package projects

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/archive"
	"gateway/projects/plan"
	"gateway/projects/subnet"
	"gateway/proxy/docker/dockertest"
	"gateway/templates"
)

// keeping is a bench whose project robots has a volume with files.
func keeping(t *testing.T) *bench {
	t.Helper()
	b := added(t)
	b.engine.AddVolume("robots_data", map[string]string{composeProject: "robots", composeVolume: "data"})
	b.engine.Fill("robots_data", map[string]string{"log": "lines", "photo.jpg": "pixels"})
	return b
}

func backupOf(b *bench) Backup {
	return Backup{Name: "robots", Dir: b.Store.Backups(), Version: "test"}
}

// restoreOf restores an archive under a name.
func restoreOf(file, name string) Restore {
	return Restore{File: file, Name: Name(name), Pool: netip.MustParsePrefix(subnet.DefaultPool), Template: templates.Find}
}

// archived is a bench with an archive of a project that is gone.
func archived(t *testing.T) (b *bench, file string) {
	t.Helper()
	b = keeping(t)
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	return b, done.Path
}

func TestBackup_WritesAnArchiveThatRestores(t *testing.T) {
	b := keeping(t)
	before := contents(t, b.Store.Dir("robots"))
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(done.Path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != done.Bytes || done.Project != "robots" || filepath.Dir(done.Path) != b.Store.Backups() {
		t.Errorf("archive %+v %v", done.Entry, err)
	}
	if m := done.Manifest; !slices.Equal(m.Volumes, []string{"data"}) || m.Engine == "" || m.Gateway != "test" || len(m.Images) != 1 || m.Images[0].Name != "gateway:latest" {
		t.Errorf("manifest %+v", m.Info)
	}
	b.nothingOf(t, helperOf("robots"))
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), restoreOf(done.Path, "robots")); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, b.Store.Dir("robots")); !maps.Equal(got, before) {
		t.Errorf("files %v, want %v", got, before)
	}
	if got := b.engine.Files("robots_data"); !maps.Equal(got, map[string]string{"log": "lines", "photo.jpg": "pixels"}) {
		t.Errorf("volume %v", got)
	}
	b.nothingOf(t, helperOf("robots"))
}

// nothingOf checks that there is no container of that name.
func (b *bench) nothingOf(t *testing.T, container string) {
	t.Helper()
	if c, err := b.client.Container(t.Context(), container); err == nil {
		t.Errorf("container %s is left: %s", container, c.State)
	}
}

func TestRestore_MakesASecondProjectBesideTheFirst(t *testing.T) {
	b := keeping(t)
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	r := restoreOf(done.Path, "chess")
	to := prefix(t, "/chess")
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "/robots is taken by") {
		t.Errorf("at the same path: %v", err)
	}
	r.To = &to
	c, err := b.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("chess")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := b.Store.Load("robots")
	if len(p.Claims) != 1 || p.Claims[0].Key.Prefix != to || p.Subnets[0] == first.Subnets[0] {
		t.Errorf("claims %v, subnets %v and %v", p.Claims, p.Subnets, first.Subnets)
	}
	if !strings.Contains(steps(c), "since "+first.Subnets[0].String()+" is in use") {
		t.Errorf("the plan says nothing of the subnet:\n%s", steps(c))
	}
	if got := b.engine.Files("chess_data"); got["log"] != "lines" {
		t.Errorf("volume %v", got)
	}
	onlyProjects(t, b.Store, "chess", "robots")
}

func TestRestore_RefusesBeforeAnythingIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*bench, string)
		want    string
	}{
		"taken volume": {func(b *bench, _ string) { b.engine.AddVolume("robots_data", nil) }, "volume robots_data exists already"},
		"taken name": {func(b *bench, _ string) {
			b.engine.AddContainer(dockertest.Container{Name: "x", Labels: map[string]string{composeProject: "robots"}})
		}, "name robots"},
		"damaged archive": {func(_ *bench, file string) {
			text, _ := os.ReadFile(file)
			text[len(text)/2] ^= 1
			_ = os.WriteFile(file, text, 0o600)
		}, "damaged"},
		"cut archive": {func(_ *bench, file string) {
			text, _ := os.ReadFile(file)
			_ = os.WriteFile(file, text[:len(text)/2], 0o600)
		}, "cut off"},
		"no archive": {func(_ *bench, file string) { _ = os.WriteFile(file, []byte("hello"), 0o600) }, "no archive"},
	} {
		b, file := archived(t)
		c.arrange(b, file)
		if _, err := b.Do(t.Context(), restoreOf(file, "robots")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		onlyProjects(t, b.Store)
	}
}

func TestRestore_DoesNotTrustWhatTheArchiveTrusts(t *testing.T) {
	b := added(t)
	path := filepath.Join(b.Store.Dir("robots"), ComposeFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "x-gateway:\n", "x-gateway:\n  trust: [ports]\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	r := restoreOf(done.Path, "robots")
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "--trust ports") {
		t.Errorf("got %v", err)
	}
	r.Trust = append(r.Trust, "ports")
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestBackup_LeavesNoHalfArchive(t *testing.T) {
	points := 0
	b := keeping(t)
	ctx := plan.WithHook(t.Context(), func(string) error { points++; return nil })
	if _, err := b.Do(ctx, backupOf(b)); err != nil {
		t.Fatal(err)
	}
	for at := range points {
		b := keeping(t)
		if _, err := b.Do(endingAt(t, at, plan.ErrCrash), backupOf(b)); !errors.Is(err, plan.ErrCrash) {
			t.Fatal(err)
		}
		if _, err := b.repair(t.Context(), "robots"); err != nil {
			t.Error(err)
		}
		b.onlyWhole(t)
	}
}

// onlyWhole checks that the folder of archives has only whole ones, and that no helper is left.
func (b *bench) onlyWhole(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(b.Store.Backups())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := archive.Read(t.Context(), filepath.Join(b.Store.Backups(), e.Name()), archive.Identities{}, nil); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
	b.nothingOf(t, helperOf("robots"))
}

func TestBackup_LeavesNothingWhenItFails(t *testing.T) {
	for name, arrange := range map[string]func(*bench, context.CancelFunc) *Backup{
		"the engine ends a volume midway": func(b *bench, _ context.CancelFunc) *Backup { b.engine.CutCopies(1500); return nil },
		"the engine dies": func(b *bench, _ context.CancelFunc) *Backup {
			back := backupOf(b)
			back.Progress = func(int64) { b.engine.FailNext("GET /containers/", 1) }
			return &back
		},
		"interrupted": func(b *bench, cancel context.CancelFunc) *Backup {
			back := backupOf(b)
			back.Progress = func(int64) { cancel() }
			return &back
		},
	} {
		b := keeping(t)
		ctx, cancel := context.WithCancel(t.Context())
		back := arrange(b, cancel)
		if back == nil {
			back = new(backupOf(b))
		}
		_, err := b.Do(ctx, *back)
		cancel()
		failure, ok := errors.AsType[*Failure](err)
		if !ok || failure.Undone == "" {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(b.Store.Backups()); len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
		b.nothingOf(t, helperOf("robots"))
	}
}

func TestBackup_RefusesAFolderThatIsArchivedItself(t *testing.T) {
	b := keeping(t)
	for _, dir := range []string{b.Store.Dir("robots"), b.Store.Root(), filepath.Join(b.Store.Dir("robots"), "site")} {
		r := backupOf(b)
		r.Dir = dir
		if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "--to") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestBackup_NamesTheVolumesOfOthers(t *testing.T) {
	b := keeping(t)
	b.engine.AddVolume("shared", nil)
	b.engine.AddContainer(dockertest.Container{
		Name: "robots-extra-1", Labels: map[string]string{composeProject: "robots", composeService: "extra", composeDir: b.Store.Dir("robots")},
		Volumes: map[string]string{"/data": "robots_data", "/shared": "shared"},
	})
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(done.Manifest.Notes, "\n"); !strings.Contains(notes, "volume shared at /shared of service extra is not archived") || strings.Contains(notes, "robots_data") {
		t.Errorf("notes %s", notes)
	}
}

func TestRestore_BeginsATermWhenTheOneInTheArchiveIsOver(t *testing.T) {
	_, file := archived(t) // It expires on 2027-06-30.
	for name, c := range map[string]struct {
		on, until, want string
		renew           bool
	}{
		"goes on":  {"2027-06-30", "2027-09-28", "2027-06-30", false},
		"is over":  {"2027-07-01", "2027-09-29", "2027-09-29", false},
		"is asked": {"2027-01-01", "2028-01-01", "2028-01-01", true},
	} {
		b := newBench(t)
		r := restoreOf(file, "robots")
		r.Term, r.Renew = Renew{On: day(t, c.on), Until: day(t, c.until)}, c.renew
		if _, err := b.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		p, err := b.Store.Load("robots")
		if err != nil || !p.Expires.Equal(day(t, c.want)) || !p.Claims[0].Expires.Equal(day(t, c.want)) {
			t.Errorf("%s: it expires on %s, %v", name, p.Expires, err)
		}
	}
}
