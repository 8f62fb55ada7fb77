package projects

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

// estate is a bench with random projects, of which only some may ever be touched.
type estate struct {
	*bench
	rng *rand.Rand
	// own may be retired; others are the names of all that nothing may happen to.
	own, others []string
}

// project makes a folder and a container by hand.
func (e *estate) project(t *testing.T, name, meta string, labels map[string]string) {
	t.Helper()
	dir := filepath.Join(e.Store.Root(), name)
	text := fmt.Sprintf("name: %s\nx-gateway: {%s}\nservices:\n  web:\n    image: app:latest\n    labels:\n      gateway.path: %q\n", name, meta, labels[label.Path])
	if labels[label.Path] == "" {
		text = fmt.Sprintf("name: %s\nx-gateway: {%s}\nservices: {web: {image: \"app:latest\"}}\n", name, meta)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ComposeFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if labels != nil {
		e.container(name+"-web-1", name, dir, labels)
	}
}

func (e *estate) container(name, project, dir string, labels map[string]string) {
	all := map[string]string{}
	if project != "" {
		all[composeProject], all[composeService], all[composeDir] = project, "web", dir
	}
	maps.Copy(all, labels)
	e.engine.AddContainer(dockertest.Container{Name: name, Image: "app:latest", Labels: all, Stopped: e.rng.IntN(6) == 0})
}

// newEstate makes one, whose terms end around a day.
func newEstate(t *testing.T, rng *rand.Rand, today time.Time) *estate {
	t.Helper()
	e := &estate{bench: newBench(t), rng: rng}
	past := today.AddDate(0, 0, -1-rng.IntN(500)).Format(time.DateOnly)
	far := today.AddDate(30, 0, 0).Format(time.DateOnly)
	other := func(name string) string { e.others = append(e.others, name); return name }
	for i := range 1 + rng.IntN(3) {
		name := fmt.Sprintf("old%d", i)
		e.own = append(e.own, name)
		e.project(t, name, "expires: "+past, map[string]string{label.Path: "/" + name, label.Expires: past})
	}
	e.project(t, other("pinned"), "pinned: true, expires: "+past, map[string]string{label.Path: "/pinned", label.Expires: past})
	e.project(t, other("root"), "expires: "+past, map[string]string{label.Path: "/", label.Expires: past})
	e.project(t, other("young"), "expires: "+far, map[string]string{label.Path: "/young", label.Expires: far})
	e.project(t, other("idle"), "created: "+far, map[string]string{label.Path: "/idle"})
	e.project(t, other("empty"), "expires: "+past, nil)
	e.project(t, other("broken"), "expires: soon", map[string]string{label.Path: "/broken", label.Expires: past})
	e.project(t, other("foreign"), "expires: "+past, nil)
	e.container("foreign-web-1", "foreign", t.TempDir(), map[string]string{label.Path: "/foreign", label.Expires: past})
	e.project(t, other("moved"), "expires: "+past, map[string]string{label.Path: "/moved", label.Expires: past})
	if err := os.Rename(filepath.Join(e.Store.Root(), "moved"), filepath.Join(e.Store.Root(), "away")); err != nil {
		t.Fatal(err)
	}
	other("away")
	e.container(other("plain"), "", "", map[string]string{label.Path: "/plain"})
	e.container(other("later"), "", "", map[string]string{label.Path: "/later", label.Expires: far})
	e.container(other("unrelated"), "theirs", t.TempDir(), nil)
	e.container("stray", "", "", map[string]string{label.Path: "/stray", label.Expires: past})
	return e
}

// untouched is the part of the world that nothing may happen to.
func (e *estate) untouched(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for path, text := range e.world(t) {
		for _, name := range e.others {
			if strings.HasPrefix(path, filepath.Join(e.Store.Root(), name)+"/") || path == "container "+name || path == "container "+name+"-web-1" {
				all[path] = text
			}
		}
	}
	return all
}

// Whatever people name, whatever the clock says and however often it is run: what is not its own stays as it is, and what
// is deleted has an archive.
func TestExpire_NeverTouchesWhatIsNotItsOwn(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	taken := map[ExpireStep]int{}
	for range 6 {
		today := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
		e := newEstate(t, rng, today)
		before, deleted := e.untouched(t), 0
		for range 8 {
			now := today.AddDate(0, 0, rng.IntN(800)-100)
			rules := Rules{Today: now, SuspendAfter: Days(14), ArchiveAfter: Days(30), DeleteAfter: Days(90), Now: rng.IntN(2) == 0}
			if rng.IntN(3) == 0 {
				// Those that have a last day to come are named and not touched only because the others are.
				rules.Named = append([]string{"pinned", "root", "empty", "broken", "foreign", "away", "plain", "unrelated", "stray"}, e.own...)
			}
			all, err := e.Candidates(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				if len(rules.Named) > 0 && !strings.Contains(" "+strings.Join(rules.Named, " ")+" ", " "+c.Name+" ") {
					continue
				}
				d, over := rules.Decide(c)
				if !over || !d.Ready {
					continue
				}
				_, err := e.Retire(t.Context(), d, Retirement{Today: now, Archive: Backup{Dir: e.Store.Backups()}})
				if err == nil {
					taken[d.Step]++
				}
				if err == nil && d.Step == DeleteProject {
					deleted++
				}
			}
		}
		if diff := differs(e.untouched(t), before, before); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
		archives, err := os.ReadDir(e.Store.Backups())
		if err != nil && deleted > 0 || len(archives) < deleted {
			t.Errorf("seed %d: %d deleted, %d archives, %v", seed, deleted, len(archives), err)
		}
		e.onlyWhole(t)
	}
	t.Logf("steps taken: %v", taken)
	if taken[SuspendProject] == 0 {
		t.Error("nothing was ever suspended")
	}
}
