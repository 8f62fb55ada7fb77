package projects

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gateway/projects/policy"
	"gateway/projects/tree"
)

// RecordTrust writes into the project's compose.yaml that it may break these rules, beside those it may break already,
// and leaves all else in the file as it is. Without a new one the file is not touched.
func (s Store) RecordTrust(ctx context.Context, name Name, t policy.Trust) error {
	unlock, err := s.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := s.Load(name)
	if err != nil {
		return err
	}
	if len(p.Trust.With(t)) == len(p.Trust) {
		return nil
	}
	file := filepath.Join(p.Dir, ComposeFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("recording trust: %w", err)
	}
	if text, err = policy.Record(text, t); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := tree.ReplaceFile(file, text); err != nil {
		return fmt.Errorf("recording trust: %w", diskFull(err))
	}
	return nil
}

// grant records trust in what a template makes. A template gives no trust by itself: it may be somebody else's.
func grant(files map[string][]byte, template string, doc Document, t policy.Trust) error {
	if len(doc.Trust) > 0 {
		return fmt.Errorf("template %s gives its projects trust by itself (%s); remove x-gateway.trust there, and give it on the command line: --trust %s", template, doc.Trust, doc.Trust)
	}
	text, err := policy.Record(files[ComposeFile], t)
	if err != nil {
		return fmt.Errorf("template %s: %w", template, err)
	}
	files[ComposeFile] = text
	return nil
}
