package compose

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/policy"
)

// A case of testdata is a compose file. Its head says what is expected, in lines "# want: RULE FILE:LINE"; lines
// "# file: PATH" begin further files, and "# link: PATH -> TARGET" makes a link.
type fileCase struct {
	name string
	want []string
}

const casesDir = "../policy/testdata"

// cases lists those of a folder.
func cases(t testing.TB, folder string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(casesDir, folder, "*.yaml"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no cases in %s: %v", folder, err)
	}
	return all
}

// unpack makes the project of a case in dir/mine, which has a neighbour that is none of its business.
func unpack(t testing.TB, path, dir string) fileCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := fileCase{name: strings.TrimSuffix(filepath.Base(path), ".yaml")}
	files := map[string]*strings.Builder{}
	current := "compose.yaml"
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch word {
		case "# want":
			c.want = append(c.want, rest)
		case "# file":
			current = rest
			continue
		case "# link":
			from, to, _ := strings.Cut(rest, " -> ")
			put(t, filepath.Join(dir, "mine", from), func(p string) error { return os.Symlink(to, p) })
			continue
		}
		if files[current] == nil {
			files[current] = &strings.Builder{}
		}
		files[current].WriteString(line)
	}
	for name, b := range files {
		put(t, filepath.Join(dir, "mine", name), func(p string) error { return os.WriteFile(p, []byte(b.String()), 0o600) })
	}
	for _, name := range []string{"blog/compose.yaml", "blog/.env", "labels"} {
		put(t, filepath.Join(dir, name), func(p string) error {
			return os.WriteFile(p, []byte("services: {db: {image: nginx, environment: {SECRET: hunter2}}}"), 0o600)
		})
	}
	return c
}

func put(t testing.TB, path string, write func(string) error) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(path); err != nil {
		t.Fatal(err)
	}
}

// places are findings as cases write them.
func places(t testing.TB, dir string, findings []policy.Finding) []string {
	t.Helper()
	var all []string
	for _, f := range findings {
		file, err := filepath.Rel(filepath.Join(dir, "mine"), f.File)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s:%d", f.Rule, file, f.Line))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestInspect_RefusesEveryHostileFile(t *testing.T) {
	for _, path := range cases(t, "hostile") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			dir := t.TempDir()
			c := unpack(t, path, dir)
			_, _, err := inspect(t.Context(), Subject{Dir: filepath.Join(dir, "mine"), Name: "mine"})
			refused, is := errors.AsType[policy.Refused](err)
			if !is {
				t.Fatalf("got %v, want it refused", err)
			}
			slices.Sort(c.want)
			if got := places(t, dir, refused); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v:\n%v", got, c.want, err)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "root:") {
				t.Errorf("it tells what is outside: %v", err)
			}
			for _, f := range refused {
				if f.Fix == "" || f.Text == "" {
					t.Errorf("%+v has no words", f)
				}
			}
		})
	}
}

func TestInspect_PassesHarmlessFiles(t *testing.T) {
	for _, path := range cases(t, "harmless") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, path, dir)
			project, _, err := inspect(t.Context(), Subject{Dir: filepath.Join(dir, "mine"), Name: "mine"})
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range project.Services {
				limits := s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.MemoryBytes > 0
				if s.MemLimit == 0 && !limits || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") && !slices.Contains(s.SecurityOpt, "no-new-privileges") {
					t.Errorf("service %s has no limits: %+v", name, s)
				}
			}
		})
	}
}
