package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

// lane is an engine that the contract suite runs against.
type lane struct {
	client *docker.Client
	// memory is nil for the real engine.
	memory *dockertest.Engine
	image  string
	// http reaches the engine without the client under test, to arrange and to look.
	http *http.Client
}

// probeChanges make the probe's binary an image.
var probeChanges = []string{`ENTRYPOINT ["/probe"]`, "EXPOSE 8080", `LABEL suite=contract`}

// TestMain removes what the real engine's lane made once for all tests.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "ssh" {
		os.Exit(playSSH())
	}
	if !real() {
		fmt.Fprintln(os.Stderr, "proxy/docker: GATEWAY_E2E is not 1: the contract suite ran on the engine in memory alone")
	}
	code := m.Run()
	if real() {
		if l, err := realLane(); err == nil {
			_ = l.client.Images().Remove(context.Background(), l.image)
		}
	}
	os.Exit(code)
}

// real reports whether the real engine's lane is on. A missing engine is a failure then.
func real() bool { return os.Getenv("GATEWAY_E2E") == "1" }

// TestContract_RealEngine says in the list of tests whether the suite ran there.
func TestContract_RealEngine(t *testing.T) {
	if !real() {
		t.Skip("GATEWAY_E2E is not 1: nothing ran on a real engine")
	}
	if _, err := realLane(); err != nil {
		t.Fatal(err)
	}
}

// each runs a test against the engine in memory, as the oldest and as a new version, and against the real engine.
func each(t *testing.T, test func(*testing.T, *lane)) {
	for _, version := range []struct{ engine, api string }{{"20.10.24", "1.41"}, {"29.0.0", "1.52"}} {
		t.Run("memory"+version.api, func(t *testing.T) {
			l := memoryLane(t)
			l.memory.SetVersion(version.engine, version.api)
			test(t, l)
		})
	}
	if !real() {
		return
	}
	t.Run("real", func(t *testing.T) {
		l, err := realLane()
		if err != nil {
			t.Fatal(err)
		}
		test(t, l)
	})
}

func memoryLane(tb testing.TB) *lane {
	engine := dockertest.Start(tb)
	engine.Program("/probe", probe)
	l, err := newLane(engine.Host())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.client.Close() })
	l.memory, l.image = engine, "probe:1"
	if _, err := l.client.Images().Import(context.Background(), l.image, strings.NewReader(""), probeChanges); err != nil {
		tb.Fatal(err)
	}
	return l
}

// realLane prepares the real engine once.
var realLane = sync.OnceValues(func() (*lane, error) {
	home, _ := os.UserHomeDir()
	host, err := docker.ResolveHost(os.Getenv, home)
	if err != nil {
		return nil, err
	}
	l, err := newLane(host)
	if err != nil {
		return nil, err
	}
	l.image = unique("probe") + ":1"
	rootfs, err := probeRootfs()
	if err != nil {
		return nil, err
	}
	_, err = l.client.Images().Import(context.Background(), l.image, rootfs, probeChanges)
	return l, err
})

func newLane(host string) (*lane, error) {
	client, err := docker.New(host)
	if err != nil {
		return nil, err
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil, fmt.Errorf("the contract suite needs an engine on a unix socket, not on %s", host)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &lane{client: client, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

// probeRootfs builds the probe and packs it.
func probeRootfs() (io.Reader, error) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the probe: %w: %s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "probe"))
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	archive := tar.NewWriter(&packed)
	err = errors.Join(
		archive.WriteHeader(&tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o777}),
		archive.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(binary))}),
	)
	_, werr := archive.Write(binary)
	return &packed, errors.Join(err, werr, archive.Close())
}

// unique is a name that no other run uses.
func unique(what string) string { return "gwcontract-" + what + "-" + strings.ToLower(rand.Text()[:8]) }

// raw makes a call to the engine past the client under test.
func (l *lane) raw(t *testing.T, method, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://engine"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s: %s: %v", method, path, resp.Status, body, err)
	}
	return body
}

// look reads what the engine says about something into a value.
func (l *lane) look(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(l.raw(t, http.MethodGet, path), into); err != nil {
		t.Fatal(err)
	}
}

// run runs a container of the probe and removes it after the test.
func (l *lane) run(t *testing.T, spec docker.Spec) docker.Container {
	t.Helper()
	if spec.Name == "" {
		spec.Name = unique("box")
	}
	if spec.Image == "" {
		spec.Image = l.image
	}
	id, err := l.client.Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.remove(t, id) })
	c, err := l.client.Container(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *lane) remove(t *testing.T, id string) {
	t.Helper()
	if err := l.client.Remove(context.Background(), id, 0); err != nil && !errors.Is(err, docker.ErrUnreachable) {
		t.Error(err)
	}
}

// network creates a network and removes it after the test.
func (l *lane) network(t *testing.T, spec docker.NetworkSpec) (name, id string) {
	t.Helper()
	if spec.Name == "" {
		spec.Name = unique("net")
	}
	id, err := l.client.CreateNetwork(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.client.RemoveNetwork(context.Background(), id); err != nil && !errors.Is(err, docker.ErrUnreachable) {
			t.Error(err)
		}
	})
	return spec.Name, id
}

// listed finds a container in a listing.
func (l *lane) listed(t *testing.T, id string) docker.Container {
	t.Helper()
	list, err := l.client.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("container %s is not listed", id)
	return docker.Container{}
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not reached: %s", what)
		}
	}
}

// probe plays testdata/probe in the engine in memory.
var probe = dockertest.Program{
	Main: func(p dockertest.Process) (int, bool) {
		switch p.Args[0] {
		case "serve":
			fmt.Fprintln(p.Stdout, "serving")
			return 0, true
		case "deaf":
			fmt.Fprintln(p.Stdout, "deaf")
			return 0, true
		}
		return probeExec(p), false
	},
	Signal: func(args []string, number string, stdout io.Writer) (int, bool) {
		switch {
		case args[0] == "deaf" && number == "15":
			fmt.Fprintln(stdout, "what?")
			return 0, false
		case number == "15":
			fmt.Fprintln(stdout, "bye")
			return 0, true
		}
		return 2, true
	},
	Exec: probeExec,
}

func probeExec(p dockertest.Process) int {
	switch p.Args[0] {
	case "lines":
		var count int
		_, _ = fmt.Sscan(p.Args[1], &count)
		for i := range count {
			to := []io.Writer{p.Stdout, p.Stderr}[i%2]
			fmt.Fprintf(to, "line %d\n", i+1)
		}
		return 0
	case "exit":
		var code int
		_, _ = fmt.Sscan(p.Args[1], &code)
		return code
	case "cat":
		if _, err := io.Copy(p.Stdout, p.Stdin); err != nil {
			return 1
		}
		return 0
	case "fail":
		fmt.Fprintln(p.Stderr, "it went wrong")
		return 3
	}
	return 64
}
