package projects

import (
	"fmt"
	"path/filepath"

	"gateway/projects/plan"
	"gateway/projects/policy"
)

// recordTrust are the steps that write into a project's compose.yaml that it may break these rules, beside those it may
// break already, and leave all else in the file as it is: none when it may break them all.
func (e edits) recordTrust(p Project, t policy.Trust) ([]plan.Step, error) {
	if len(p.Trust.With(t)) == len(p.Trust) {
		return nil, nil
	}
	record, err := e.step(filepath.Join(p.Dir, ComposeFile), fmt.Sprintf("record trust %s in %s", t, ComposeFile), func(before []byte) ([]byte, error) {
		return policy.Record(before, t)
	})
	if err != nil {
		return nil, fmt.Errorf("recording trust: %w", err)
	}
	return []plan.Step{record}, nil
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
