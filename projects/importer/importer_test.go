package importer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"gateway/projects/policy"
	"gateway/templates"
)

// folder writes a folder: files by path, links by a text that begins with "->".
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, isLink := strings.CutPrefix(text, "->"); isLink {
			err = os.Symlink(to, at)
		} else {
			err = os.WriteFile(at, []byte(text), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind_TakesFilesInTheOrderOfCompose(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"one":                {[]string{"compose.yaml"}, "compose.yaml"},
		"old and new":        {[]string{"docker-compose.yml", "compose.yml", "Dockerfile"}, "compose.yml"},
		"with an override":   {[]string{"docker-compose.yaml", "docker-compose.override.yml", "compose.override.yaml"}, "docker-compose.yaml compose.override.yaml"},
		"Dockerfile":         {[]string{"Dockerfile", "compose.override.yaml"}, ""},
		"nothing":            {[]string{"README.md"}, "none of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml and no Dockerfile"},
		"a folder as a file": {[]string{"compose.yaml/x", "Dockerfile"}, ""},
	} {
		files := map[string]string{}
		for _, file := range c.files {
			files[file] = "x"
		}
		found, err := Find(folder(t, files))
		if got := strings.Join(found, " "); got != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
	}
}

func TestChoose_GuessesOnlyWhereThereIsOne(t *testing.T) {
	web := Service{Name: "web", Published: []Port{{Host: "8080", Inside: 3000}}}
	api := Service{Name: "api", Builds: true, Exposed: []int{4000, 4001}}
	db := Service{Name: "db", Image: "db"}
	for name, c := range map[string]struct {
		services []Service
		service  string
		port     int
		want     Choice
		err      string
	}{
		"the only one":            {[]Service{db}, "", 5, Choice{"db", 5}, ""},
		"the only published":      {[]Service{api, db, web}, "", 0, Choice{"web", 3000}, ""},
		"the only exposed":        {[]Service{api, db}, "", 80, Choice{"api", 80}, ""},
		"several ports":           {[]Service{api, db}, "", 0, Choice{}, "--port is missing, since service api has several: 4000, 4001"},
		"given":                   {[]Service{api, web}, "api", 4001, Choice{"api", 4001}, ""},
		"given wrongly":           {[]Service{api, web}, "wbe", 0, Choice{}, "there are: api (4000, 4001), web (3000)"},
		"several published":       {[]Service{web, {Name: "admin", Published: []Port{{Inside: 9000}}}, db}, "", 0, Choice{}, "--service is missing, since several services could be meant: web (3000), admin (9000), db (no port)"},
		"UDP is no HTTP":          {[]Service{db, {Name: "dns", Published: []Port{{Inside: 53, UDP: true}}}}, "", 0, Choice{}, "--service is missing"},
		"one port twice":          {[]Service{{Name: "a", Published: []Port{{"80", 1, false}, {"81", 1, false}}}}, "", 0, Choice{"a", 1}, ""},
		"by its label":            {[]Service{web, {Name: "x", Labels: map[string]string{"gateway.path": "/y", "gateway.port": "7"}}}, "", 0, Choice{"x", 7}, ""},
		"a label that is none":    {[]Service{{Name: "x", Labels: map[string]string{"gateway.port": "http"}}}, "", 0, Choice{}, `"http" is no port`},
		"nothing known":           {[]Service{db}, "", 0, Choice{"db", 0}, ""},
		"no service":              {nil, "", 0, Choice{}, "no service that would run"},
		"out of reach":            {[]Service{{Name: "x", NetworkMode: "service:db"}}, "", 1, Choice{}, "network_mode service:db"},
		"on Docker's own network": {[]Service{{Name: "x", NetworkMode: "bridge"}}, "", 1, Choice{}, "network_mode bridge"},
	} {
		got, err := Outline{Services: c.services}.Choose(c.service, c.port)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v %v, want %v %q", name, got, err, c.want, c.err)
		}
	}
}

