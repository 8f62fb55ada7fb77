package projects

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func day(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// expiries are the lines of a project's files that have an expiry.
func expiries(t *testing.T, b *bench, name Name) []string {
	t.Helper()
	p, err := b.Store.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, file := range slices.Compact([]string{filepath.Join(p.Dir, ComposeFile), p.routesFile()}) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "expires:") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

func TestRenew_InsertsChangesAndRemovesTheExpiry(t *testing.T) {
	for _, c := range []struct {
		name    string
		bench   func(*testing.T) *bench
		project Name
	}{
		{"of a template", added, "robots"},
		{"of imported files", withShop, "shop"},
		{"of a stopped project", resting, "robots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.bench(t)
			before := b.world(t)
			for _, until := range []string{"2030-01-02", "2031-02-03", ""} {
				if _, err := b.Do(t.Context(), Renew{Name: c.project, Until: day(t, until)}); err != nil {
					t.Fatalf("until %q: %v", until, err)
				}
				p, err := b.Store.Load(c.project)
				if err != nil {
					t.Fatal(err)
				}
				if !p.Expires.Equal(day(t, until)) {
					t.Errorf("until %q: it expires on %s", until, p.Expires)
				}
				for _, line := range expiries(t, b, c.project) {
					if !strings.Contains(line, until) {
						t.Errorf("until %q: %q", until, line)
					}
				}
			}
			after := b.world(t)
			for path, text := range before {
				if path != b.Store.Root() && strings.HasPrefix(path, "container ") && after[path] != text {
					t.Errorf("%s was %s and is %s", path, text, after[path])
				}
			}
		})
	}
}

func TestRenew_ChangesWhatLabelsReferTo(t *testing.T) {
	b := newBench(t)
	r := request(t, "robots", "/robots")
	r.Expires = day(t, "2030-01-02")
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2031-02-03")}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(expiries(t, b, "robots"), "; "); !strings.Contains(got, "expires: &expires") || !strings.Contains(got, "2031-02-03") || strings.Contains(got, "2030") {
		t.Errorf("got %s", got)
	}
	if _, err := b.Do(t.Context(), Renew{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	if got := expiries(t, b, "robots"); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

func TestRenew_SaysWhatItWouldDo(t *testing.T) {
	b := added(t)
	before := b.world(t)
	c, err := b.DryRun(t.Context(), Renew{Name: "robots", Until: day(t, "2030-01-02")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Texts(), []string{"write expiry 2030-01-02 in compose.yaml", "deploy project robots"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for path, text := range b.world(t) {
		if before[path] != text {
			t.Errorf("the dry run changed %s", path)
		}
	}
}
