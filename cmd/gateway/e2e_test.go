package main_test

import (
	"bytes"
	"context"
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
	"testing"
	"time"
)

// The end-to-end lane drives the built binary as an admin would, on a Docker engine that it restarts: the one that
// testdata/engine.sh runs it on. It is on by GATEWAY_E2E=1; then a missing engine, or a gateway that is already running,
// is a failure.

const (
	// base is where the lane's gateway is published.
	base     = "http://127.0.0.1:18080"
	port     = "18080"
	appImage = "gateway-e2e-app:latest"
	// patience bounds every wait for something that must come true.
	patience = 30 * time.Second
)

// lane is what all tests share.
var lane struct{ binary, projects string }

func TestMain(m *testing.M) {
	if os.Getenv("GATEWAY_E2E") != "1" {
		fmt.Fprintln(os.Stderr, "e2e: off, no test was run; GATEWAY_E2E=1 turns the lane on")
		return
	}
	dir, err := os.MkdirTemp("", "gateway-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code := 1
	if err := setUp(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	} else {
		code = m.Run()
	}
	if err := tearDown(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(dir string) error {
	lane.binary = filepath.Join(dir, "gateway")
	lane.projects = filepath.Join(dir, "projects")
	if out, err := exec.Command("docker", "ps", "-aq", "--filter", "name=^gateway-(proxy|agent)$").CombinedOutput(); err != nil || len(out) > 0 {
		return fmt.Errorf("the engine must run and have no gateway; run the lane by testdata/engine.sh: %s %w", out, errors.Join(err))
	}
	if err := build(lane.binary, "."); err != nil {
		return err
	}
	app := filepath.Join(dir, "app")
	if err := build(app, "../../testdata/app"); err != nil {
		return err
	}
	pack := exec.Command("sh", "-c", `tar -C "$0" -c app | docker import --change 'ENTRYPOINT ["/app"]' --change 'EXPOSE 8000' --change 'ENV PORT=8000' - "$1"`, dir, appImage)
	if out, err := pack.CombinedOutput(); err != nil {
		return fmt.Errorf("importing the test app: %w: %s", err, out)
	}
	_, stderr, err := gateway("up", "--http", port, "--bind", "127.0.0.1", "--host", "gw.test")
	if err != nil {
		return fmt.Errorf("gateway up: %w: %s", err, stderr)
	}
	return nil
}

func build(to, from string) error {
	c := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", to, from)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", from, err, out)
	}
	return nil
}

func tearDown(dir string) error {
	_, stderr, err := gateway("down", "--purge")
	if err != nil {
		err = fmt.Errorf("gateway down: %w: %s", err, stderr)
	}
	out, imageErr := exec.Command("docker", "rmi", "-f", appImage).CombinedOutput()
	if imageErr != nil {
		imageErr = fmt.Errorf("removing the test app's image: %w: %s", imageErr, out)
	}
	return errors.Join(err, imageErr, os.RemoveAll(dir))
}

// gateway runs the binary as an admin would.
func gateway(args ...string) (stdout, stderr string, err error) {
	c := exec.Command(lane.binary, args...)
	c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
	var out, chatter bytes.Buffer
	c.Stdout, c.Stderr = &out, &chatter
	err = c.Run()
	return out.String(), chatter.String(), err
}

// must runs the binary and fails the test when it fails.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, err := gateway(args...)
	if err != nil {
		t.Fatalf("gateway %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
	}
	return out
}

// docker runs the Docker client and fails the test when it fails.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// engineHost is the address of the engine that the Docker client talks to.
func engineHost(t *testing.T) string {
	t.Helper()
	return docker(t, "context", "inspect", "-f", "{{.Endpoints.docker.Host}}")
}

// run starts a container of the test app that goes when the test ends.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	all := append([]string{"run", "-d", "--name", name}, args...)
	id := docker(t, append(all, appImage)...)
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", "-v", name).Run() })
	return id
}

// add makes a portfolio that goes when the test ends.
func add(t *testing.T, name, path string, args ...string) {
	t.Helper()
	must(t, append([]string{"add", "portfolio", name, "--path", path}, args...)...)
	t.Cleanup(func() { gateway("rm", name, "--yes") })
}

// answer is one response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

var client = &http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// get asks for a URL, with headers given as pairs of name and value.
func get(url string, headers ...string) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, err
}

// eventually asks again until the answer is as wanted, and returns it.
func eventually(t *testing.T, url, what string, wanted func(answer) bool, headers ...string) answer {
	t.Helper()
	var last answer
	var err error
	await(t, what+" at "+url, func() bool {
		last, err = get(url, headers...)
		return err == nil && wanted(last)
	}, func() string { return fmt.Sprintf("last: %v %d %.300s", err, last.status, last.body) })
	return last
}

// await polls a condition until it holds; otherwise the test fails with what it last saw.
func await(t *testing.T, what string, holds func() bool, seen func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s for %s; %s", patience, what, seen())
		case <-tick.C:
		}
	}
}

func status(code int) func(answer) bool {
	return func(a answer) bool { return a.status == code }
}

// served reports an answer of the app itself.
func served(a answer) bool { return a.status == http.StatusOK }

// listed is a route as `gateway routes --json` prints it.
type listed struct {
	Key, State, Project string
	Targets             []target
	Traffic             struct{ Inflight int }
}

// target is one container behind a route.
type target struct {
	Name, State, Health string
	Ejected             bool
	EjectedUntil        time.Time `json:"ejected_until"`
}

// routes returns what `gateway routes --json` prints, by key.
func routes(t *testing.T) map[string]listed {
	t.Helper()
	var doc struct{ Routes []listed }
	if err := json.Unmarshal([]byte(must(t, "routes", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	byKey := map[string]listed{}
	for _, r := range doc.Routes {
		byKey[r.Key] = r
	}
	return byKey
}

// pid is the process id of a container's first process.
func pid(t *testing.T, container string) string {
	t.Helper()
	return docker(t, "inspect", "-f", "{{.State.Pid}}", container)
}

// proxyAddress is the proxy's own address on the network that publishes its port: what stays reachable from this
// machine when the engine, and with it the forwarding of published ports on loopback, is gone.
func proxyAddress(t *testing.T) string {
	t.Helper()
	ip := docker(t, "inspect", "-f", `{{(index .NetworkSettings.Networks "0-gateway").IPAddress}}`, "gateway-proxy")
	return "http://" + net.JoinHostPort(ip, port)
}

// probeFrom asks for a URL from inside a network, by the test app's own client.
func probeFrom(network, url string) error {
	return exec.Command("docker", "run", "--rm", "--network", network, appImage, "probe", url).Run()
}
