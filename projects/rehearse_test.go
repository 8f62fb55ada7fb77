package projects

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gateway/projects/policy"
)

func TestRehearse_RefusesWhatAddWould(t *testing.T) {
	b := newBench(t)
	t.Setenv("TMPDIR", t.TempDir())
	var saw Addition
	b.Hold = func(_ context.Context, plan Addition) error {
		saw = plan
		if _, err := os.Stat(filepath.Join(plan.Dir, ComposeFile)); err != nil {
			t.Errorf("nothing to look at: %v", err)
		}
		return policy.Refused{{Rule: policy.Ports, File: filepath.Join(plan.Dir, ComposeFile), Line: 7}, {Rule: policy.Ports, File: "/elsewhere"}}
	}
	_, err := b.Rehearse(t.Context(), request(t, "robots", "/robots"), b.observe)
	refused, ok := errors.AsType[policy.Refused](err)
	if want := filepath.Join(b.Store.Dir("robots"), ComposeFile); !ok || refused[0].File != want || refused[1].File != "/elsewhere" {
		t.Errorf("got %v, want a finding in %s", err, want)
	}
	if _, err := os.Stat(saw.Dir); !errors.Is(err, os.ErrNotExist) || saw.Name != "robots" {
		t.Errorf("%s is left: %v", saw.Dir, err)
	}
	b.Hold = func(context.Context, Addition) error { return nil }
	if plan, err := b.Rehearse(t.Context(), request(t, "robots", "/robots"), b.observe); err != nil || plan.Dir != b.Store.Dir("robots") {
		t.Errorf("%+v %v", plan, err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	b.nothingLeft(t, "robots")
}
