package project

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

// silent is an environment for an engine; nothing may be written in it.
func silent(t *testing.T, host string) *cli.Env {
	t.Helper()
	var out bytes.Buffer
	t.Cleanup(func() {
		if out.Len() > 0 {
			t.Errorf("an action wrote on the screen: %q", out.String())
		}
	})
	return &cli.Env{
		Out: &out, Err: &out, Getenv: func(string) string { return "" }, Executable: "/usr/bin/gateway",
		Interactive: true, Terminal: true, Hint: func(error) string { return "start Docker" },
		Global: cli.Globals{Host: host, Projects: t.TempDir()},
	}
}

func TestActions_SayHowToWorkOnAContainerWithoutAProject(t *testing.T) {
	engine := dockertest.Start(t)
	engine.AddContainer(dockertest.Container{Name: "hello", Labels: map[string]string{label.Path: "/hello"}})
	a, r := Actions(silent(t, engine.Host())), admin.Route{Key: "/hello", Service: "hello"}
	for name, do := range map[string]func(context.Context, admin.Route) error{
		"allowed": a.Allowed, "restart": a.Restart, "stop": a.Stop, "start": a.Start,
	} {
		if err := do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "work on it with docker: docker logs hello, docker stop hello") {
			t.Errorf("%s says %v", name, err)
		}
	}
	if err := a.Logs(t.Context(), r, func(string) {}); err != nil {
		t.Errorf("its logs: %v", err)
	}
}

func TestActions_AllowWhatHasAFolder(t *testing.T) {
	engine := dockertest.Start(t)
	env := silent(t, engine.Host())
	folder := filepath.Join(env.Global.Projects, "robots")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "compose.yaml"), []byte("name: robots\nservices: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := Actions(env)
	if err := a.Allowed(t.Context(), admin.Route{Project: "robots", Service: "site"}); err != nil {
		t.Errorf("it says %v", err)
	}
	for name, do := range map[string]func(context.Context, admin.Route) error{"restart": a.Restart, "start": a.Start} {
		if err := do(t.Context(), admin.Route{Project: "robots"}); err == nil || !strings.Contains(err.Error(), "gateway deploy robots") {
			t.Errorf("without containers %s says %v", name, err)
		}
	}
}

func TestActions_SayThatThereIsNoEngine(t *testing.T) {
	env := silent(t, "unix://"+filepath.Join(t.TempDir(), "gone.sock"))
	a, r := Actions(env), admin.Route{Key: "/hello", Service: "hello"}
	logs := func(ctx context.Context, r admin.Route) error { return a.Logs(ctx, r, func(string) {}) }
	for name, do := range map[string]func(context.Context, admin.Route) error{
		"allowed": a.Allowed, "restart": a.Restart, "stop": a.Stop, "start": a.Start, "logs": logs,
	} {
		if err := do(t.Context(), r); err == nil || !strings.HasSuffix(err.Error(), "; start Docker") {
			t.Errorf("%s says %v, want the engine and the hint", name, err)
		}
	}
}

func TestActions_PauseAndResumeByTheGateway(t *testing.T) {
	env := silent(t, "unix:///nowhere")
	env.Global.Socket = filepath.Join(t.TempDir(), "admin.sock")
	listener, err := net.Listen("unix", env.Global.Socket)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
		_, _ = io.WriteString(w, "{}")
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	a, r := Actions(env), admin.Route{Key: "/blog"}
	if err := a.Pause(t.Context(), r); err != nil {
		t.Error(err)
	}
	if err := a.Resume(t.Context(), r); err != nil {
		t.Error(err)
	}
	want := []string{`PUT /v1/pause?route=%2Fblog {"waiting":0,"wait_ms":30000}`, "DELETE /v1/pause?route=%2Fblog"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestActions_RunTheShellWithTheSameFlags(t *testing.T) {
	env := silent(t, "tcp://engine:2375")
	env.Global.Socket = "/run/other.sock"
	shell := Actions(env).Shell(t.Context(), "blog-web-1")
	want := []string{
		"/usr/bin/gateway", "--socket", "/run/other.sock", "--projects", env.Global.Projects, "--docker-host", "tcp://engine:2375",
		"shell", "--", "blog-web-1",
	}
	if !slices.Equal(shell.Args, want) {
		t.Errorf("it runs %q, want %q", shell.Args, want)
	}
}

func TestShellOf_TakesTheBestThatTheImageHas(t *testing.T) {
	engine := dockertest.Start(t)
	engine.AddContainer(dockertest.Container{Name: "web", Image: "web:1"})
	engine.AddContainer(dockertest.Container{Name: "idle", Image: "web:1", Stopped: true})
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for name, want := range map[string]string{
		"web": "container web has no shell: its image web:1 has no /bin/sh", "idle": "container idle is created", "none": "none",
	} {
		if shell, err := shellOf(t.Context(), client, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v, want %q", name, shell, err, want)
		}
	}
	engine.Program("/bin/sh", dockertest.Program{Exec: func(p dockertest.Process) int {
		fmt.Fprintln(p.Stdout, "/usr/bin/bash")
		return 0
	}})
	if shell, err := shellOf(t.Context(), client, "web"); err != nil || shell != "/usr/bin/bash" {
		t.Errorf("it takes %q, %v", shell, err)
	}
}
