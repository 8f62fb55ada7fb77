package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gateway/projects/policy"
)

// Rehearse is Plan, and refuses as Add what Hold does. Hold sees the files where they are written for that alone; none
// is left, and what it says names them as they would be called.
func (l Life) Rehearse(ctx context.Context, r Request, observe Observe) (Addition, error) {
	plan, err := l.Plan(ctx, r, observe)
	if err != nil || l.Hold == nil {
		return plan, err
	}
	dir, err := os.MkdirTemp("", "gateway-")
	if err != nil {
		return Addition{}, fmt.Errorf("trying the files of project %s: %w", r.Name, err)
	}
	defer os.RemoveAll(dir)
	tried := plan
	tried.Dir = filepath.Join(dir, string(r.Name))
	if err := fill(ctx, tried.Dir, plan.Files, nil, plan.Source.folders()...); err != nil {
		return Addition{}, fmt.Errorf("trying the files of project %s: %w", r.Name, diskFull(err))
	}
	return plan, called(l.Hold(ctx, tried), tried.Dir, plan.Dir)
}

// called is a refusal with the files of a folder as if they were in another.
func called(err error, folder, name string) error {
	refused, ok := errors.AsType[policy.Refused](err)
	if !ok {
		return err
	}
	var all policy.Refused
	for _, f := range refused {
		if inside, ok := strings.CutPrefix(f.File, folder+string(filepath.Separator)); ok {
			f.File = filepath.Join(name, inside)
		}
		all = append(all, f)
	}
	return all
}
