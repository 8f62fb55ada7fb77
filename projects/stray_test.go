package projects

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

func composed(project, dir string, labels ...string) docker.Container {
	c := docker.Container{Name: project + "-web-1", State: "running", Labels: map[string]string{composeProject: project, composeDir: dir, composeService: "web"}}
	for _, l := range labels {
		c.Labels[l] = "/" + project
	}
	return c
}

func TestStrays_SayWhatRunsWithoutAFolderHere(t *testing.T) {
	root, other := t.TempDir(), filepath.Join(t.TempDir(), "projects")
	store := Store{root}
	folder := func(dir, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ComposeFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder(filepath.Join(root, "robots"), "name: robots\n")
	folder(filepath.Join(root, "store"), "name: shop\n")
	folder(filepath.Join(other, "club"), "name: club\n")
	mine := composed("ada", "/home/ada/app", label.Path)
	alone := docker.Container{Name: "web", Labels: map[string]string{label.Path: "/web"}}
	proxy := docker.Container{Name: "gateway-proxy", Labels: map[string]string{label.Role: label.RoleProxy}}
	edge := func(project string) docker.Network {
		return docker.Network{Name: project + "_web", Labels: map[string]string{composeProject: project, label.Role: label.RoleEdge}}
	}
	containers := []docker.Container{
		composed("robots", filepath.Join(root, "robots"), label.Path), composed("shop", filepath.Join(root, "shop"), label.Path),
		composed("lost", filepath.Join(root, "lost"), label.Path), composed("lost", filepath.Join(root, "lost")),
		composed("club", filepath.Join(other, "club"), label.Path), composed("away", "/srv/none/away"), mine, alone, proxy,
		composed("strange", "/home/eve/strange"),
		{Name: "db"},
	}
	networks := []docker.Network{edge("club"), edge("away"), edge("shop"), {Name: "bridge"}}
	want := map[string]struct {
		kind      StrayKind
		says, fix string
	}{
		"shop": {Orphan, "the folder store says name: shop", "mv " + filepath.Join(root, "store") + " " + filepath.Join(root, "shop")},
		"lost": {Orphan, "has lost its folder " + filepath.Join(root, "lost") + ", and its containers run", "put the folder back"},
		"club": {Elsewhere, "belongs to " + other, "--projects " + other},
		"away": {Orphan, "has lost its folder /srv/none/away", "put the folder back"},
		"ada":  {Composed, "started with Docker Compose in /home/ada/app", "docker compose -p ada"},
		"web":  {Single, "is a container without a project", "docker logs web"},
	}
	here, err := store.List()
	if err != nil {
		t.Fatal(err)
	}
	all := store.Strays(here, containers, networks, false)
	if len(all) != len(want) {
		t.Errorf("%d strays, want %d", len(all), len(want))
	}
	for _, s := range all {
		w := want[s.Name]
		if s.Kind != w.kind || !strings.Contains(s.Message(), w.says) || !strings.Contains(s.Fix(), w.fix) {
			t.Errorf("%s is %s: %v, want %+v", s.Name, s.Kind, s, w)
		}
		if strings.Contains(s.Error(), " rm ") {
			t.Errorf("%s: %v would lose data", s.Name, s)
		}
	}
	// An engine elsewhere has folders that are not seen here.
	for _, s := range store.Strays(here, containers, networks, true) {
		if s.Name == "away" && (s.Kind != Elsewhere || !strings.Contains(s.Message(), "/srv/none")) {
			t.Errorf("on another machine away is %s: %v ", s.Kind, s)
		}
	}
}

func TestMisnamed_AdvisesToRenameTheFolderBack(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"name: shop\n":          "folder store says name: shop in its compose.yaml, and they have to be equal; rename the folder back: mv " + dir + " " + filepath.Join(root, "shop"),
		"name: \"$(reboot)\"\n": "write name: store",
		"name: ../../etc\n":     "write name: store",
		"name: \"a\\nb\"\n":     "write name: store",
	} {
		if err := os.WriteFile(filepath.Join(dir, ComposeFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Store{root}.Load("store")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "mv ") > 1 {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestProject_FixFitsWhatIsWrong(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"Old Stuff", "empty", "broken"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "broken", ComposeFile), []byte("x-gateway: {end: 1}"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := Store{root}.List()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for i, want := range []string{"rename the folder, or move it out of " + root, "edit the file, then: gateway deploy broken", "put the file back"} {
		if got := all[i].Fix(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", all[i].Name, got, want)
		}
	}
}

func TestRunning_NamesWhoseContainersTheyAre(t *testing.T) {
	here, other := filepath.Join(t.TempDir(), "club"), filepath.Join(t.TempDir(), "club")
	for _, dir := range []string{here, other} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	edge := docker.Network{Labels: map[string]string{label.Role: label.RoleEdge}}
	for want, r := range map[string]Running{
		"club belongs to " + filepath.Dir(other) + "; name that folder: --projects": {Containers: []docker.Container{composed("club", other)}, Networks: []docker.Network{edge}},
		"docker compose -p club":                               {Containers: []docker.Container{composed("club", other)}},
		"move the folder back: mv " + here + " /srv/none/club": {Containers: []docker.Container{composed("club", "/srv/none/club")}},
	} {
		if err := r.foreign("club", here); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// By hand, docker compose is run in the source of imported files.
	for _, from := range []string{here, filepath.Join(here, "source")} {
		if err := (Running{Containers: []docker.Container{composed("club", from)}}).foreign("club", here); err != nil {
			t.Error(err)
		}
	}
}
