package templates

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write golden files")

// hostile holds what would change the meaning of a YAML or HTML file, or of a compose file, if it were not quoted.
const hostile = "\"x\" \\ 'y' #c\n\tkey: [v] ${HOME} $$ \u2028 \u0085 <script>alert(1)</script> 로봇"

func TestRender_MatchesGolden(t *testing.T) {
	plain := Project{Name: "robots", Path: "/robots", Created: "2026-11-20", Subnet: "10.213.0.0/27"}
	full := plain
	full.Host, full.Owner, full.Expires = "example.org", "owner@example.org", "2027-06-30"
	for name, c := range map[string]struct {
		project    Project
		parameters map[string]string
	}{
		"portfolio-plain": {plain, nil},
		"portfolio-full":  {full, map[string]string{"spa": "true", "dir": "./site"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := render(t, c.project, c.parameters)
			for _, part := range []string{"compose.yaml", "site/index.html"} {
				golden(t, filepath.Join("testdata", name+"."+filepath.Base(part)), files[part])
			}
		})
	}
}

func TestRender_QuotesEveryValue(t *testing.T) {
	files := render(t, Project{Name: hostile, Path: hostile, Host: hostile, Owner: hostile, Created: hostile, Expires: hostile, Subnet: hostile}, nil)
	var doc struct {
		Name     string
		Gateway  map[string]string `yaml:"x-gateway"`
		Services map[string]struct{ Labels map[string]string }
		Networks map[string]struct {
			IPAM struct{ Config []struct{ Subnet string } } `yaml:"ipam"`
		}
	}
	// The head comment repeats the name, quoted, so that nothing of it ends the comment.
	if err := yaml.Unmarshal(files["compose.yaml"], &doc); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(hostile, "$", "$$")
	labels := doc.Services["site"].Labels
	for what, got := range map[string]string{
		"name": doc.Name, "owner": doc.Gateway["owner"], "created": doc.Gateway["created"], "expires": doc.Gateway["expires"],
		"path": labels["gateway.path"], "host": labels["gateway.host"], "label owner": labels["gateway.owner"],
		"label expires": labels["gateway.expires"], "subnet": doc.Networks["web"].IPAM.Config[0].Subnet,
	} {
		if got != want {
			t.Errorf("%s = %q, want %q", what, got, want)
		}
	}
	if len(doc.Services) != 1 || len(doc.Networks) != 1 {
		t.Errorf("a value added a service or a network: %+v", doc)
	}
	if page := files["site/index.html"]; bytes.Contains(page, []byte("<script>")) {
		t.Errorf("a value became markup:\n%s", page)
	}
}

func TestRender_LinksRelatively(t *testing.T) {
	page := string(render(t, Project{Name: "robots", Path: "/robots"}, nil)["site/index.html"])
	for _, bad := range []string{`href="/`, `src="/`, `href="http`, `src="http`} {
		if strings.Contains(page, bad) {
			t.Errorf("the starter page has %s", bad)
		}
	}
}

func TestRender_RefusesUnknownAndBadParameters(t *testing.T) {
	portfolio, err := Find("portfolio")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want string }{
		{"colour", "red", `no parameter "colour"; it has dir and spa`},
		{"spaa", "red", `write spa if`},
		{"spa", "maybe", "neither true nor false"},
	} {
		if _, err := portfolio.Render(Project{}, map[string]string{c.name: c.value}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestFind_NamesTheTemplatesThereAre(t *testing.T) {
	_, err := Find("portfoleo")
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "portfolio") {
		t.Errorf("got %v", err)
	}
}

func FuzzValue(f *testing.F) {
	f.Add(hostile)
	f.Add("~")
	f.Add("\ufffe\uffff\x00\x7f")
	f.Fuzz(readsBack)
}

// readsBack checks that YAML reads a value as it was given. There is no value that it refuses.
func readsBack(t *testing.T, s string) {
	var got string
	if err := yaml.Unmarshal([]byte(Value(s).String()), &got); err != nil {
		t.Errorf("%q cannot be read: %v", s, err)
		return
	}
	if want := strings.ReplaceAll(string([]rune(s)), "$", "$$"); got != want {
		t.Errorf("%q became %q", want, got)
	}
}

func TestValue_TakesEveryCodePoint(t *testing.T) {
	const step = 0x100
	for first := rune(0); first <= unicode.MaxRune; first += step {
		page := make([]rune, 0, step)
		for r := first; r < first+step; r++ {
			page = append(page, r)
		}
		readsBack(t, string(page))
	}
}

func render(t *testing.T, p Project, parameters map[string]string) map[string][]byte {
	t.Helper()
	portfolio, err := Find("portfolio")
	if err != nil {
		t.Fatal(err)
	}
	files, err := portfolio.Render(p, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}
