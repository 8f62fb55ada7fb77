package release

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/plan"
)

// write makes files in a folder, by slash-separated name.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// seen is all that is in a project's folder: files with their texts and links, but not what is known of releases, which has
// times in it. What is current is at its place in the project's folder, be that a link to the files or not.
func seen(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	h := History{Dir: dir, Content: "source"}
	current := ""
	if _, err := os.Readlink(h.Path()); err == nil && h.Current() > 0 {
		current, _ = filepath.Rel(dir, h.FilesOf(h.Current()))
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == h.Path() || path == h.current() || filepath.Base(path) == infoFile {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if inside, is := strings.CutPrefix(name, current+"/"); is && current != "" {
			name = "source/" + inside
		}
		if to, err := os.Readlink(path); err == nil {
			all[name] = "-> " + to
			return nil
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// textsIn is the files in a folder, which may be a link, with their texts.
func textsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return seen(t, real)
}

// shop is a project whose source is a folder yet.
func shop(t *testing.T) History {
	t.Helper()
	h := History{Dir: t.TempDir(), Content: "source"}
	write(t, h.Path(), map[string]string{"app.js": "one", "conf/a": "same", "conf/b": "same", "data/orders": "1", "data/deep/x": "2"})
	return h
}

// deploy is the change that makes a release of files current, and keeps two.
func deploy(t *testing.T, h History, m Move, files map[string]string) *Change {
	t.Helper()
	c, err := h.Change()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Adopt(); err != nil {
		t.Fatal(err)
	}
	stage := c.Stage()
	write(t, filepath.Join(stage, h.Content), files)
	r, err := c.Place(stage, Release{Made: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	c.Activate(r, stage, m)
	c.Prune(2)
	return c
}

// back is the change that makes a release current again.
func back(t *testing.T, h History, m Move, number int) *Change {
	t.Helper()
	c, err := h.Change()
	if err != nil {
		t.Fatal(err)
	}
	_, to, err := h.Find(number)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Return(to, m); err != nil {
		t.Fatal(err)
	}
	return c
}

func runner(t *testing.T) plan.Runner {
	t.Helper()
	return plan.Runner{Journal: filepath.Join(t.TempDir(), "shop.journal")}
}

func run(t *testing.T, c *Change) {
	t.Helper()
	if err := runner(t).Run(t.Context(), plan.Plan{Steps: c.Steps, Cleanup: c.Cleanup}); err != nil {
		t.Fatal(err)
	}
}

var (
	two   = map[string]string{"app.js": "two", "conf/a": "same", "conf/b": "same"}
	three = map[string]string{"app.js": "three", "conf/a": "same", "conf/b": "other"}
	moves = Move{Carried: []string{"data", "data/deep"}, Same: []string{"conf/a", "conf"}}
)

// changes are all kinds of changes, by name, with what comes before each.
var changes = map[string]struct {
	before func(*testing.T, History)
	change func(*testing.T, History) *Change
}{
	"the first": {
		func(*testing.T, History) {},
		func(t *testing.T, h History) *Change { return deploy(t, h, moves, two) },
	},
	"a later one that ends another": {
		func(t *testing.T, h History) { run(t, deploy(t, h, moves, two)) },
		func(t *testing.T, h History) *Change {
			return deploy(t, h, Move{Carried: []string{"data"}, Same: []string{"conf/a"}}, three)
		},
	},
	"one after a folder was put in the link's place": {
		func(t *testing.T, h History) {
			run(t, deploy(t, h, moves, two))
			if err := os.Remove(h.Path()); err != nil {
				t.Fatal(err)
			}
			write(t, h.Path(), map[string]string{"app.js": "by hand", "data/orders": "9"})
		},
		func(t *testing.T, h History) *Change { return deploy(t, h, Move{Carried: []string{"data"}}, three) },
	},
	"back": {
		func(t *testing.T, h History) { run(t, deploy(t, h, moves, two)) },
		func(t *testing.T, h History) *Change { return back(t, h, moves, 1) },
	},
	"back to one that has files where containers write": {
		func(t *testing.T, h History) {
			run(t, deploy(t, h, moves, maps.Collect(func(yield func(string, string) bool) {
				_ = yield("app.js", "two") && yield("logs/seed", "seed")
			})))
			write(t, h.FilesOf(1), map[string]string{"logs/old": "never written to"})
			write(t, h.FilesOf(2), map[string]string{"logs/app.log": "written"})
		},
		func(t *testing.T, h History) *Change { return back(t, h, Move{Carried: []string{"data", "logs"}}, 0) },
	},
}

func TestChange_IsWholeOrNotAtAll(t *testing.T) {
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			try := func(at func(string) error) (h History, r plan.Runner, before map[string]string, err error) {
				h, r = shop(t), runner(t)
				c.before(t, h)
				before = seen(t, h.Dir)
				change := c.change(t, h)
				err = r.Run(plan.WithHook(t.Context(), at), plan.Plan{Verb: "deploy", Steps: change.Steps, Cleanup: change.Cleanup})
				return h, r, before, err
			}
			var points []string
			h, _, _, err := try(func(point string) error { points = append(points, point); return nil })
			if err != nil {
				t.Fatal(err)
			}
			after := seen(t, h.Dir)
			for name := range after {
				if strings.Contains(name, "/.") {
					t.Errorf("left over: %s", name)
				}
			}
			for _, point := range points {
				for _, fault := range []error{plan.ErrCrash, errors.New("no")} {
					if !errors.Is(fault, plan.ErrCrash) && !strings.Contains(point, "step") {
						continue
					}
					h, r, want, err := try(func(now string) error {
						if now == point {
							return fault
						}
						return nil
					})
					if !errors.Is(err, fault) {
						t.Fatalf("%s: %v", point, err)
					}
					if _, err := r.Recover(t.Context()); err != nil {
						t.Fatalf("%v at %s: %v", fault, point, err)
					}
					if err := h.Repair(); err != nil {
						t.Fatalf("%v at %s: %v", fault, point, err)
					}
					if !strings.Contains(point, "step") {
						want = after
					}
					if got := seen(t, h.Dir); !maps.Equal(got, want) {
						t.Errorf("%v at %s: got %v, want %v", fault, point, got, want)
					}
				}
			}
		})
	}
}

// TestChange_IsUndoneAcrossCrashes ends the undoing at each point, too.
func TestChange_IsUndoneAcrossCrashes(t *testing.T) {
	for name, c := range changes {
		dies := true
		for n := 0; dies; n++ {
			h, r := shop(t), runner(t)
			c.before(t, h)
			before := seen(t, h.Dir)
			change := c.change(t, h)
			change.Steps = append(change.Steps, plan.Step{Do: func(context.Context) error { return errors.New("no") }})
			undone := 0
			dies = false
			ctx := plan.WithHook(t.Context(), func(point string) error {
				if strings.HasPrefix(point, "undo") {
					if undone++; undone > n {
						dies = true
						return plan.ErrCrash
					}
				}
				return nil
			})
			if err := r.Run(ctx, plan.Plan{Steps: change.Steps, Cleanup: change.Cleanup}); err == nil {
				t.Fatal("no error")
			}
			if _, err := r.Recover(t.Context()); err != nil {
				t.Fatalf("%s, after %d: %v", name, n, err)
			}
			if err := h.Repair(); err != nil {
				t.Fatal(err)
			}
			if got := seen(t, h.Dir); !maps.Equal(got, before) {
				t.Errorf("%s, after %d: got %v, want %v", name, n, got, before)
			}
		}
	}
}

func TestChange_CarriesWhatContainersWriteTo(t *testing.T) {
	h := shop(t)
	conf, err := os.Stat(filepath.Join(h.Path(), "conf"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, deploy(t, h, moves, two))
	if got, want := textsIn(t, h.Path()), map[string]string{"app.js": "two", "conf/a": "same", "conf/b": "same", "data/orders": "1", "data/deep/x": "2"}; !maps.Equal(got, want) {
		t.Errorf("current: %v", got)
	}
	if got, want := textsIn(t, h.FilesOf(1)), map[string]string{"app.js": "one", "conf/a": "same", "conf/b": "same"}; !maps.Equal(got, want) {
		t.Errorf("before: %v", got)
	}
	// A container that goes on has the same folder mounted.
	if now, err := os.Stat(filepath.Join(h.Path(), "conf")); err != nil || !os.SameFile(conf, now) {
		t.Errorf("conf is another folder: %v", err)
	}
	run(t, deploy(t, h, moves, three))
	if got := textsIn(t, h.Path())["data/orders"]; got != "1" {
		t.Errorf("orders: %q", got)
	}
	if _, err := os.Stat(h.FolderOf(1)); err == nil {
		t.Error("release 1 is kept, of two")
	}
	run(t, back(t, h, moves, 0))
	if got := textsIn(t, h.Path()); got["data/orders"] != "1" || got["app.js"] != "two" {
		t.Errorf("back: %v", got)
	}
	from, to, err := h.Find(0)
	if err != nil || from.Number != 2 || to.Number != 3 {
		t.Errorf("from %d to %d: %v", from.Number, to.Number, err)
	}
}

func TestMove_NeverLeavesDataBehind(t *testing.T) {
	h := shop(t)
	run(t, deploy(t, h, moves, two))
	c := deploy(t, h, moves, three)
	// The engine makes the folder of a mount that is not there, and somebody may write into it.
	c.Steps = append(c.Steps, plan.Step{Do: func(context.Context) error {
		return errors.Join(os.MkdirAll(filepath.Join(h.FilesOf(2), "data"), 0o755), os.WriteFile(filepath.Join(h.FilesOf(2), "data/late"), nil, 0o644), errors.New("no"))
	}})
	r := runner(t)
	err := r.Run(t.Context(), plan.Plan{Steps: c.Steps, Cleanup: c.Cleanup})
	if _, is := errors.AsType[*plan.UndoError](err); !is {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(filepath.Join(h.FilesOf(2), "data/late")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := textsIn(t, h.Path()); got["data/orders"] != "1" || got["app.js"] != "two" {
		t.Errorf("got %v", got)
	}
}

func TestDiff_TellsWhatChanges(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, from, map[string]string{"same": "x", "text": "a", "gone/y": "", "data/z": "1", "mode": "m", "type": "t"})
	write(t, to, map[string]string{"same": "x", "text": "b", "new": "", "data/z": "2", "mode": "m"})
	if err := errors.Join(os.Chmod(filepath.Join(to, "mode"), 0o755), os.Symlink("same", filepath.Join(to, "type"))); err != nil {
		t.Fatal(err)
	}
	c, err := Diff(t.Context(), from, to, func(name string, _ fs.DirEntry) bool { return name == "data" })
	if err != nil || c.String() != "1 added, 3 changed, 1 removed, 1 the same" || !slices.Equal(c.Changed, []string{"mode", "text", "type"}) {
		t.Errorf("%+v %v", c, err)
	}
	if !c.At("gone") || !c.At(".") || c.At("same") || c.At("data") || c.At("ne") {
		t.Errorf("changes at the wrong places: %+v", c)
	}
	if c, err = Diff(t.Context(), filepath.Join(from, "nothing"), to, nil); err != nil || len(c.Added) != 6 {
		t.Errorf("after nothing: %+v %v", c, err)
	}
}

func TestRepair_MakesTheLastReleaseCurrent(t *testing.T) {
	h := shop(t)
	run(t, deploy(t, h, moves, two))
	if err := errors.Join(os.RemoveAll(h.FolderOf(2)), os.Remove(h.Path()), os.Mkdir(filepath.Join(h.root(), ".new-123"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := h.Repair(); err != nil {
		t.Fatal(err)
	}
	if h.Current() != 1 || textsIn(t, h.Path())["app.js"] != "one" || there(filepath.Join(h.root(), ".new-123")) {
		t.Errorf("current is %d: %v", h.Current(), seen(t, h.Dir))
	}
}

func TestRepair_EndsAnAdoptionThatWasCutOff(t *testing.T) {
	for name, cut := range map[string]func(h History) error{
		"placed":  func(History) error { return nil },
		"pointed": func(h History) error { return os.Symlink("1", h.current()) },
		"moved": func(h History) error {
			return errors.Join(os.Symlink("1", h.current()), os.Rename(h.Path(), h.FilesOf(1)))
		},
		"linked": func(h History) error {
			return errors.Join(os.Symlink("1", h.current()), os.Rename(h.Path(), h.FilesOf(1)), os.Symlink(h.Link(), h.Path()))
		},
	} {
		h := shop(t)
		before := seen(t, h.Dir)
		write(t, h.FolderOf(1), map[string]string{infoFile: "{}"})
		if err := errors.Join(cut(h), h.Repair()); err != nil {
			t.Fatal(err)
		}
		if got := seen(t, h.Dir); !maps.Equal(got, before) {
			t.Errorf("%s: got %v, want %v", name, got, before)
		}
		if _, err := os.Stat(filepath.Join(h.Path(), "app.js")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		run(t, deploy(t, h, moves, two))
		if got := seen(t, h.Dir)["source/app.js"]; got != "two" {
			t.Errorf("%s: then %q", name, got)
		}
	}
}

func TestList_ReadsWhatIsThere(t *testing.T) {
	h := shop(t)
	run(t, deploy(t, h, moves, two))
	write(t, h.FolderOf(2), map[string]string{infoFile: "{"})
	write(t, h.FolderOf(1), map[string]string{infoFile: `{"number": 70, "from": "/a\u001b[2J", "since": "2026-01-02T03:04:05Z"}`})
	for _, name := range []string{"07/source", "-1", "9"} {
		if err := os.MkdirAll(filepath.Join(h.root(), name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all, err := h.List()
	if err != nil || len(all) != 2 || !all[0].Current || all[0].Since.IsZero() || all[1].From != `/a\x1b[2J` || all[1].Number != 1 {
		t.Errorf("%+v %v", all, err)
	}
	for n, want := range map[int]string{9: "9; there are: 2 (current), 1", 0: "the one before version 2 is not kept"} {
		if _, _, err := h.Find(n); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", n, err)
		}
	}
	// A folder without files is no release, and its number is not used again.
	if c, err := h.Change(); err != nil || c.next != 10 {
		t.Errorf("next is %d: %v", c.next, err)
	}
}
