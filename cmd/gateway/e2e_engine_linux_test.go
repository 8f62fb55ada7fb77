package main_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestEngineKilled_RoutesStayAndConverge(t *testing.T) {
	add(t, "e2e-outlives", "/e2e-outlives")
	run(t, "e2e-alive", "--label", "gateway.path=/e2e-alive", "--restart", "always")
	inside := proxyAddress(t)
	eventually(t, inside+"/e2e-alive/", "the app, at the proxy's own address", served)
	engine := findEngine(t)
	kill(t, engine.pid)
	await(t, "the engine to be gone", engine.gone, func() string { return engine.pid })
	for _, path := range []string{"/e2e-alive/", "/e2e-outlives/"} {
		if a, err := get(inside + path); err != nil || a.status != http.StatusOK {
			t.Errorf("%s without the engine: %v %d", path, err, a.status)
		}
	}
	engine.start(t)
	for _, path := range []string{"/e2e-alive/", "/e2e-outlives/"} {
		eventually(t, base+path, "the app after the engine came back", served)
	}
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
	run(t, "e2e-later", "--label", "gateway.path=/e2e-later")
	eventually(t, base+"/e2e-later/", "a container started after the engine came back", served)
}

// TestEngineKilled_DuringADeploymentLeavesOneVersion kills the engine while new containers wait beside the old ones.
func TestEngineKilled_DuringADeploymentLeavesOneVersion(t *testing.T) {
	dir := filepath.Join(lane.projects, "e2e-two")
	write := func(version, web string) {
		t.Helper()
		files := twoFiles(version, "")
		text := strings.ReplaceAll(files["compose.yaml"], "    image:", "    restart: unless-stopped\n    image:")
		files["compose.yaml"] = strings.ReplaceAll(text, "NAME: web-", web+"NAME: web-")
		writeShop(t, dir, files)
	}
	write("one", "")
	must(t, "deploy", "e2e-two")
	t.Cleanup(func() { gateway("rm", "e2e-two", "--yes") })
	serves := func(version string) {
		t.Helper()
		for path, name := range map[string]string{"/e2e-two/": "web-" + version, "/e2e-two/api/": "api-" + version} {
			eventually(t, base+path, "an answer by "+name, func(a answer) bool { return served(a) && strings.Contains(a.body, name) })
		}
	}
	serves("one")
	write("two", "DELAY: 10m, ")
	deployment := exec.Command(lane.binary, "deploy", "e2e-two")
	deployment.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
	var said bytes.Buffer
	deployment.Stderr = &said
	if err := deployment.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deployment.Process.Kill() })
	await(t, "new containers", func() bool {
		return strings.Count(docker(t, "ps", "--filter", "label=com.docker.compose.project=e2e-two", "--format", "{{.Names}}"), ".next") == 2
	}, func() string { return containersOf(t, "e2e-two") })
	engine := findEngine(t)
	kill(t, engine.pid)
	await(t, "the engine to be gone", engine.gone, func() string { return engine.pid })
	engine.start(t)
	if err := deployment.Wait(); err == nil {
		t.Errorf("the deployment succeeded:\n%s", &said)
	}
	t.Logf("the deployment said\n%s", &said)
	serves("one")
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
	write("two", "")
	must(t, "deploy", "e2e-two")
	serves("two")
	if left := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-two"); len(strings.Fields(left)) != 2 {
		t.Errorf("containers are left: %s", left)
	}
}

