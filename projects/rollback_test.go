package projects

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"gateway/projects/compose"
	"gateway/projects/release"
)

// rollback makes another version of robots current.
func (b *bench) rollback(t *testing.T, number int) (*Change, error) {
	t.Helper()
	return b.Do(t.Context(), Rollback{Name: "robots", Number: number})
}

func TestRollback_GoesBackAndForth(t *testing.T) {
	b := deployed(t, "two", "three", "four")
	for _, c := range []struct {
		number   int
		from, to int
		want     string
	}{
		{0, 4, 3, "4 four, 3 three*, 2 two, 1 starter"},
		{0, 3, 4, "4 four*, 3 three, 2 two, 1 starter"},
		{2, 4, 2, "4 four, 3 three, 2 two*, 1 starter"},
		{2, 2, 2, "4 four, 3 three, 2 two*, 1 starter"},
		{0, 2, 4, "4 four*, 3 three, 2 two, 1 starter"},
	} {
		done, err := b.rollback(t, c.number)
		if err != nil || done.Release.Number != c.to || c.from != c.to && done.From.Number != c.from {
			t.Errorf("to %d: from %d to %d, %v; want %+v", c.number, done.From.Number, done.Release.Number, err, c)
		}
		wantState(t, b, c.want)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("containers were touched: %v", b.compose.calls)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "five")); err != nil {
		t.Fatal(err)
	}
	if done, err := b.rollback(t, 0); err != nil || done.Release.Number != 4 {
		t.Errorf("after another deployment: %+v %v", done, err)
	}
}

func TestRollback_SaysWhereItCanGo(t *testing.T) {
	b := added(t)
	refused := func(number int, want string) {
		t.Helper()
		if _, err := b.rollback(t, number); !errors.Is(err, release.ErrNone) || !strings.Contains(err.Error(), want) {
			t.Errorf("to %d: %v, want %q", number, err, want)
		}
	}
	refused(0, "the first 'gateway deploy robots --dir DIR' makes some")
	for _, text := range []string{"two", "three", "four"} {
		if err := b.deploy(t.Context(), "robots", page(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	refused(9, "9; there are: 4 (current), 3, 2, 1")
	if err := os.RemoveAll(releasesOf(b).FolderOf(3)); err != nil {
		t.Fatal(err)
	}
	refused(0, "the one before version 4 is not kept; the kept ones are: 4 (current), 2, 1")
	if _, err := b.Do(t.Context(), Rollback{Name: "nothing"}); !errors.Is(err, ErrNoProject) {
		t.Errorf("no project: %v", err)
	}
}

func TestRollback_ReplacesContainersThatSeeNoVersions(t *testing.T) {
	b := added(t)
	withoutVersions(t, b)
	if err := b.deploy(t.Context(), "robots", page(t, "two")); err != nil {
		t.Fatal(err)
	}
	b.compose.calls = nil
	if _, err := b.rollback(t, 0); err != nil || !slices.Equal(b.compose.calls, []string{"up replacing site"}) {
		t.Errorf("calls %v, %v", b.compose.calls, err)
	}
	wantState(t, b, "2 two, 1 starter*")
	b.ready = errors.New("no answer")
	if _, err := b.rollback(t, 0); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("got %v", err)
	}
	wantState(t, b, "2 two, 1 starter*")
	b.ready, b.compose.calls = nil, nil
	b.engine.Stop("robots-site-1")
	if _, err := b.rollback(t, 0); err != nil || len(b.compose.calls) > 0 {
		t.Errorf("stopped: calls %v, %v", b.compose.calls, err)
	}
	wantState(t, b, "2 two*, 1 starter")
}

func TestRollback_RunsNothingThatIsHeldBack(t *testing.T) {
	b := added(t)
	withoutVersions(t, b)
	if err := b.deploy(t.Context(), "robots", page(t, "two")); err != nil {
		t.Fatal(err)
	}
	b.compose.calls = nil
	held := errors.New("rule routes")
	b.compose.inspect = func(s compose.Subject) error {
		if s.Name != "robots" || s.Dir != b.Store.Dir("robots") {
			t.Errorf("held: %+v", s)
		}
		return held
	}
	if _, err := b.rollback(t, 0); !errors.Is(err, held) {
		t.Errorf("it ended with %v", err)
	}
	wantState(t, b, "2 two*, 1 starter")
	if len(b.compose.calls) > 0 {
		t.Errorf("containers were touched: %v", b.compose.calls)
	}
}

func TestRollback_DryRunSaysWhatChanges(t *testing.T) {
	b := deployed(t, "two")
	if err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "three", "new.html": "new"})); err != nil {
		t.Fatal(err)
	}
	r, err := b.DryRun(t.Context(), Rollback{Name: "robots"})
	c := r.Files
	if err != nil || r.From.Number != 3 || r.Release.Number != 2 || !slices.Equal(c.Added, []string{"img/logo.svg"}) ||
		!slices.Equal(c.Changed, []string{"index.html"}) || !slices.Equal(c.Removed, []string{"new.html"}) {
		t.Errorf("%+v %v", r, err)
	}
	wantState(t, b, "3 three*, 2 two, 1 starter")
}
