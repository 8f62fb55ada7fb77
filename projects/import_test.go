package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/route"
	"gateway/templates"
)

// shopOutline is what Compose makes of the files of shop.
func shopOutline(dir string) importer.Outline {
	return importer.Outline{Name: "myshop", Services: []importer.Service{
		{Name: "db", Image: "db", Mounts: []importer.Mount{{Path: filepath.Join(dir, "db", "conf"), ReadOnly: true}}},
		{
			Name: "web", Builds: true, Published: []importer.Port{{Host: "8080", Inside: 3000}}, Restart: "always",
			Mounts: []importer.Mount{{Path: filepath.Join(dir, "data")}, {Path: filepath.Join(dir, "data", "deep")}},
		},
	}}
}

// shop writes somebody's folder, in which version stands, and looks through it.
func shop(t *testing.T, version string) *Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": "# " + version + "\n", ".env": "A=1\n", "run.sh": version, "db/conf/my.cnf": version, "data/seed": version, ".git/HEAD": "x",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := importer.Open(dir, importer.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return &Source{Folder: folder, Files: []string{"compose.yaml"}, Outline: shopOutline(folder.Dir), Choice: importer.Choice{Service: "web", Port: 3000}}
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

func (b *bench) renew(ctx context.Context, s *Source) (SourceDeployed, error) {
	return b.DeploySource(ctx, SourceDeployment{
		Name: "shop", Source: s, InForce: shopOutline(filepath.Join(b.Store.Dir("shop"), "source")).Mounts(),
	})
}

