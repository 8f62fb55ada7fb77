package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shopFiles are a project of somebody's: a service that is published and named, one of its own, a volume, a bind mount.
const shopFiles = `# Mine.
name: myshop
services:
  web:
    build: .
    container_name: e2e-fixed
    ports: ["18999:3000"]
    environment: {PORT: "3000", NAME: "shop-${WORD}"}
    volumes: ["./data:/data", "state:/state"]
    depends_on: [api]
  api:
    image: gateway-e2e-app:latest
    environment: {PORT: "4000", NAME: api}
volumes: {state: {}}
`

// writeShop writes the imported folder.
func writeShop(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImport_ServesSomebodysComposeFileAsItIs(t *testing.T) {
	dir := t.TempDir()
	writeShop(t, dir, map[string]string{
		"compose.yaml": shopFiles, ".env": "WORD=one\n", "Dockerfile": "FROM gateway-e2e-app\nCOPY word /word\n", "word": "one", "data/seed": "one",
	})
	must(t, "add", "compose", "e2e-shop", "--from", dir, "--service", "web", "--path", "/e2e-shop")
	t.Cleanup(func() { gateway("rm", "e2e-shop", "--yes") })
	if a, err := get(base + "/e2e-shop/"); err != nil || !strings.Contains(a.body, "<h1>shop-one") {
		t.Fatalf("after add: %v %s", err, a.body)
	}
	source := filepath.Join(lane.projects, "e2e-shop", "source")
	if text, err := os.ReadFile(filepath.Join(source, "compose.yaml")); err != nil || string(text) != shopFiles {
		t.Errorf("the file was changed: %v\n%s", err, text)
	}
	if ports := docker(t, "port", "e2e-shop-web-1"); ports != "" {
		t.Errorf("it publishes %s", ports)
	}

	// What a container wrote stays, be it in a volume or in the folder; what somebody changed shows.
	writeShop(t, source, map[string]string{"data/orders": "of a container"})
	if err := os.Remove(filepath.Join(dir, "data", "seed")); err != nil {
		t.Fatal(err)
	}
	writeShop(t, dir, map[string]string{".env": "WORD=two\n", "word": "two"})
	volume := docker(t, "volume", "inspect", "-f", "{{.CreatedAt}}", "e2e-shop_state")
	must(t, "deploy", "e2e-shop", "--dir", dir)
	if a, err := get(base + "/e2e-shop/"); err != nil || !strings.Contains(a.body, "<h1>shop-two") {
		t.Errorf("after deploy: %v %s", err, a.body)
	}
	word, err := exec.Command("sh", "-c", "docker cp e2e-shop-web-1:/word - | tar -xO; docker cp e2e-shop-web-1:/data/orders - | tar -xO; docker cp e2e-shop-web-1:/data/seed - | tar -xO").Output()
	if err != nil || string(word) != "twoof a containerone" {
		t.Errorf("the container has %q %v", word, err)
	}
	if now := docker(t, "volume", "inspect", "-f", "{{.CreatedAt}}", "e2e-shop_state"); now != volume {
		t.Errorf("the volume of %s is of %s", volume, now)
	}

	// Equal files restart nothing, and others only what they change.
	api, web := containerOf(t, "e2e-shop-api-1"), containerOf(t, "e2e-shop-web-1")
	must(t, "deploy", "e2e-shop", "--dir", dir)
	if containerOf(t, "e2e-shop-api-1") != api || containerOf(t, "e2e-shop-web-1") != web {
		t.Error("equal files replaced a container")
	}
	failsToBuild(t, dir, source)
	if containerOf(t, "e2e-shop-api-1") != api || containerOf(t, "e2e-shop-web-1") != web {
		t.Error("a build that fails replaced a container")
	}
	must(t, "rollback", "e2e-shop")
	if a, err := get(base + "/e2e-shop/"); err != nil || !strings.Contains(a.body, "<h1>shop-one") {
		t.Errorf("after rollback: %v %s", err, a.body)
	}
	must(t, "rollback", "e2e-shop", "2")
	if containerOf(t, "e2e-shop-api-1") != api {
		t.Error("a rollback replaced a container that is equal in both versions")
	}
	must(t, "move", "e2e-shop", "--path", "/e2e-store")
	if a, err := get(base + "/e2e-store/"); err != nil || !strings.Contains(a.body, "<h1>shop-two") {
		t.Errorf("after move: %v %s", err, a.body)
	}
	must(t, "rm", "e2e-shop", "--yes")
	nothingOf(t, "e2e-shop")
	if left := docker(t, "image", "ls", "-q", "--filter", "label=com.docker.compose.project=e2e-shop"); left != "" {
		t.Errorf("images are left: %s", left)
	}
}

// containerOf is a container's id and when it was started.
func containerOf(t *testing.T, name string) string {
	t.Helper()
	return docker(t, "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", name)
}

// noMoreThan checks that there are no containers but those of before.
func noMoreThan(t *testing.T, before string) {
	t.Helper()
	for id := range strings.FieldsSeq(docker(t, "ps", "-aq")) {
		if !strings.Contains(before, id) {
			t.Errorf("container %s is left", id)
		}
	}
}

// failsToBuild deploys what cannot be built: it changes nothing, and leaves no container of its own.
func failsToBuild(t *testing.T, dir, source string) {
	t.Helper()
	containers := docker(t, "ps", "-aq")
	writeShop(t, dir, map[string]string{"Dockerfile": "FROM gateway-e2e-app\nRUN [\"/app\", \"probe\", \"http://127.0.0.1:1/\"]\n", "word": "three"})
	if _, stderr, err := gateway("deploy", "e2e-shop", "--dir", dir); err == nil || !strings.Contains(stderr, "returned a non-zero code") || !strings.Contains(stderr, "connection refused") {
		t.Errorf("a build that fails: %v\n%s", err, stderr)
	}
	noMoreThan(t, containers)
	if text, err := os.ReadFile(filepath.Join(source, "word")); err != nil || string(text) != "two" {
		t.Errorf("the source is of %q: %v", text, err)
	}
	if a, err := get(base + "/e2e-shop/"); err != nil || !strings.Contains(a.body, "<h1>shop-two") {
		t.Errorf("after that: %v %s", err, a.body)
	}
}

func TestImport_BuildsADockerfile(t *testing.T) {
	dir := t.TempDir()
	writeShop(t, dir, map[string]string{"Dockerfile": "FROM gateway-e2e-app\nENV NAME=built PORT=9000\nEXPOSE 9000\n"})
	must(t, "add", "compose", "--from", dir, "--path", "/e2e-built")
	t.Cleanup(func() { gateway("rm", "e2e-built", "--yes") })
	if a, err := get(base + "/e2e-built/"); err != nil || !strings.Contains(a.body, "<h1>built") {
		t.Errorf("after add: %v %s", err, a.body)
	}
	writeShop(t, dir, map[string]string{"Dockerfile": "FROM gateway-e2e-app\nENV NAME=again PORT=9000\n"})
	must(t, "deploy", "e2e-built", "--dir", dir)
	if a, err := get(base + "/e2e-built/"); err != nil || !strings.Contains(a.body, "<h1>again") {
		t.Errorf("after deploy: %v %s", err, a.body)
	}
	for _, want := range []string{"built", "again"} {
		must(t, "rollback", "e2e-built")
		if a, err := get(base + "/e2e-built/"); err != nil || !strings.Contains(a.body, "<h1>"+want) {
			t.Errorf("after rollback: %v %s", err, a.body)
		}
	}
}

func TestImport_LeavesNothingOfABuildThatFails(t *testing.T) {
	dir := t.TempDir()
	writeShop(t, dir, map[string]string{"Dockerfile": "FROM gateway-e2e-app\nRUN [\"/app\", \"probe\", \"http://127.0.0.1:1/\"]\n"})
	containers := docker(t, "ps", "-aq")
	if _, stderr, err := gateway("add", "compose", "--from", dir, "--port", "8000", "--path", "/e2e-broken"); err == nil || !strings.Contains(stderr, "building app") {
		t.Errorf("%v\n%s", err, stderr)
	}
	nothingOf(t, "e2e-broken")
	noMoreThan(t, containers)
}
