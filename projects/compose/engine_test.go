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
	l := newLane(t)
	c := l.compose
	dir := write(t, fmt.Sprintf(e2eFile, "one"))
	first := l.is(t, "up", c.Up(t.Context(), dir, e2eProject, UpOptions{}), "running")
	if again := l.is(t, "up again", c.Up(t.Context(), dir, e2eProject, UpOptions{}), "running"); again.ID != first.ID {
		t.Error("what was equal was replaced")
	}
	if forced := l.is(t, "up by force", c.Up(t.Context(), dir, e2eProject, UpOptions{Replace: []string{AllServices}}), "running"); forced.ID == first.ID {
		t.Error("force kept the container")
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprintf(e2eFile, "two")), 0o644); err != nil {
		t.Fatal(err)
	}
	if edited := l.is(t, "up after an edit", c.Up(t.Context(), dir, e2eProject, UpOptions{}), "running"); edited.Labels["test"] != "two" {
		t.Errorf("labels %v", edited.Labels)
	}
	l.is(t, "stop", c.Stop(t.Context(), e2eProject), "exited")
	l.is(t, "stop again", c.Stop(t.Context(), e2eProject), "exited")
	l.is(t, "start", c.Start(t.Context(), e2eProject), "running")
	l.is(t, "start again", c.Start(t.Context(), e2eProject), "running")
	l.is(t, "restart", c.Restart(t.Context(), e2eProject), "running")
	l.is(t, "stop before a restart", c.Stop(t.Context(), e2eProject), "exited")
	l.is(t, "restart of what was stopped", c.Restart(t.Context(), e2eProject), "running")
	awaitLog(t, c)
	if names, err := c.Volumes(t.Context(), e2eProject); err != nil || len(names) != 1 || names[0] != e2eProject+"_data" {
		t.Errorf("volumes %v %v", names, err)
	}
	refusesOverlap(t, c)
	l.is(t, "down", c.Down(t.Context(), e2eProject), "")
	l.is(t, "down again", c.Down(t.Context(), e2eProject), "")
	if names, err := c.Volumes(t.Context(), e2eProject); err != nil || len(names) != 0 {
		t.Errorf("down left volumes %v %v", names, err)
	}
	if l.events == 0 {
		t.Error("no event was told")
	}
}

// lane is the real engine with the image of the test's project.
type lane struct {
	engine  *docker.Client
	compose *Compose
	events  int
}

func newLane(t *testing.T) *lane {
	t.Helper()
	host, err := docker.ResolveHost(os.Getenv, os.Getenv("HOME"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{}
	if l.engine, err = docker.New(host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.engine.Close() })
	if l.compose, err = New(host, func(Event) { l.events++ }); err != nil {
		t.Fatal(err)
	}
	importSleeper(t, l.engine)
	t.Cleanup(func() {
		if err := l.compose.Down(context.WithoutCancel(t.Context()), e2eProject); err != nil {
			t.Error(err)
		}
	})
	return l
}

// is checks how a call ended: with the project's one container in that state, or with none when the state is empty.
func (l *lane) is(t *testing.T, what string, err error, state string) docker.Container {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	found, err := l.engine.Containers(t.Context(), "com.docker.compose.project="+e2eProject)
	if err != nil {
		t.Fatal(err)
	}
	if state == "" && len(found) == 0 {
		return docker.Container{}
	}
	if len(found) != 1 || found[0].State != state {
		t.Fatalf("%s: %+v, want one container that is %s", what, found, state)
	}
	return found[0]
}

func awaitLog(t *testing.T, c *Compose) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var lines []string
		if err := c.Logs(t.Context(), e2eProject, LogOptions{Tail: 5}, func(l Line) { lines = append(lines, l.Container+":"+l.Text) }); err != nil {
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
	if err := c.Up(t.Context(), dir, other, UpOptions{}); !errors.Is(err, ErrOverlap) {
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
	if _, err := engine.Images().Import(t.Context(), e2eImage, &rootfs, []string{`ENTRYPOINT ["/sleeper"]`}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Images().Remove(context.WithoutCancel(t.Context()), e2eImage); err != nil {
			t.Error(err)
		}
	})
}
