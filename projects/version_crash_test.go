package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gateway/proxy/route"
)

// watched is a context that calls at between the steps of a change.
func watched(t *testing.T, at func(step string) error) context.Context {
	return context.WithValue(t.Context(), stepKey{}, at)
}

// snapshot copies a project's folder as it is at one moment, links as links: what a kill -9 then leaves on the disk.
func snapshot(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		at := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			return os.MkdirAll(at, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(link, at))
		}
		text, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(at, text, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// seen is the page that the server shows of a project that was killed: of the version in force, or of the folder that
// it has mounted.
func seen(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"versions/current/site", SiteFolder} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			return contents(t, filepath.Join(dir, name))["index.html"]
		}
	}
	t.Error("there is no site")
	return ""
}

// killed is what can be killed, and what visitors may see then and later.
var killed = []struct {
	name   string
	before []string
	change func(ctx context.Context, t *testing.T, b *bench) error
	// steps are how many moments there are at least, old and new what is seen.
	steps    int
	old, new string
	// kept are the pages that have to be there in any case.
	kept []string
}{
	{"the first deployment", nil, func(ctx context.Context, t *testing.T, b *bench) error {
		return b.deploy(ctx, "robots", page(t, "new"))
	}, 9, "hand-made", "new", []string{"hand-made"}},
	{"a later deployment", []string{"two", "three"}, func(ctx context.Context, t *testing.T, b *bench) error {
		_, err := b.Deploy(ctx, Deployment{Name: "robots", Site: page(t, "new"), Keep: 2})
		return err
	}, 7, "three", "new", []string{"three"}},
	{"a deployment that fails", []string{"two"}, func(ctx context.Context, t *testing.T, b *bench) error {
		b.Ready = func(context.Context, Name, []route.Key) error { return errors.New("no answer") }
		if err := b.deploy(ctx, "robots", page(t, "new")); err == nil {
			t.Error("no error")
		}
		return nil
	}, 8, "two", "new", []string{"hand-made", "two"}},
	{"a deployment over a folder that people put there", []string{"two"}, func(ctx context.Context, t *testing.T, b *bench) error {
		folder := filepath.Join(b.Store.Dir("robots"), SiteFolder)
		if err := errors.Join(os.Remove(folder), os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "index.html"), []byte("put there"), 0o644)); err != nil {
			t.Fatal(err)
		}
		return b.deploy(ctx, "robots", page(t, "new"))
	}, 9, "two|put there", "new", []string{"hand-made", "two", "put there"}},
	{"a rollback", []string{"two", "three"}, func(ctx context.Context, _ *testing.T, b *bench) error {
		_, err := b.Rollback(ctx, "robots", 2)
		return err
	}, 3, "three", "two", []string{"hand-made", "two", "three"}},
}