func TestOpen_RefusesWhatLeadsOut(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"up":       {map[string]string{"a/link": "->../../x"}, "the link a/link cannot be followed inside the folder"},
		"absolute": {map[string]string{"link": "->/etc/passwd"}, "the link link cannot be followed"},
		"chained":  {map[string]string{"a": "->b", "b": "->../.."}, "cannot be followed"},
		"many":     {map[string]string{"a": "", "b": "", "c": "", "d": ""}, "more than 3 files"},
		"large":    {map[string]string{"a": strings.Repeat("x", 2<<20)}, "more than 1 MiB"},
	} {
		if _, err := Open(folder(t, c.files), Limits{Files: 3, Bytes: 1 << 20}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCopy_IsByteForByte(t *testing.T) {
	from := folder(t, map[string]string{
		"a/run.sh": "#!/bin/sh\r\n\x00", ".env": "A=1", "a/.git/HEAD": "x", ".git/HEAD": "x", "a/link": "->run.sh", "up": "->a", "later": "->built/x", "data/keep": "mine",
	})
	if err := os.Chmod(filepath.Join(from, "a", "run.sh"), 0o4755); err != nil {
		t.Fatal(err)
	}
	f, err := Open(from, Limits{})
	if err != nil || f.Files != 3 || !slices.Equal(f.Skipped, []string{".git", "a/.git"}) {
		t.Fatalf("%+v %v", f, err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := f.Copy(t.Context(), to, func(name string) bool { return strings.HasPrefix(name, "data") }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(to, "up", "link"))
	if err != nil || string(text) != "#!/bin/sh\r\n\x00" {
		t.Errorf("%q %v", text, err)
	}
	was, _ := os.Stat(filepath.Join(from, "a", "run.sh"))
	is, err := os.Stat(filepath.Join(to, "a", "run.sh"))
	if err != nil || is.Mode() != 0o755 || !is.ModTime().Equal(was.ModTime()) {
		t.Errorf("%v %v", is.Mode(), is.ModTime())
	}
	if info, err := os.Stat(filepath.Join(to, ".env")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a secret became readable: %v", err)
	}
	if link, err := os.Readlink(filepath.Join(to, "later")); err != nil || link != "built/x" {
		t.Errorf("%s %v", link, err)
	}
	for _, name := range []string{".git", "a/.git", "data"} {
		if _, err := os.Lstat(filepath.Join(to, name)); err == nil {
			t.Errorf("%s was copied", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Copy(ended, filepath.Join(t.TempDir(), "copy"), nil); err == nil {
		t.Error("copied by somebody who gave up")
	}
}

// odd is what may stand in a name or a label and would mean something in YAML or to Compose.
const odd = "\"x\" \\ 'y' #c key: [v] ${HOME} $$ &a *b !c %d 로봇"

func TestOverride_QuotesWhatItIsGiven(t *testing.T) {
	o := Outline{Networks: []string{"web", "edge"}, Services: []Service{{Name: odd, Networks: []string{"edge"}, ContainerName: "x", Missing: Missing{Memory: 1, CPUs: 1, Pids: 1, Deploy: true, NoNewPrivileges: true, CapDrop: "MKNOD", LogSize: "1m", LogFiles: "1"}}, {Name: "db"}}}
	terms := Terms{
		Project: templates.Project{Name: odd, Path: odd, Owner: odd, Subnet: odd, Backend: odd}, Files: []string{odd},
		Choice: Choice{odd, 80}, Labels: map[string]string{odd: odd},
	}
	var override struct {
		Services map[string]struct {
			Labels   map[string]string
			Networks map[string]any
		}
		Networks map[string]any
	}
	if err := yaml.Unmarshal(o.Override(terms), &override); err != nil {
		t.Fatal(err)
	}
	said := strings.ReplaceAll(odd, "$", "$$")
	s, ok := override.Services[odd]
	if !ok || s.Labels["gateway.path"] != said || s.Labels["gateway.owner"] != said || s.Labels[odd] != said || len(override.Services) != 2 {
		t.Errorf("services %v", override.Services)
	}
	// The files have networks of both of the first names, and db is on the default one.
	if _, ok := s.Networks["gateway"]; !ok || len(s.Networks) != 2 || len(override.Networks) != 2 {
		t.Errorf("networks %v of %v", s.Networks, override.Networks)
	}
	var compose struct {
		Name    string
		Include []struct{ Path []string }
	}
	if err := yaml.Unmarshal(terms.Compose(), &compose); err != nil || compose.Name != said || compose.Include[0].Path[0] != "source/"+odd {
		t.Errorf("%+v %v", compose, err)
	}
}

func TestOverride_LeavesWhatTrustAllows(t *testing.T) {
	o := Outline{
		Services: []Service{{Name: "web", ContainerName: "fixed", Published: []Port{{"8080", 80, false}}}},
		Off:      []Service{{Name: "debug", Published: []Port{{"9229", 9229, false}}}, {Name: "other", Networks: []string{"x"}}},
	}
	terms := Terms{Choice: Choice{"web", 80}}
	if text := string(o.Override(terms)); strings.Count(text, "ports: !reset []") != 2 || !strings.Contains(text, "container_name: !reset null") || strings.Contains(text, `"other"`) {
		t.Errorf("without trust:\n%s", text)
	}
	terms.Trust = policy.Trust{policy.Ports, policy.ContainerName}
	if text := string(o.Override(terms)); strings.Contains(text, "!reset") || len(o.Notes(terms)) > 0 {
		t.Errorf("with trust: %q\n%s", o.Notes(terms), text)
	}
}

func TestOverride_KeepsTheNamesOfContainersAsAliases(t *testing.T) {
	o := Outline{Networks: []string{"back", "front"}, Services: []Service{
		{Name: "api", ContainerName: "shop-api"},
		{Name: "both", ContainerName: "shop-both", Networks: []string{"back", "default", "front"}},
		{Name: "db", ContainerName: "api"},
		{Name: "plain"},
		{Name: "side", ContainerName: "shop-side", NetworkMode: "service:api"},
		{Name: "web", ContainerName: "shop.example.org", Networks: []string{"front"}},
	}, Off: []Service{{Name: "debug", ContainerName: "shop-debug"}}}
	type file struct {
		Services map[string]struct {
			Networks map[string]struct{ Aliases []string }
		}
	}
	read := func(o Outline, terms Terms) file {
		t.Helper()
		var f file
		if err := yaml.Unmarshal(o.Override(terms), &f); err != nil {
			t.Fatalf("%v:\n%s", err, o.Override(terms))
		}
		return f
	}
	f := read(o, Terms{Choice: Choice{"web", 80}})
	for service, want := range map[string]string{
		"api": "default=shop-api", "both": "back=shop-both default=shop-both front=shop-both", "db": "", "plain": "", "side": "",
		"web": "front=shop.example.org web=", "debug": "default=shop-debug",
	} {
		var got []string
		for network, endpoint := range f.Services[service].Networks {
			got = append(got, network+"="+strings.Join(endpoint.Aliases, ","))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", service, got, want)
		}
	}
	alone := Outline{Services: []Service{{Name: "api", ContainerName: "shop-api"}}}
	if got := read(alone, Terms{Choice: Choice{"api", 80}}).Services["api"].Networks; len(got) != 1 || !slices.Equal(got["web"].Aliases, []string{"shop-api"}) {
		t.Errorf("alone: %v", got)
	}
	if got := read(o, Terms{Choice: Choice{"web", 80}, Trust: policy.Trust{policy.ContainerName}}).Services["api"].Networks; len(got) > 0 {
		t.Errorf("with trust: %v", got)
	}
}

func TestNotes_SayWhatBecomesOfPorts(t *testing.T) {
	o := Outline{Name: "mine", Services: []Service{
		{Name: "db", Published: []Port{{"5432", 5432, false}}},
		{Name: "web", ContainerName: "fixed", Published: []Port{{"8080", 3000, false}}, Labels: map[string]string{"gateway.path": "/old"}},
	}}
	notes := strings.Join(o.Notes(Terms{Project: templates.Project{Name: "shop", Path: "/shop"}, Choice: Choice{"web", 3000}}), "\n")
	for _, want := range []string{
		"called shop, not mine", "service web: port 8080 is not published any more: the gateway reaches the service at 3000",
		"service db: port 5432 is not published any more; the project's own services still reach it", "not called fixed any more", "served at /shop, not at /old",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in:\n%s", want, notes)
		}
	}
}