func TestAdd_ImportsAFolderAsItIs(t *testing.T) {
	b := newBench(t)
	b.imported(t)
	dir := b.Store.Dir("shop")
	files := contents(t, filepath.Join(dir, "source"))
	if files["compose.yaml"] != "# one\n" || files[".env"] != "A=1\n" || files[".git/HEAD"] != "" || len(files) != 6 {
		t.Errorf("source %v", files)
	}
	if info, err := os.Stat(filepath.Join(dir, "source", "run.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("run.sh %v %v", info.Mode(), err)
	}
	p, err := b.Store.Load("shop")
	if err != nil {
		t.Fatal(err)
	}
	if !p.HasSource() || !p.OfCompose() || len(p.Claims) != 1 || p.Claims[0].Key.String() != "/shop" || len(p.Subnets) != 2 || p.Owner != "owner@example.org" || p.Claims[0].Owner != p.Owner {
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
	if contents(t, p.Dir)["source/compose.yaml"] != "# one\n" {
		t.Error("somebody's file was changed")
	}
}

func TestDeploySource_KeepsWhatContainersWrote(t *testing.T) {
	b := newBench(t)
	b.imported(t)
	dir := b.Store.Dir("shop")
	override := filepath.Join(dir, importer.Override)
	text, err := os.ReadFile(override)
	if err != nil {
		t.Fatal(err)
	}
	// A label that somebody added, and a path that moved.
	edited := strings.Replace(string(text), `gateway.path: "/shop"`, "gateway.path: /store\n      gateway.rate: 5/s", 1)
	if err := os.WriteFile(override, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := shop(t, "two")
	fresh.Files = []string{"compose.yaml", "compose.override.yaml"}
	done, err := b.renew(t.Context(), fresh)
	if err != nil || !slices.Equal(done.Kept, []string{"data"}) {
		t.Fatalf("%+v %v", done, err)
	}
	files := contents(t, filepath.Join(dir, "source"))
	if files["compose.yaml"] != "# two\n" || files["run.sh"] != "two" || files["data/seed"] != "changed by the app" || files["data/app.db"] != "orders" {
		t.Errorf("source %v", files)
	}
	if before := contents(t, filepath.Join(dir, SourceBefore)); before["run.sh"] != "one" {
		t.Errorf("before %v", before)
	}
	p, err := b.Store.Load("shop")
	if err != nil || p.Claims[0].Key.String() != "/store" || p.Claims[0].Owner != "owner@example.org" {
		t.Errorf("%+v %v", p.Claims, err)
	}
	if text, _ := os.ReadFile(override); !strings.Contains(string(text), `gateway.rate: "5/s"`) || !strings.Contains(string(text), "10.213.0.32/27") {
		t.Errorf("override:\n%s", text)
	}
	if compose := contents(t, dir)["compose.yaml"]; !strings.Contains(compose, "- \"source/compose.override.yaml\"\n") || !strings.Contains(compose, "owner@example.org") {
		t.Errorf("compose.yaml:\n%s", compose)
	}
	if last := b.compose.calls[len(b.compose.calls)-1]; last != "up by force" {
		t.Errorf("containers see the folder that was: %v", b.compose.calls)
	}
}

func TestDeploySource_BringsBackWhatWorked(t *testing.T) {
	for name, fail := range map[string]func(b *bench, d *SourceDeployment){
		"by the policy": func(_ *bench, d *SourceDeployment) {
			d.Hold = func(context.Context, string) error { return policy.Refused{} }
		},
		"when it starts": func(b *bench, _ *SourceDeployment) { b.compose.up = errors.New("no") },
		"when it is not served": func(b *bench, _ *SourceDeployment) {
			b.Ready = func(context.Context, Name, []route.Key) error { return errors.New("no") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.imported(t)
			before := contents(t, b.Store.Dir("shop"))
			d := SourceDeployment{Name: "shop", Source: shop(t, "two"), InForce: shopOutline(filepath.Join(b.Store.Dir("shop"), "source")).Mounts()}
			fail(b, &d)
			if _, err := b.DeploySource(t.Context(), d); err == nil {
				t.Fatal("it was deployed")
			}
			if after := contents(t, b.Store.Dir("shop")); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("was %v\n is %v", before, after)
			}
		})
	}
}

func TestDeploySource_RefusesToTakeAFoldersPlaceThatAContainerWritesTo(t *testing.T) {
	b := newBench(t)
	b.imported(t)
	fresh := shop(t, "two")
	fresh.Outline.Services[1].Mounts = []importer.Mount{{Path: fresh.Folder.Dir}}
	if _, err := b.renew(t.Context(), fresh); err == nil || !strings.Contains(err.Error(), "may write to all of") {
		t.Errorf("%v", err)
	}
	fresh = shop(t, "two")
	fresh.Files = nil
	if _, err := b.renew(t.Context(), fresh); err == nil || !strings.Contains(err.Error(), "has a Dockerfile alone") {
		t.Errorf("%v", err)
	}
}

// TestDeploySource_SurvivesAKillAtAnyStep copies the folder between all steps, as a kill leaves it, and goes on from the
// copy: what the app wrote is always there, and all else is of one version.
func TestDeploySource_SurvivesAKillAtAnyStep(t *testing.T) {
	for name, ready := range map[string]error{"a deployment": nil, "a deployment that fails": errors.New("no answer")} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.imported(t)
			b.Ready = func(context.Context, Name, []route.Key) error { return ready }
			steps, committed := 0, false
			ctx := watched(t, func(step string) error {
				steps++
				committed = committed || step == "committed"
				root := t.TempDir()
				snapshot(t, b.Store.Dir("shop"), filepath.Join(root, "shop"))
				store, err := NewStore(root)
				if err != nil {
					t.Fatal(err)
				}
				if err := Recover(t.Context(), store, "shop"); err != nil {
					t.Errorf("%s: %v", step, err)
				}
				afterKill(t, step, store, committed)
				return nil
			})
			if _, err := b.renew(ctx, shop(t, "two")); !errors.Is(err, ready) {
				t.Fatal(err)
			}
			if steps < 8 || committed == (ready != nil) {
				t.Errorf("%d steps, committed %v", steps, committed)
			}
		})
	}
}

func afterKill(t *testing.T, step string, store Store, committed bool) {
	t.Helper()
	want := "one"
	if committed {
		want = "two"
	}
	files := contents(t, store.Dir("shop"))
	for name, text := range map[string]string{"run.sh": want, "compose.yaml": "# " + want + "\n", "data/seed": "changed by the app", "data/app.db": "orders"} {
		if files["source/"+name] != text {
			t.Errorf("killed when %s: %s is %q, want %q", step, name, files["source/"+name], text)
		}
	}
	for name := range files {
		if strings.HasPrefix(name, ".") {
			t.Errorf("killed when %s: %s is left", step, name)
		}
	}
	if p, err := store.Load("shop"); err != nil || len(p.Claims) != 1 {
		t.Errorf("killed when %s: %v %v", step, p.Claims, err)
	}
}