// prepared is a bench with a page that somebody wrote, and versions after it.
func prepared(t *testing.T, texts []string) *bench {
	t.Helper()
	b := added(t)
	if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), SiteFolder, "index.html"), []byte("hand-made"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if err := b.deploy(t.Context(), "robots", page(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestVersions_SurviveAKillAtEveryStep(t *testing.T) {
	for _, c := range killed {
		t.Run(c.name, func(t *testing.T) {
			b := prepared(t, c.before)
			var moments []string
			err := c.change(watched(t, func(step string) error {
				moment := filepath.Join(t.TempDir(), "robots")
				snapshot(t, b.Store.Dir("robots"), moment)
				moments = append(moments, moment)
				t.Log(len(moments)-1, step)
				return nil
			}), t, b)
			if err != nil || len(moments) < c.steps {
				t.Fatalf("%d moments, %v", len(moments), err)
			}
			for i, moment := range moments {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					survives(t, moment, append(strings.Split(c.old, "|"), c.new), c.kept)
				})
			}
		})
	}
}

// survives checks that a folder is whole after a kill, and is put in order by the next command.
func survives(t *testing.T, dir string, pages, kept []string) {
	t.Helper()
	before := seen(t, dir)
	if !slices.Contains(pages, before) {
		t.Errorf("after the kill visitors see %q, want one of %q", before, pages)
	}
	b := added(t)
	if err := errors.Join(os.RemoveAll(b.Store.Dir("robots")), os.Rename(dir, b.Store.Dir("robots"))); err != nil {
		t.Fatal(err)
	}
	// Also a command that then does nothing.
	if err := b.Store.recoverSite("robots"); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, b.Store.Dir("robots")); got != before {
		t.Errorf("after the mending visitors see %q, and saw %q", got, before)
	}
	there := ordered(t, b)
	for _, page := range kept {
		if !slices.Contains(there, page) {
			t.Errorf("%q is lost; there are %q", page, there)
		}
	}
	again := folderWith(t, nil)
	snapshot(t, b.Store.Dir("robots"), filepath.Join(again, "x"))
	if err := b.Store.recoverSite("robots"); err != nil || !maps.Equal(contents(t, filepath.Join(again, "x", SiteFolder)), contents(t, filepath.Join(b.Store.Dir("robots"), SiteFolder))) {
		t.Errorf("a second mending changed it: %v", err)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "later")); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, b.Store.Dir("robots")); got != "later" {
		t.Errorf("after the next deployment visitors see %q", got)
	}
	if _, err := b.Rollback(t.Context(), "robots", 0); err != nil {
		t.Error(err)
	}
	if got := seen(t, b.Store.Dir("robots")); !slices.Contains(pages, got) {
		t.Errorf("after a rollback visitors see %q", got)
	}
	ordered(t, b)
}

// ordered checks that nothing half done is left, and returns the pages that there are.
func ordered(t *testing.T, b *bench) []string {
	t.Helper()
	dir := b.Store.Dir("robots")
	all, err := b.Store.Versions("robots")
	if err != nil {
		t.Fatal(err)
	}
	there := []string{contents(t, filepath.Join(dir, SiteFolder))["index.html"]}
	inForce := 0
	for _, v := range all {
		there = append(there, contents(t, history{dir: dir}.siteOf(v.Number))["index.html"])
		if v.Current {
			inForce++
		}
		if v.Since.IsZero() {
			t.Errorf("version %d was never in force", v.Number)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, VersionsFolder))
	if err != nil {
		t.Fatal(err)
	}
	numbers := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left behind: %s", e.Name())
		}
		if e.IsDir() {
			numbers++
		}
	}
	if numbers != len(all) || inForce != min(1, len(all)) {
		t.Errorf("of %d folders %d are versions, and %d in force", numbers, len(all), inForce)
	}
	onlyProjects(t, b.Store, "robots")
	return there
}

func TestRollback_KnowsTheWayBackAfterAKill(t *testing.T) {
	b := deployed(t, "two", "three")
	moment := filepath.Join(t.TempDir(), "robots")
	ctx := watched(t, func(step string) error {
		if step == "rollback: pointed" {
			snapshot(t, b.Store.Dir("robots"), moment)
		}
		return nil
	})
	if _, err := b.Rollback(ctx, "robots", 1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(b.Store.Dir("robots")), os.Rename(moment, b.Store.Dir("robots"))); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "3 three, 2 two, 1 starter*")
	if done, err := b.Rollback(t.Context(), "robots", 0); err != nil || done.To.Number != 3 {
		t.Errorf("%+v %v", done, err)
	}
}

func TestVersions_AreAsBeforeWhenAnyStepFails(t *testing.T) {
	for _, c := range killed {
		t.Run(c.name, func(t *testing.T) {
			for at := 0; ; at++ {
				b := prepared(t, c.before)
				step, steps := "", 0
				err := c.change(watched(t, func(name string) error {
					if steps++; steps == at+1 {
						step = name
						return &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
					}
					return nil
				}), t, b)
				if step == "" {
					break
				}
				if got := seen(t, b.Store.Dir("robots")); err != nil && !slices.Contains(strings.Split(c.old, "|"), got) && step != "discard: renamed" {
					t.Errorf("%s: %v, and visitors see %q", step, err, got)
				}
				if err == nil && c.name != "a deployment that fails" {
					t.Errorf("%s: the failure was not told", step)
				}
				if err := b.Store.recoverSite("robots"); err != nil {
					t.Fatal(err)
				}
				ordered(t, b)
			}
		})
	}
}

