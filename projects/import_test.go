package projects

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/templates"
)

// shopFile is somebody's compose file.
const shopFile = `# VERSION
name: myshop
services:
  db:
    image: db
    volumes: ["./db/conf:/conf:ro"]
  web:
    build: .
    restart: always
    ports: ["8080:3000"]
    volumes: ["./data:/data", "./data/deep:/deep", "./run.sh:/run.sh:ro"]
`

// shop writes the imported folder, in which version stands, and looks through it.
func shop(t *testing.T, version string) *Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": strings.ReplaceAll(shopFile, "VERSION", version), ".env": "A=1\n", "run.sh": version, "db/conf/my.cnf": version, "data/seed": version, ".git/HEAD": "x",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := importer.Open(dir, importer.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	outline, err := compose.Outline(t.Context(), folder.Dir, "shop", []string{"compose.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return &Source{Folder: folder, Files: []string{"compose.yaml"}, Outline: outline, Choice: importer.Choice{Service: "web", Port: 3000}}
}

// imported makes a project of the folder of shop, in which a container has written since.
func (b *bench) imported(t *testing.T) {
	t.Helper()
	r := request(t, "shop", "/shop")
	var err error
	if r.Template, err = templates.Find(ImportTemplate); err != nil {
		t.Fatal(err)
	}
	r.Source, r.Parameters = shop(t, "one"), map[string]string{"from": "x"}
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"seed": "changed by the app", "app.db": "orders"} {
		if err := os.WriteFile(filepath.Join(b.Store.Dir("shop"), "source", "data", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAdd_ImportsAFolderAsItIs(t *testing.T) {
	b := newBench(t)
	b.imported(t)
	dir := b.Store.Dir("shop")
	files := contents(t, filepath.Join(dir, "source"))
	if !strings.HasPrefix(files["compose.yaml"], "# one\n") || files[".env"] != "A=1\n" || files[".git/HEAD"] != "" || len(files) != 6 {
		t.Errorf("source %v", files)
	}
	if info, err := os.Stat(filepath.Join(dir, "source", "run.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("run.sh %v %v", info.Mode(), err)
	}
	p, err := b.Store.Load("shop")
	if err != nil {
		t.Fatal(err)
	}
	if !p.HasSource() || !p.imported || len(p.Claims) != 1 || p.Claims[0].Key.String() != "/shop" || len(p.Subnets) != 2 || p.Owner != "owner@example.org" || p.Claims[0].Owner != p.Owner {
		t.Errorf("read back as %+v", p)
	}
	// The path is taken while nothing runs, and is known to be its own.
	if _, err := b.DryRun(t.Context(), request(t, "other", "/shop")); err == nil || !strings.Contains(err.Error(), "taken by project shop") {
		t.Errorf("a second one at its path: %v", err)
	}
}

func TestAdd_LeavesNothingOfAnImportThatFails(t *testing.T) {
	b := newBench(t)
	r := request(t, "shop", "/shop")
	r.Template.Name, r.Source = ImportTemplate, shop(t, "one")
	b.compose.up = errors.New("the build failed")
	if _, err := b.Do(t.Context(), r); err == nil || b.Store.Exists("shop") {
		t.Errorf("%v", err)
	}
	r.Source.Outline.Services[0].Labels = map[string]string{"gateway.path": "/db"}
	if _, err := b.DryRun(t.Context(), r); err == nil || !strings.Contains(err.Error(), "service db: label gateway.path") {
		t.Errorf("routes of its own: %v", err)
	}
	r.Source = shop(t, "one")
	beside := filepath.Join(filepath.Dir(r.Source.Folder.Dir), "data")
	r.Source.Outline.Services[0].Mounts = []importer.Mount{{Path: beside}}
	if _, err := b.DryRun(t.Context(), r); err == nil || !strings.Contains(err.Error(), beside+" is mounted, which is not in it") {
		t.Errorf("a mount beside the folder: %v", err)
	}
	r.Source = shop(t, "one")
	r.Source.Folder.Dir = filepath.Dir(b.Store.Root())
	if _, err := b.DryRun(t.Context(), r); err == nil || !strings.Contains(err.Error(), "the projects folder") {
		t.Errorf("a folder with all projects: %v", err)
	}
}

func TestAdd_FindsThePortInTheImage(t *testing.T) {
	for name, c := range map[string]struct {
		files   []string
		service string
		// file has the label afterwards.
		file string
	}{
		"of a compose file": {[]string{"compose.yaml"}, "web", importer.Override},
		"of a Dockerfile":   {nil, importer.App, ComposeFile},
	} {
		b := newBench(t)
		r := request(t, "shop", "/shop")
		var err error
		if r.Template, err = templates.Find(ImportTemplate); err != nil {
			t.Fatal(err)
		}
		r.Source, r.Parameters = shop(t, "one"), map[string]string{"from": "x", "port": "0"}
		r.Source.Files, r.Source.Choice = c.files, importer.Choice{Service: c.service}
		plan, err := b.DryRun(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(steps(plan), "its port is read from its image") {
			t.Errorf("%s: planned as\n%s", name, steps(plan))
		}
		b.compose.ports = []int{8080}
		if _, err := b.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if text := contents(t, b.Store.Dir("shop"))[c.file]; !strings.Contains(text, `gateway.port: "8080"`) {
			t.Errorf("%s:\n%s", name, text)
		}
		if calls := strings.Join(b.compose.calls, ", "); calls != "prepare "+c.service+", up" {
			t.Errorf("%s: %s", name, calls)
		}
	}
}

func TestAdd_StartsNothingWithoutAPort(t *testing.T) {
	for want, c := range map[string]fakeCompose{
		"--port is missing, since service web has several: 80, 8080":              {ports: []int{80, 8080}},
		"--port is missing, since nothing says at which port service web listens": {},
		"starting project shop: building web: no such file":                       {unbuilt: errors.New("building web: no such file")},
	} {
		b := newBench(t)
		b.compose.ports, b.compose.unbuilt = c.ports, c.unbuilt
		r := request(t, "shop", "/shop")
		r.Source = shop(t, "one")
		r.Source.Choice.Port = 0
		_, err := b.Do(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), want) || b.Store.Exists("shop") || slices.Contains(b.compose.calls, "up") {
			t.Errorf("%v after %v, want %s", err, b.compose.calls, want)
		}
	}
}

func TestMove_MovesAnImportedProject(t *testing.T) {
	b := newBench(t)
	b.imported(t)
	m, err := b.Do(t.Context(), Move{Name: "shop", To: prefix(t, "/store"), Template: known})
	if err != nil || !strings.Contains(steps(m), "at 1 place of") {
		t.Fatalf("%+v %v", m, err)
	}
	p, err := b.Store.Load("shop")
	if err != nil || p.Claims[0].Key.String() != "/store" {
		t.Errorf("%v %v", p.Claims, err)
	}
	if !strings.HasPrefix(contents(t, p.Dir)["source/compose.yaml"], "# one\n") {
		t.Error("somebody's file was changed")
	}
}
