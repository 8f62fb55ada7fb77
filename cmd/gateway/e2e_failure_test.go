package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// kill ends a process the hard way. Docker's own kill would count as a stop by hand, after which nothing restarts.
func kill(t *testing.T, process string) {
	t.Helper()
	number, err := strconv.Atoi(process)
	if err != nil || number <= 1 {
		t.Fatalf("no process to kill: %q", process)
	}
	if err := syscall.Kill(number, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestAgentKilled_RoutesStayAndDiscoveryComesBack(t *testing.T) {
	run(t, "e2e-stays", "--label", "gateway.path=/e2e-stays")
	eventually(t, base+"/e2e-stays/", "the app", served)
	before := pid(t, "gateway-agent")
	kill(t, before)
	if a, err := get(base + "/e2e-stays/"); err != nil || a.status != http.StatusOK {
		t.Errorf("without the agent: %v %d", err, a.status)
	}
	run(t, "e2e-comes", "--label", "gateway.path=/e2e-comes")
	eventually(t, base+"/e2e-comes/", "a container started while the agent was away", served)
	if after := pid(t, "gateway-agent"); after == before || after == "0" {
		t.Errorf("the agent's process was %s and is %s", before, after)
	}
}

func TestProxyKilled_ServesTheLastGoodTable(t *testing.T) {
	run(t, "e2e-kept", "--label", "gateway.path=/e2e-kept")
	eventually(t, base+"/e2e-kept/", "the app", served)
	// With the agent stopped only the table on disk can answer.
	docker(t, "stop", "gateway-agent")
	t.Cleanup(func() { exec.Command("docker", "start", "gateway-agent").Run() })
	kill(t, pid(t, "gateway-proxy"))
	eventually(t, base+"/e2e-kept/", "the app after the proxy was killed", served)
	out, _, err := gateway("status")
	if err == nil || !strings.Contains(out, "from disk") {
		t.Errorf("status is content (%v) or hides that the table is from disk:\n%s", err, out)
	}
	docker(t, "start", "gateway-agent")
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
}

func TestEngineKilled_RoutesStayAndConverge(t *testing.T) {
	add(t, "e2e-outlives", "/e2e-outlives")
	run(t, "e2e-alive", "--label", "gateway.path=/e2e-alive", "--restart", "always")
	inside := proxyAddress(t)
	eventually(t, inside+"/e2e-alive/", "the app, at the proxy's own address", served)
	engine := findEngine(t)
	kill(t, engine.pid)
	restarted := false
	t.Cleanup(func() {
		if !restarted {
			engine.start(t)
		}
	})
	await(t, "the engine to be gone", engine.gone, func() string { return engine.pid })
	for _, path := range []string{"/e2e-alive/", "/e2e-outlives/"} {
		if a, err := get(inside + path); err != nil || a.status != http.StatusOK {
			t.Errorf("%s without the engine: %v %d", path, err, a.status)
		}
	}
	engine.start(t)
	restarted = true
	for _, path := range []string{"/e2e-alive/", "/e2e-outlives/"} {
		eventually(t, base+path, "the app after the engine came back", served)
	}
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
	run(t, "e2e-later", "--label", "gateway.path=/e2e-later")
	eventually(t, base+"/e2e-later/", "a container started after the engine came back", served)
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
			pids := map[string]string{"agent": pid(t, "gateway-agent"), "proxy": pid(t, "gateway-proxy"), "engine": engine.pid}
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

// content reports that the status has no fault.
func content() bool {
	_, _, err := gateway("status")
	return err == nil
}

// pidFile is where the engine notes its process.
const pidFile = "/var/run/docker.pid"

// engineProcess is the Docker daemon, and how it was started.
type engineProcess struct {
	// pid is its own, containerd that of the one it started, if it did.
	pid, containerd string
	command         []string
}

func findEngine(t *testing.T) engineProcess {
	t.Helper()
	number, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatalf("finding dockerd: %v", err)
	}
	e := engineProcess{pid: strings.TrimSpace(string(number))}
	if number, err := os.ReadFile("/var/run/docker/containerd/containerd.pid"); err == nil {
		e.containerd = strings.TrimSpace(string(number))
	}
	line, err := os.ReadFile("/proc/" + e.pid + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytes.SplitSeq(bytes.TrimRight(line, "\x00"), []byte{0}) {
		e.command = append(e.command, string(part))
	}
	return e
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

// start brings the engine back as it was, unless a supervisor does.
func (e engineProcess) start(t *testing.T) {
	t.Helper()
	c := exec.Command("systemctl", "restart", "docker")
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		log, err := os.OpenFile("/var/log/dockerd.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		c = exec.Command(e.command[0], e.command[1:]...)
		c.Stdout, c.Stderr = log, log
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if err := c.Start(); err != nil {
		t.Fatalf("starting the engine: %v", err)
	}
	// It outlives the test; when it is killed before, somebody has to collect its exit status.
	go func() { _ = c.Wait() }()
	await(t, "the engine", func() bool { return exec.Command("docker", "version").Run() == nil },
		func() string { return fmt.Sprint(e.command) })
}
