package projects

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gateway/projects/compose"
)

// editedAlone is a bench whose project robots was edited by hand, and has to stop before its new containers start.
func editedAlone(t *testing.T) *bench {
	t.Helper()
	b := rolling(added)(t)
	b.compose.alone = "service site writes to volume data"
	file := filepath.Join(b.Store.Dir("robots"), ComposeFile)
	if err := os.WriteFile(file, []byte(b.text(t, "robots")+"# edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// kept is the copy of the compose.yaml that was last deployed.
func (b *bench) kept(t *testing.T) string {
	t.Helper()
	return mustRead(t, filepath.Join(b.Store.Dir("robots"), deployedFolder, ComposeFile))
}

func TestDeploy_OfAnEditedFileGoesBackToWhatRan(t *testing.T) {
	for _, c := range []struct {
		name  string
		stale bool
		want  []string
	}{
		{"the copy is what runs", false, []string{"images", "up", "up as deployed"}},
		{"somebody deployed others meanwhile", true, []string{"images", "up"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := editedAlone(t)
			b.compose.stale = c.stale
			edited, before := b.text(t, "robots"), b.kept(t)
			b.compose.up = errors.New("it does not start")
			_, err := b.Do(t.Context(), Deploy{Name: "robots"})
			failure, is := errors.AsType[*Failure](err)
			if !is || strings.Contains(failure.Undone, "runs as it was last deployed; edits in its folder are kept") == c.stale {
				t.Errorf("%#v", err)
			}
			if !slices.Equal(b.compose.calls, c.want) {
				t.Errorf("calls %q", b.compose.calls)
			}
			if b.text(t, "robots") != edited || b.kept(t) != before {
				t.Errorf("the folder has\n%s\nand keeps\n%s", b.text(t, "robots"), b.kept(t))
			}
			if len(b.gateway.queued) > 0 {
				t.Errorf("requests wait for %q", b.gateway.queued)
			}
			// Corrected, it is deployed.
			if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil || b.kept(t) != edited {
				t.Errorf("again: %v; it keeps\n%s", err, b.kept(t))
			}
		})
	}
}

func TestDo_KeepsWhatItDeployedForItsOwnerAlone(t *testing.T) {
	b := added(t)
	dir := b.Store.Dir("robots")
	if b.kept(t) != b.text(t, "robots") {
		t.Errorf("it keeps\n%s", b.kept(t))
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("PASSWORD=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "/.env": 0o600, "/" + ComposeFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, deployedFolder+name))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s%s: %v %v", deployedFolder, name, info, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, ".env")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil || isThere(filepath.Join(dir, deployedFolder, ".env")) {
		t.Errorf("what is gone is kept: %v", err)
	}
}

func TestDo_SaysThatNothingCouldBeKept(t *testing.T) {
	b := added(t)
	var notes []string
	b.Note = func(text string) { notes = append(notes, text) }
	calls := 0
	b.compose.inspect = func(compose.Subject) error {
		if calls++; calls > 1 {
			return errors.New("no space left")
		}
		return nil
	}
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "no copy of the compose files of project robots was kept") {
		t.Errorf("notes %q", notes)
	}
}
