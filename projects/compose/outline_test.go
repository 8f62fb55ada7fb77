package compose

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/templates"
)

// somebodys writes a folder of the imported files.
func somebodys(t *testing.T, files map[string]string) string {
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

// imported puts the imported files into the folder of a project named shop, as they would be imported.
func imported(t *testing.T, files map[string]string, choice importer.Choice) (dir string, o importer.Outline) {
	t.Helper()
	from := somebodys(t, files)
	names, err := Files(from)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = Outline(t.Context(), from, "shop", names); err != nil {
		t.Fatal(err)
	}
	if choice, err = o.Choose(choice.Service, choice.Port); err != nil {
		t.Fatal(err)
	}
	terms := importer.Terms{Project: templates.Project{
		Name: "shop", Template: "compose", Path: "/shop", Owner: "o@example.org", Created: "2026-11-20", Subnet: "10.213.0.0/27", Backend: "10.213.0.32/27",
	}, Files: names, Choice: choice}
	dir = t.TempDir()
	folder, err := importer.Open(from, importer.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Copy(t.Context(), filepath.Join(dir, importer.Source), nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{file: terms.Compose(), importer.Override: o.Override(terms)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, o
}

const shopFiles = `
name: myshop
services:
  debug: {image: d, profiles: [debug], ports: ["9000:9000"]}
  web:
    build: .
    container_name: shop
    ports: ["8080:3000", "127.0.0.1:9229:9229"]
    environment: {GREETING: "${GREETING:-none}"}
    depends_on: [api]
    volumes: ["./data:/data", "state:/state"]
  api:
    image: api:1
    container_name: shop-api
    labels: [some=thing]
    expose: [4000]
    mem_limit: 100m
    logging: {options: {max-size: 1m}}
volumes: {state: {}}
`

func TestOutline_IsWhatComposeMakesOfTheFiles(t *testing.T) {
	dir := somebodys(t, map[string]string{
		"compose.yaml": shopFiles, "Dockerfile": "FROM a AS b\nEXPOSE 1\nFROM scratch\nexpose 3000/tcp 53/udp\n",
		"compose.override.yaml": "services: {api: {expose: [4001]}}\n",
	})
	o, err := Outline(t.Context(), dir, "shop", []string{"compose.yaml", "compose.override.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Name != "myshop" || len(o.Services) != 2 {
		t.Fatalf("outline %+v", o)
	}
	if len(o.Off) != 1 || o.Off[0].Name != "debug" {
		t.Errorf("off %+v", o.Off)
	}
	api, web := o.Services[0], o.Services[1]
	if !slices.Equal(api.Exposed, []int{4000, 4001}) || api.Builds || api.Missing.Memory != 0 || api.Missing.CPUs != 1 || api.Missing.LogSize != "" || api.Missing.LogFiles != "3" {
		t.Errorf("api %+v", api)
	}
	want := []importer.Port{{Host: "8080", Inside: 3000}, {Host: "9229", Inside: 9229}}
	if !reflect.DeepEqual(web.Published, want) || !web.Builds || web.ContainerName != "shop" || !slices.Equal(web.Exposed, []int{3000}) || !slices.Equal(web.Networks, []string{"default"}) {
		t.Errorf("web %+v", web)
	}
	if mounts := o.Mounts(); len(mounts) != 1 || mounts[0].Path != filepath.Join(dir, "data") || mounts[0].ReadOnly {
		t.Errorf("mounts %v", mounts)
	}
}

func TestImported_PassesThePolicyAndIsWholeByItself(t *testing.T) {
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, o := imported(t, map[string]string{
		"compose.yaml": shopFiles, ".env": "GREETING=hello\nCOMPOSE_PROJECT_NAME=other\n", "Dockerfile": "FROM scratch\n",
	}, importer.Choice{Service: "web", Port: 3000})
	seen, err := c.Inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Added) > 0 || len(seen.Allowed) > 0 {
		t.Errorf("Compose alone would make less of it: %q %v", seen.Added, seen.Allowed)
	}
	project, err := c.load(t.Context(), dir, "shop")
	if err != nil {
		t.Fatal(err)
	}
	web, api := project.Services["web"], project.Services["api"]
	if project.Name != "shop" || len(web.Ports) > 0 || web.ContainerName != "" || api.ContainerName != "" || *web.Environment["GREETING"] != "hello" {
		t.Errorf("web %+v", web)
	}
	if web.Labels["gateway.path"] != "/shop" || web.Labels["gateway.port"] != "3000" || api.Labels["some"] != "thing" || api.Labels["gateway.path"] != "" {
		t.Errorf("labels %v %v", web.Labels, api.Labels)
	}
	if len(web.Networks) != 2 || len(api.Networks) != 1 || project.Networks["web"].Labels["gateway.role"] != "edge" ||
		project.Networks["default"].Ipam.Config[0].Subnet != "10.213.0.32/27" || project.Networks["web"].Ipam.Config[0].Subnet != "10.213.0.0/27" {
		t.Errorf("networks %v %v %v", web.Networks, api.Networks, project.Networks)
	}
	if web.Build.Context != filepath.Join(dir, "source") || web.Volumes[0].Source != filepath.Join(dir, "source", "data") {
		t.Errorf("paths %s %v", web.Build.Context, web.Volumes)
	}
	if web.Restart != "unless-stopped" || api.Restart != "" || api.MemLimit != 100<<20 || web.MemLimit != policy.DefaultMemory {
		t.Errorf("restart %q %q, memory %d", web.Restart, api.Restart, api.MemLimit)
	}
	if !o.NeedsBackend() {
		t.Error("the default network has addresses of its own")
	}
}

func TestImported_NamesSomebodysFilesInRefusals(t *testing.T) {
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		text, rule string
		line       int
	}{
		"privileged":        {"services:\n  web:\n    image: x\n    privileged: true\n", "privileged", 4},
		"socket":            {"services:\n  web:\n    image: x\n    volumes:\n      - /var/run/docker.sock:/s\n", "docker-socket", 5},
		"context outside":   {"services:\n  web:\n    build: ../../..\n", "build", 3},
		"dockerfile beside": {"services:\n  web:\n    build: {context: ., dockerfile: ../../../Dockerfile}\n", "build", 3},
		"build ssh":         {"services:\n  web:\n    build:\n      context: .\n      ssh: [default]\n", "build", 5},
		"host network":      {"services:\n  web: {image: x}\n  api:\n    image: x\n    network_mode: host\n", "namespaces", 5},
		"project folder":    {"services:\n  web:\n    image: x\n    volumes: ['..:/p']\n", "mounts", 4},
		"override":          {"services:\n  web:\n    image: x\n    volumes:\n      - ../gateway.yaml:/g\n", "mounts", 5},
		"whole source":      {"services:\n  web:\n    image: x\n    volumes: ['.:/app']\n", "mounts", 4},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := imported(t, map[string]string{"compose.yaml": bad.text}, importer.Choice{Service: "web", Port: 80})
			_, err := c.Inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
			refused, ok := err.(policy.Refused)
			if !ok {
				t.Fatalf("%v", err)
			}
			if !slices.ContainsFunc(refused, func(f policy.Finding) bool {
				return string(f.Rule) == bad.rule && f.Line == bad.line && f.File == filepath.Join(dir, "source", "compose.yaml")
			}) {
				t.Errorf("refused by %s", refused)
			}
		})
	}
}

func TestOutline_RefusesToReadOutsideTheFolder(t *testing.T) {
	for name, text := range map[string]string{
		"include":    "include: [../other.yaml]\nservices: {web: {image: x}}\n",
		"remote":     "include: ['https://example.org/compose.yaml']\nservices: {web: {image: x}}\n",
		"extends":    "services: {web: {extends: {file: /etc/passwd, service: x}}}\n",
		"self-trust": "x-gateway: {trust: [privileged]}\nservices: {web: {image: x, privileged: true}}\n",
	} {
		_, err := Outline(t.Context(), somebodys(t, map[string]string{"compose.yaml": text}), "shop", []string{"compose.yaml"})
		if _, ok := err.(policy.Refused); !ok || !strings.Contains(err.Error(), name) && name != "remote" && name != "extends" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFiles_AreThoseThatComposeReads(t *testing.T) {
	for name, c := range map[string]struct{ env, want string }{
		"the usual ones":     {"A=1\n", "compose.yaml compose.override.yaml"},
		"those of .env":      {"\ufeffMORE=prod.yaml\r\nCOMPOSE_FILE=compose.yaml:./sub/../${MORE}:sub/more.yaml\r\n", "compose.yaml prod.yaml sub/more.yaml"},
		"another separator":  {"COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=\"prod.yaml;${PWD}/compose.yaml\"\n", "prod.yaml compose.yaml"},
		"empty":              {"COMPOSE_FILE=\n", "compose.yaml compose.override.yaml"},
		"missing":            {"COMPOSE_FILE=compose.yaml:none.yaml\n", "there is no file none.yaml"},
		"outside":            {"COMPOSE_FILE=compose.yaml:../x.yaml\n", "../x.yaml is not in the folder"},
		"of a folder inside": {"COMPOSE_FILE=sub/more.yaml\n", "name that one"},
		"unreadable":         {"A=${B:?no}\n", ".env: failed to read"},
	} {
		dir := somebodys(t, map[string]string{"compose.yaml": "", "compose.override.yaml": "", "prod.yaml": "", "sub/more.yaml": "", ".env": c.env})
		files, err := Files(dir)
		if got := strings.Join(files, " "); got != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
	}
	if files, err := Files(somebodys(t, map[string]string{"Dockerfile": "FROM a\n"})); err != nil || len(files) > 0 {
		t.Errorf("a Dockerfile: %v %v", files, err)
	}
}

func TestImported_GrantsNothingBySomebodysOwnWord(t *testing.T) {
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := imported(t, map[string]string{"compose.yaml": "services: {web: {image: x}}\n"}, importer.Choice{Service: "web", Port: 80})
	text := "x-gateway: {trust: [privileged], owner: me}\nservices: {web: {image: x, privileged: true}}\n"
	if err := os.WriteFile(filepath.Join(dir, "source", "compose.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = c.Inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
	if err == nil || !strings.Contains(err.Error(), "rule self-trust") || !strings.Contains(err.Error(), "rule privileged") {
		t.Errorf("%v", err)
	}
}
