package plan

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// change is a plan that touches a folder in all ways there are, from before to after.
func change(t *testing.T, dir string) Plan {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("compose.yaml"), []byte("old"), 0o640))
	must(os.WriteFile(at("moving"), []byte("moves"), 0o600))
	must(os.WriteFile(at("replaced"), []byte("goes"), 0o600))
	must(os.Symlink("1", at("current")))
	return Plan{
		Verb: "deploy",
		Steps: []Step{
			{Text: "make fresh", Do: Do(Action{Kind: Write, Path: at("fresh"), Text: []byte("new"), Mode: 0o600}), Undo: []Action{{Kind: Remove, Path: at("fresh")}}},
			WriteFile(at("compose.yaml"), []byte("old"), []byte("new")),
			RenameTo(at("moving"), at("moved")),
			LinkTo(at("current"), "1", "2"),
			LinkTo(at("site"), "", "current/site"),
			{Text: "start", Resume: []Action{{Kind: "up", Names: []string{"robots"}}}},
		},
		Cleanup: []Action{{Kind: Remove, Path: at("replaced")}},
	}
}

var (
	before = map[string]string{"compose.yaml": "old", "moving": "moves", "replaced": "goes", "current": "-> 1"}
	after  = map[string]string{"compose.yaml": "new", "moved": "moves", "fresh": "new", "current": "-> 2", "site": "-> current/site"}
)

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			all[e.Name()] = "-> " + to
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func runner(t *testing.T) (Runner, *[]string) {
	t.Helper()
	var acted []string
	return Runner{
		Journal: filepath.Join(t.TempDir(), "robots.journal"),
		Act: func(_ context.Context, a Action) error {
			acted = append(acted, string(a.Kind)+" "+strings.Join(a.Names, ","))
			return nil
		},
	}, &acted
}

func TestRun_CarriesOutAllSteps(t *testing.T) {
	dir := t.TempDir()
	r, acted := runner(t)
	p := change(t, dir)
	if err := r.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, after) {
		t.Errorf("got %v", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "compose.yaml")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("compose.yaml: %v %v, want mode 640 kept", info, err)
	}
	if len(*acted) > 0 || exists(r.Journal) {
		t.Errorf("acted %v, journal left: %v", *acted, exists(r.Journal))
	}
	if got := p.Texts(); !slices.Equal(got, []string{"make fresh", "start"}) {
		t.Errorf("texts %v", got)
	}
}

// points are the names of all points of a change at which a process could die.
func points(t *testing.T, fail bool) []string {
	t.Helper()
	var all []string
	r, _ := runner(t)
	p := change(t, t.TempDir())
	if fail {
		p.Steps = append(p.Steps, failing)
	}
	_ = r.Run(WithHook(t.Context(), func(point string) error { all = append(all, point); return nil }), p)
	return all
}

var (
	errBroken = errors.New("broken")
	failing   = Step{Text: "fail", Do: func(context.Context) error { return errBroken }}
)

func TestRecover_UndoesOrFinishesFromEveryPoint(t *testing.T) {
	for _, fail := range []bool{false, true} {
		for _, point := range points(t, fail) {
			dir := t.TempDir()
			r, acted := runner(t)
			p := change(t, dir)
			if fail {
				p.Steps = append(p.Steps, failing)
			}
			die := func(now string) error {
				if now == point {
					return ErrCrash
				}
				return nil
			}
			if err := r.Run(WithHook(t.Context(), die), p); !errors.Is(err, ErrCrash) {
				t.Fatalf("%s: %v", point, err)
			}
			verb, err := r.Recover(t.Context())
			if err != nil || verb != "deploy" {
				t.Errorf("%s: recovering %q: %v", point, verb, err)
			}
			want := before
			if strings.Contains(point, "final") || strings.Contains(point, "cleanup") {
				want = after
			}
			if got := contents(t, dir); !maps.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", point, got, want)
			}
			if ran := strings.Contains(point, "step 6") || strings.Contains(point, "step 7") || strings.Contains(point, "undo"); ran != slices.Contains(*acted, "up robots") {
				t.Errorf("%s: acted %v", point, *acted)
			}
			if verb, err := r.Recover(t.Context()); verb != "" || err != nil {
				t.Errorf("%s: recovering again: %q %v", point, verb, err)
			}
		}
	}
}

