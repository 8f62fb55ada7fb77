package compose

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/projects/policy"
)

// FuzzInspect lets nothing through that the second look would refuse: a file that the first one passes and that Compose
// can read asks for nothing that is forbidden. Neither takes forever nor stumbles.
func FuzzInspect(f *testing.F) {
	for _, folder := range []string{"hostile", "harmless"} {
		for _, path := range cases(f, folder) {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "label_file") {
			return // the labels in it are for the second look alone
		}
		mine := filepath.Join(dir, "mine")
		put(t, filepath.Join(mine, file), func(p string) error { return os.WriteFile(p, text, 0o600) })
		s := Subject{Dir: mine, Name: "mine"}
		start := time.Now()
		report, err := look(s)
		if time.Since(start) > 10*time.Second {
			t.Fatal("it takes forever")
		}
		if err != nil || report.Refused() != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		project, err := read(ctx, s, report)
		if err != nil {
			return
		}
		for _, found := range resolvedFindings(project, report) {
			// What a build's secrets are is known when all files are put together.
			if strings.HasSuffix(found.Where, ".build.secrets") {
				continue
			}
			if !report.Trust.Has(found.Rule) && found.Rule != policy.Unknown {
				t.Errorf("the first look passed %s", found)
			}
		}
	})
}
