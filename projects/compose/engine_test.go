package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
)

const (
	e2eProject = "gw-compose-test"
	e2eImage   = "gw-compose-test:latest"
)

const e2eFile = `
services:
  app:
    image: ` + e2eImage + `
    pull_policy: never
    networks: [web]
    volumes: [data:/data]
    labels: {test: %q}
networks:
  web:
    labels: {gateway.role: backend}
    ipam: {config: [{subnet: 10.213.255.224/27}]}
volumes:
  data: {}
`

// TestEngine_LivesThroughAProjectsLife is on by GATEWAY_E2E=1; then a missing engine is a failure.
func TestEngine_LivesThroughAProjectsLife(t *testing.T) {
	if os.Getenv("GATEWAY_E2E") != "1" {
		t.Skip("GATEWAY_E2E=1 turns it on")
	}
	host, err := docker.ResolveHost(os.Getenv, os.Getenv("HOME"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := docker.New(host)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	var events []Event
	c, err := New(host, func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	importSleeper(t, engine)
	dir := write(t, fmt.Sprintf(e2eFile, "one"))
	t.Cleanup(func() {
		if err := c.Down(context.WithoutCancel(t.Context()), e2eProject); err != nil {
			t.Error(err)
		}
	})
	step := func(what string, err error, state string, count int) docker.Container {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		found, err := engine.Containers(t.Context(), "com.docker.compose.project="+e2eProject)
		if err != nil || len(found) != count {
			t.Fatalf("%s: %v %+v, want %d", what, err, found, count)
		}
		if count == 0 {
			return docker.Container{}
		}
		if found[0].State != state {
			t.Fatalf("%s: it is %s, want %s", what, found[0].State, state)
		}
		return found[0]
	}
	first := step("up", c.Up(t.Context(), dir, e2eProject, false), "running", 1)
	if again := step("up again", c.Up(t.Context(), dir, e2eProject, false), "running", 1); again.ID != first.ID {
		t.Error("what was equal was replaced")
	}
	forced := step("up by force", c.Up(t.Context(), dir, e2eProject, true), "running", 1)
	if forced.ID == first.ID {
		t.Error("force kept the container")
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprintf(e2eFile, "two")), 0o644); err != nil {
		t.Fatal(err)
	}
	if edited := step("up after an edit", c.Up(t.Context(), dir, e2eProject, false), "running", 1); edited.Labels["test"] != "two" {
		t.Errorf("labels %v", edited.Labels)
	}
	step("stop", c.Stop(t.Context(), e2eProject), "exited", 1)
	step("stop again", c.Stop(t.Context(), e2eProject), "exited", 1)
	step("start", c.Start(t.Context(), e2eProject), "running", 1)
	step("start again", c.Start(t.Context(), e2eProject), "running", 1)
	awaitLog(t, c)
	if names, err := c.Volumes(t.Context(), e2eProject); err != nil || len(names) != 1 || names[0] != e2eProject+"_data" {
		t.Errorf("volumes %v %v", names, err)
	}
	refusesOverlap(t, c)
	step("down", c.Down(t.Context(), e2eProject), "", 0)
	step("down again", c.Down(t.Context(), e2eProject), "", 0)
	if names, err := c.Volumes(t.Context(), e2eProject); err != nil || len(names) != 0 {
		t.Errorf("down left volumes %v %v", names, err)
	}
	if len(events) == 0 {
		t.Error("no event was told")
	}
}

func awaitLog(t *testing.T, c *Compose) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var lines []string
		if err := c.Logs(t.Context(), e2eProject, 5, false, func(l Line) { lines = append(lines, l.Container+":"+l.Text) }); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(lines, "\n"), "app-1:sleeping") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("logs: %q", lines)
		}
	}
}

func refusesOverlap(t *testing.T, c *Compose) {
	t.Helper()
	other := e2eProject + "-other"
	dir := write(t, fmt.Sprintf(e2eFile, "other"))
	if err := c.Up(t.Context(), dir, other, false); !errors.Is(err, ErrOverlap) {
		t.Errorf("a subnet that is in use: %v", err)
	}
	if err := c.Down(t.Context(), other); err != nil {
		t.Error(err)
	}
}

// importSleeper makes an image of one static binary that says a word and waits.
func importSleeper(t *testing.T, engine *docker.Client) {
	t.Helper()
	dir := t.TempDir()
	const program = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	fmt.Println("sleeping")
	<-end
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "sleeper"), filepath.Join(dir, "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "sleeper"))
	if err != nil {
		t.Fatal(err)
	}
	var rootfs bytes.Buffer
	w := tar.NewWriter(&rootfs)
	if err := w.WriteHeader(&tar.Header{Name: "sleeper", Mode: 0o755, Size: int64(len(binary))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.ImportImage(t.Context(), e2eImage, &rootfs, []string{`ENTRYPOINT ["/sleeper"]`}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", e2eImage).Run() })
}