func TestDeploy_InterruptedLeavesTheOldVersion(t *testing.T) {
	for _, at := range []string{"deploy: staged", "deploy: copied", "deploy: written", "deploy: placed", "deploy: pointed"} {
		t.Run(at, func(t *testing.T) {
			b := deployed(t, "two")
			ctx, cancel := context.WithCancel(watched(t, nil))
			ctx = context.WithValue(ctx, stepKey{}, func(step string) error {
				if step == at {
					cancel()
				}
				return nil
			})
			if err := b.deploy(ctx, "robots", page(t, "new")); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			wantState(t, b, "2 two*, 1 starter")
			if err := b.deploy(t.Context(), "robots", page(t, "new")); err != nil {
				t.Fatal(err)
			}
			wantState(t, b, "3 new*, 2 two, 1 starter")
		})
	}
}

func TestDeploy_TellsOfAFullDisk(t *testing.T) {
	b := deployed(t, "two")
	err := b.deploy(watched(t, func(step string) error {
		if step == "deploy: copied" {
			return syscall.ENOSPC
		}
		return nil
	}), "robots", page(t, "new"))
	if err == nil || !strings.Contains(err.Error(), "make room on the disk") {
		t.Errorf("got %v", err)
	}
	wantState(t, b, "2 two*, 1 starter")
}

func TestDeploy_OneAfterTheOther(t *testing.T) {
	b := deployed(t, "two")
	sites := map[string]*Site{"a": page(t, "a"), "b": page(t, "b"), "c": page(t, "c")}
	results := make(chan error, len(sites))
	for _, site := range sites {
		go func() {
			_, err := b.Deploy(context.Background(), Deployment{Name: "robots", Site: site})
			results <- err
		}()
	}
	for range sites {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	there := ordered(t, b)
	for page := range sites {
		if !slices.Contains(there, page) {
			t.Errorf("%q is lost; there are %q", page, there)
		}
	}
	if all, err := b.Store.Versions("robots"); err != nil || len(all) != 5 || !all[0].Current {
		t.Errorf("%+v %v", all, err)
	}
}

func TestRecovery_EndsATradeInTwoSteps(t *testing.T) {
	// As on systems that cannot exchange two names at once.
	for name, steps := range map[string]func(site, link string) error{
		"killed after the link":   func(_, link string) error { return os.Remove(link) },
		"killed after the folder": func(site, link string) error { return errors.Join(os.Remove(link), os.Rename(site, link)) },
		"not killed":              tradeSlowly,
	} {
		t.Run(name, func(t *testing.T) {
			b := prepared(t, nil)
			h := history{dir: b.Store.Dir("robots")}
			moment := filepath.Join(t.TempDir(), "robots")
			err := b.deploy(watched(t, func(step string) error {
				if step == "adopt: pointed" {
					snapshot(t, h.dir, moment)
				}
				return nil
			}), "robots", page(t, "new"))
			if err != nil {
				t.Fatal(err)
			}
			if err := steps(filepath.Join(moment, SiteFolder), filepath.Join(moment, "versions/1/site")); err != nil {
				t.Fatal(err)
			}
			survives(t, moment, []string{"hand-made"}, []string{"hand-made"})
		})
	}
}

func TestRecovery_PutsTheLastVersionInForceWhenPeopleDeleteTheCurrentOne(t *testing.T) {
	b := deployed(t, "two", "three")
	h := history{dir: b.Store.Dir("robots")}
	if err := errors.Join(os.RemoveAll(h.folder(3)), os.Remove(h.site())); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", nil); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "2 two*, 1 starter")
	if got := index(t, b); got != "two" {
		t.Errorf("in force is %q", got)
	}
	// All of them: files make a project of it again.
	if err := os.RemoveAll(h.root()); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "new")); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "1 new*")
}