func TestRun_UndoesWhatFails(t *testing.T) {
	dir := t.TempDir()
	r, acted := runner(t)
	p := change(t, dir)
	p.Steps = append(p.Steps, failing)
	if err := r.Run(t.Context(), p); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("got %v", got)
	}
	if !slices.Equal(*acted, []string{"up robots"}) {
		t.Errorf("acted %v", *acted)
	}
}

func TestRun_UndoesWhatIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	r, _ := runner(t)
	p := change(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	p.Steps = append(p.Steps, Step{Do: func(context.Context) error { cancel(); return nil }}, failing)
	if err := r.Run(ctx, p); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("got %v", got)
	}
}

func TestRun_KeepsTheJournalOfWhatCannotBeUndone(t *testing.T) {
	dir := t.TempDir()
	r, acted := runner(t)
	act := r.Act
	r.Act = func(context.Context, Action) error { return errors.New("no engine") }
	p := change(t, dir)
	p.Steps = append(p.Steps, Step{Undo: []Action{{Kind: "down"}}}, failing)
	err := r.Run(t.Context(), p)
	failed, is := errors.AsType[*UndoError](err)
	if !is || !failed.Again || !errors.Is(err, errBroken) || !strings.Contains(failed.Error(), "no engine") {
		t.Fatalf("got %v", err)
	}
	r.Act = act
	if _, err := r.Recover(t.Context()); err != nil || !slices.Equal(*acted, []string{"down ", "up robots"}) {
		t.Errorf("recovering: %v, acted %v", err, *acted)
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("got %v", got)
	}
}

func TestRun_TriesOnceToResumeWhatRan(t *testing.T) {
	dir := t.TempDir()
	r, _ := runner(t)
	r.Act = func(context.Context, Action) error { return errors.New("no engine") }
	p := change(t, dir)
	p.Steps = append(p.Steps, failing)
	failed, is := errors.AsType[*UndoError](r.Run(t.Context(), p))
	if !is || failed.Again || !errors.Is(failed, errBroken) || exists(r.Journal) {
		t.Errorf("got %v, journal left: %v", failed, exists(r.Journal))
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("got %v", got)
	}
}

func TestRecover_IgnoresALineThatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	r, _ := runner(t)
	p := change(t, dir)
	die := func(point string) error {
		if strings.Contains(point, "before step 3") {
			return ErrCrash
		}
		return nil
	}
	if err := r.Run(WithHook(t.Context(), die), p); !errors.Is(err, ErrCrash) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.Journal)
	if err != nil {
		t.Fatal(err)
	}
	// Step 3 was noted and has not begun: without its line all is as before.
	if err := os.WriteFile(r.Journal, text[:len(text)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, before) {
		t.Errorf("got %v", got)
	}
}

func TestRun_ReportsWhatCannotBeCleanedUp(t *testing.T) {
	dir := t.TempDir()
	r, _ := runner(t)
	r.Act = func(context.Context, Action) error { return errBroken }
	p := change(t, dir)
	p.Cleanup = append([]Action{{Kind: "prune"}}, p.Cleanup...)
	if _, is := errors.AsType[*CleanupError](r.Run(t.Context(), p)); !is {
		t.Error("want a CleanupError")
	}
	if got := contents(t, dir); !maps.Equal(got, after) {
		t.Errorf("got %v", got)
	}
}

func TestRecover_KeepsWhatIsAsGoodAsMade(t *testing.T) {
	for _, fail := range []bool{false, true} {
		dir := t.TempDir()
		r, _ := runner(t)
		r.Keep = func(_ context.Context, verb string) bool { return verb == "deploy" }
		p := change(t, dir)
		at := "after step 6"
		if fail {
			p.Steps, at = append(p.Steps, failing), "undo 1"
		}
		die := func(point string) error {
			if strings.Contains(point, at) {
				return ErrCrash
			}
			return nil
		}
		if err := r.Run(WithHook(t.Context(), die), p); !errors.Is(err, ErrCrash) {
			t.Fatal(err)
		}
		if _, err := r.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := after
		if fail {
			want = before // Half undone is not as good as made.
		}
		if got := contents(t, dir); !maps.Equal(got, want) {
			t.Errorf("undoing %v: got %v, want %v", fail, got, want)
		}
	}
}
