package projects

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
		done, err := b.Rollback(t.Context(), "robots", c.number)
		if err != nil || done.From.Number != c.from || done.To.Number != c.to {
			t.Errorf("to %d: from %d to %d, %v; want %+v", c.number, done.From.Number, done.To.Number, err, c)
		}
		wantState(t, b, c.want)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("containers were touched: %v", b.compose.calls)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "five")); err != nil {
		t.Fatal(err)
	}
	if done, err := b.Rollback(t.Context(), "robots", 0); err != nil || done.To.Number != 4 {
		t.Errorf("after another deployment: %+v %v", done, err)
	}
}

func TestRollback_SaysWhereItCanGo(t *testing.T) {
	b := added(t)
	refused := func(number int, want string) {
		t.Helper()
		if _, err := b.Rollback(t.Context(), "robots", number); !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), want) {
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
	if err := os.RemoveAll(history{dir: b.Store.Dir("robots")}.folder(3)); err != nil {
		t.Fatal(err)
	}
	refused(0, "the one before version 4 is not kept; name one of those there are: 4 (current), 2, 1")
	if _, err := b.Rollback(t.Context(), "nothing", 0); !errors.Is(err, ErrNoProject) {
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
	if _, err := b.Rollback(t.Context(), "robots", 0); err != nil || !slices.Equal(b.compose.calls, []string{"up by force"}) {
		t.Errorf("calls %v, %v", b.compose.calls, err)
	}
	wantState(t, b, "2 two, 1 starter*")
	b.ready = errors.New("no answer")
	if _, err := b.Rollback(t.Context(), "robots", 0); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("got %v", err)
	}
	wantState(t, b, "2 two, 1 starter*")
	b.ready, b.compose.calls = nil, nil
	b.engine.Stop("robots-site-1")
	if _, err := b.Rollback(t.Context(), "robots", 0); err != nil || len(b.compose.calls) > 0 {
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
	b.HoldAgain = func(_ context.Context, p Project) error {
		if p.Name != "robots" || p.Dir != b.Store.Dir("robots") {
			t.Errorf("held: %+v", p)
		}
		return held
	}
	if _, err := b.Rollback(t.Context(), "robots", 0); !errors.Is(err, held) {
		t.Errorf("it ended with %v", err)
	}
	wantState(t, b, "2 two*, 1 starter")
	if len(b.compose.calls) > 0 {
		t.Errorf("containers were touched: %v", b.compose.calls)
	}
}

func TestPlanRollback_SaysWhatChanges(t *testing.T) {
	b := deployed(t, "two")
	if err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "three", "new.html": "new"})); err != nil {
		t.Fatal(err)
	}
	plan, err := b.PlanRollback(t.Context(), "robots", 0)
	c := plan.Changes
	if err != nil || plan.From.Number != 3 || plan.To.Number != 2 || !slices.Equal(c.Added, []string{"img/logo.svg"}) ||
		!slices.Equal(c.Changed, []string{"index.html"}) || !slices.Equal(c.Removed, []string{"new.html"}) {
		t.Errorf("%+v %v", plan, err)
	}
	wantState(t, b, "3 three*, 2 two, 1 starter")
}

func TestCompare_ChangesNothing(t *testing.T) {
	b := added(t)
	before := contents(t, filepath.Join(b.Store.Dir("robots"), SiteFolder))
	changes, err := b.Compare(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "new", "a.html": "a", "style.css": before["style.css"]}))
	if err != nil || changes.String() != "1 added, 1 changed, 1 removed, 1 the same" || !slices.Equal(changes.Removed, []string{"icon.svg"}) {
		t.Errorf("%v %v", changes, err)
	}
	if after := contents(t, filepath.Join(b.Store.Dir("robots"), SiteFolder)); !maps.Equal(before, after) {
		t.Errorf("now there is %v", after)
	}
	if _, err := b.Compare(t.Context(), "nothing", page(t, "x")); !errors.Is(err, ErrNoProject) {
		t.Errorf("no project: %v", err)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("calls %v", b.compose.calls)
	}
}
