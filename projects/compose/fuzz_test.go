package compose

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzInspect looks at any file as Up would: neither look takes forever nor stumbles, and what the text's look passes
// can be read, or is refused with words.
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
		mine := filepath.Join(dir, "mine")
		put(t, filepath.Join(mine, file), func(p string) error { return os.WriteFile(p, text, 0o600) })
		s := Subject{Dir: mine, Name: "mine"}
		start := time.Now()
		report, err := look(s)
		if time.Since(start) > 10*time.Second {
			t.Fatal("it takes forever")
		}
		if err != nil || report.Unreadable() != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, _, err := inspect(ctx, s); err != nil && (err.Error() == "" || ctx.Err() != nil) {
			t.Errorf("got %v", err)
		}
	})
}
