package templates

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodHeader  = "name: good\nsummary: A good one\nparameters:\n- {name: size, type: integer, required: true, min: 3, help: h}\n"
	goodCompose = "name: {{ .Name }}\nservices:\n  web:\n    image: nginx\n    scale: {{ .Parameters.size }}\n"
)

// own writes a folder of templates: files by path.
func own(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad_AddsThoseOfAFolder(t *testing.T) {
	dir := own(t, map[string]string{
		"good/template.yaml": goodHeader, "good/files/compose.yaml.tmpl": goodCompose, "good/README.md": "for people",
		"README.md": "for people", ".git/config": "x",
	})
	set, err := Load(dir)
	if err != nil || len(set.Broken) > 0 {
		t.Fatal(err, set.Broken)
	}
	good, err := set.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	files, err := good.Render(Project{Name: "p"}, map[string]string{"size": "5"})
	if err != nil || len(files) != 1 || !strings.Contains(string(files["compose.yaml"]), "scale: 5") || good.Dir != filepath.Join(dir, "good") {
		t.Errorf("rendered %q %v from %s", files, err, good.Dir)
	}
	if _, err := set.Find("wordpress"); err != nil {
		t.Errorf("gateway's own are gone: %v", err)
	}
	if _, err := set.Find("goood"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "write good") {
		t.Errorf("a typo: %v", err)
	}
	// What was loaded is what is used, whatever becomes of the folder.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := good.Render(Project{Name: "p"}, map[string]string{"size": "5"}); err != nil {
		t.Errorf("after the folder is gone: %v", err)
	}
	for _, nowhere := range []string{"", dir} {
		if set, err := Load(nowhere); err != nil || len(set.Templates) == 0 || set.Broken != nil {
			t.Errorf("without a folder: %v %v", set, err)
		}
	}
}

func TestLoad_LeavesOutTheBroken(t *testing.T) {
	const head = "name: bad\nsummary: s\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no header":       {map[string]string{"bad/files/compose.yaml": "services: {a: {}}"}, "template.yaml is missing"},
		"bad header":      {map[string]string{"bad/template.yaml": head + "summery: s\n"}, "template.yaml: line 3"},
		"no files":        {map[string]string{"bad/template.yaml": head}, "folder files is missing"},
		"no compose.yaml": {map[string]string{"bad/template.yaml": head, "bad/files/x": ""}, "makes no compose.yaml"},
		"bad scaffold":    {map[string]string{"bad/template.yaml": head, "bad/files/compose.yaml.tmpl": "a: b\nc: {{ if }}\n"}, "compose.yaml:2"},
		"unknown value":   {map[string]string{"bad/template.yaml": head, "bad/files/compose.yaml.tmpl": "a: b\nc: {{ .Parameters.size }}\n"}, "compose.yaml:2"},
		"no YAML":         {map[string]string{"bad/template.yaml": head, "bad/files/compose.yaml.tmpl": "services:\n\ta: b\n"}, "compose.yaml.tmpl: with the defaults it is no YAML: line 2"},
		"no services":     {map[string]string{"bad/template.yaml": head, "bad/files/compose.yaml": "name: x\n"}, "no services"},
		"large file":      {map[string]string{"bad/template.yaml": head, "bad/files/x": strings.Repeat("x", maxFile+1)}, "1M is the most"},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["good/template.yaml"], c.files["good/files/compose.yaml.tmpl"] = goodHeader, goodCompose
			breaks(t, own(t, c.files), "bad", c.want)
		})
	}
}

// breaks checks that one template is reported, with its folder, and that the good one is there all the same.
func breaks(t *testing.T, dir, name, want string) {
	t.Helper()
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Broken) != 1 || !strings.Contains(set.Broken[0].Error(), want) || !strings.Contains(set.Broken[0].Error(), filepath.Join(dir, name)) {
		t.Errorf("broken: %v, want %q", set.Broken, want)
	}
	if _, err := set.Find("good"); err != nil {
		t.Errorf("the good one is hidden: %v", err)
	}
	if _, err := set.Find(name); name != "portfolio" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("asking for it: %v", err)
	}
}

func TestLoad_ShadowsNothing(t *testing.T) {
	dir := own(t, map[string]string{
		"portfolio/template.yaml": strings.ReplaceAll(goodHeader, "good", "portfolio"), "portfolio/files/compose.yaml.tmpl": goodCompose,
		"good/template.yaml": goodHeader, "good/files/compose.yaml.tmpl": goodCompose,
	})
	breaks(t, dir, "portfolio", "gateway itself has a template of that name")
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := set.Find("portfolio"); err != nil || found.Dir != "" {
		t.Errorf("found %s %v", found.Dir, err)
	}
}

func TestLoad_FollowsNoLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"good/template.yaml": goodHeader, "good/files/compose.yaml.tmpl": goodCompose}
	t.Run("file", func(t *testing.T) {
		dir := own(t, good)
		dir2 := own(t, map[string]string{"bad/template.yaml": "name: bad\nsummary: s\n", "bad/files/compose.yaml": "services: {a: {image: b}}"})
		if err := os.Rename(filepath.Join(dir2, "bad"), filepath.Join(dir, "bad")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, "bad", "files", "leak")); err != nil {
			t.Skip("links cannot be made here:", err)
		}
		breaks(t, dir, "bad", "files/leak is no regular file")
	})
	t.Run("folder", func(t *testing.T) {
		dir := own(t, good)
		if err := os.Symlink(own(t, good), filepath.Join(dir, "bad")); err != nil {
			t.Skip("links cannot be made here:", err)
		}
		breaks(t, dir, "bad", "it is no folder")
	})
}