func TestKills_InAnyOrderLoseNothing(t *testing.T) {
	add(t, "e2e-order", "/e2e-order")
	run(t, "e2e-alone", "--label", "gateway.path=/e2e-alone", "--restart", "always")
	eventually(t, base+"/e2e-alone/", "the app", served)
	for _, order := range [][]string{
		{"agent", "proxy", "engine"},
		{"agent", "engine", "proxy"},
		{"proxy", "agent", "engine"},
		{"proxy", "engine", "agent"},
		{"engine", "agent", "proxy"},
		{"engine", "proxy", "agent"},
	} {
		t.Run(strings.Join(order, ","), func(t *testing.T) {
			engine := findEngine(t)
			pids := map[string]string{"engine": engine.pid}
			for _, what := range []string{"agent", "proxy"} {
				await(t, "gateway-"+what+" to run", func() bool {
					pids[what] = pid(t, "gateway-"+what)
					return pids[what] != "0"
				}, func() string { return docker(t, "inspect", "-f", "{{json .State}}", "gateway-"+what) })
			}
			for _, what := range order {
				kill(t, pids[what])
			}
			await(t, "the engine to be gone", engine.gone, func() string { return engine.pid })
			engine.start(t)
			for _, path := range []string{"/e2e-order/", "/e2e-alone/"} {
				eventually(t, base+path, "the app", served)
			}
			await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
			if left := routes(t); left["/e2e-order"].State != "ready" || left["/e2e-alone"].State != "ready" {
				t.Errorf("the routes are %v", left)
			}
		})
	}
}

// engineProcess is the Docker daemon, and how it was started.
type engineProcess struct {
	// pid is its own, containerd that of the one it started, if it did.
	pid, containerd string
	command         []string
}

// findEngine finds the process that listens on the engine's socket. When the test ends and it is gone, it starts again; of
// a test that fails, the engine's log is shown.
func findEngine(t *testing.T) engineProcess {
	t.Helper()
	e := engineProcess{pid: strconv.Itoa(listener(t, strings.TrimPrefix(engineHost(t), "unix://")))}
	line, err := os.ReadFile("/proc/" + e.pid + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytes.SplitSeq(bytes.TrimRight(line, "\x00"), []byte{0}) {
		e.command = append(e.command, string(part))
	}
	if filepath.Base(e.command[0]) != "dockerd" {
		t.Fatalf("the engine's socket belongs to %q, which this test does not end; run the lane by testdata/engine.sh", e.command)
	}
	children, err := filepath.Glob("/proc/" + e.pid + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range children {
		pids, _ := os.ReadFile(list) // the thread may have ended
		for pid := range strings.FieldsSeq(string(pids)) {
			if name, _ := os.ReadFile("/proc/" + pid + "/comm"); strings.TrimSpace(string(name)) == "containerd" {
				e.containerd = pid
			}
		}
	}
	t.Cleanup(func() {
		if e.gone() && exec.Command("docker", "version").Run() != nil {
			e.start(t)
		}
		if log, err := os.ReadFile(engineLog()); err == nil && t.Failed() {
			t.Logf("the last of the engine's log:\n%s", log[max(0, len(log)-16<<10):])
		}
	})
	return e
}

// engineLog is the file that an engine writes to which a test started.
func engineLog() string { return filepath.Join(filepath.Dir(lane.binary), "dockerd.log") }

// listener is the process that listens on a unix socket.
func listener(t *testing.T, socket string) int {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatalf("finding the engine: %v", err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *syscall.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil || peerErr != nil {
		t.Fatal(err, peerErr)
	}
	return int(peer.Pid)
}

// gone reports that the engine and the containerd that it runs have ended, and that their exit status was collected:
// until then another engine takes them for alive and does not start.
func (e engineProcess) gone() bool {
	for _, pid := range []string{e.pid, e.containerd} {
		if _, err := os.Stat("/proc/" + pid); err == nil && pid != "" {
			return false
		}
	}
	return true
}

// start brings the engine back as it was.
func (e engineProcess) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(engineLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := exec.Command(e.command[0], e.command[1:]...)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatalf("starting the engine: %v", err)
	}
	// It outlives the test; when it is killed before, somebody has to collect its exit status.
	go func() { _ = c.Wait() }()
	await(t, "the engine", func() bool { return exec.Command("docker", "version").Run() == nil },
		func() string { return fmt.Sprint(e.command) })
}
