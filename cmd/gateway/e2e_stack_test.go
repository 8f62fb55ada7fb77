package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestUp_ChangesNothingTheSecondTime(t *testing.T) {
	before := docker(t, "ps", "-q", "--no-trunc", "--filter", "label=gateway.role")
	out := must(t, "up")
	if after := docker(t, "ps", "-q", "--no-trunc", "--filter", "label=gateway.role"); after != before {
		t.Errorf("containers were %q and are %q", before, after)
	}
	// --host gw.test names the site, so the address is spelled with it.
	if !strings.Contains(out, "http://gw.test:"+port) {
		t.Errorf("up does not print its address: %s", out)
	}
}

func TestUp_KeepsTheSettingsThatAreNotNamed(t *testing.T) {
	add(t, "e2e-named", "/e2e-named")
	proxy := docker(t, "inspect", "-f", "{{.Id}}", "gateway-proxy")
	must(t, "up", "--bind", "127.0.0.2")
	t.Cleanup(func() { must(t, "up", "--bind", "127.0.0.1", "--host", "gw.test") })
	if docker(t, "inspect", "-f", "{{.Id}}", "gateway-proxy") == proxy {
		t.Error("another address did not reach the proxy")
	}
	// What was not named stays: the port, and the address of the run before.
	must(t, "up", "--host", "www.gw.test")
	must(t, "up")
	eventually(t, "http://127.0.0.2:"+port+"/e2e-named/", "the app on another address", served)
	if err := probeFrom("e2e-named_web", "http://www.gw.test:"+port+"/e2e-named/"); err != nil {
		t.Errorf("the further host name does not answer inside: %v", err)
	}
}

func TestUp_NamesTheHolderOfATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:18081")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, stderr, err := gateway("up", "--http", "18081")
	if err == nil {
		t.Fatal("up took a port that is held")
	}
	for _, want := range []string{"18081", fmt.Sprint(os.Getpid()), "--http"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the error does not contain %q: %s", want, stderr)
		}
	}
	if a, err := get(base + "/"); err != nil || a.status == 0 {
		t.Errorf("the running gateway suffered: %v", err)
	}
}

func TestProxyContainer_IsConfined(t *testing.T) {
	proc := "/proc/" + pid(t, "gateway-proxy")
	for _, socket := range []string{"/var/run/docker.sock", "/run/docker.sock"} {
		if _, err := os.Stat(proc + "/root" + socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the proxy's file system has %s (%v)", socket, err)
		}
	}
	text, err := os.ReadFile(proc + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the proxy's process lacks %q:\n%s", want, text)
		}
	}
	if docker(t, "inspect", "-f", "{{.HostConfig.ReadonlyRootfs}}", "gateway-proxy") != "true" {
		t.Error("the proxy's root can be written")
	}
	if got := strings.Join(listeners(t, proc), " "); got != "loopback:9180 any:"+port {
		t.Errorf("the proxy listens on %s", got)
	}
	if got := docker(t, "port", "gateway-proxy"); got != port+"/tcp -> 127.0.0.1:"+port {
		t.Errorf("published: %s", got)
	}
}

func TestAgentContainer_ListensNowhere(t *testing.T) {
	proc := "/proc/" + pid(t, "gateway-agent")
	if got := listeners(t, proc); len(got) > 0 {
		t.Errorf("the agent listens on %v", got)
	}
	if got := docker(t, "inspect", "-f", "{{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}", "gateway-agent"); got != "none true [ALL] [no-new-privileges]" {
		t.Errorf("the agent runs with %s", got)
	}
}

// listeners reads the TCP ports that a process's network namespace listens on, as "loopback:PORT" and "any:PORT",
// without what the engine itself puts there for name resolution (127.0.0.11).
func listeners(t *testing.T, proc string) []string {
	t.Helper()
	seen := map[string]bool{}
	var all []string
	for _, table := range []string{"/net/tcp", "/net/tcp6"} {
		text, err := os.ReadFile(proc + table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[3] != "0A" {
				continue
			}
			address, hex, _ := strings.Cut(fields[1], ":")
			number, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			kind := "any"
			switch address {
			case "0B00007F":
				continue
			case "0100007F":
				kind = "loopback"
			}
			if name := fmt.Sprintf("%s:%d", kind, number); !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

func TestStatus_ShowsBothProcesses(t *testing.T) {
	out := must(t, "status")
	for _, want := range []string{"proxy", "agent", "running", "source", "connected", "table", "revision", "gateway-proxy", "gateway-agent", ":" + port} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	if out := must(t, "status", "--json"); !strings.Contains(out, `"ok": true`) {
		t.Errorf("status --json: %s", out)
	}
}

func TestDown_LeavesProjectsAndUpServesThemAgain(t *testing.T) {
	add(t, "e2e-again", "/e2e-again")
	must(t, "down")
	if _, _, err := gateway("status"); err == nil {
		t.Error("status is content without a gateway")
	}
	if out, stderr, err := gateway("down"); err != nil {
		t.Errorf("a second down: %v %s%s", err, out, stderr)
	}
	if docker(t, "inspect", "-f", "{{.State.Running}}", "e2e-again-site-1") != "true" {
		t.Error("down stopped a project")
	}
	must(t, "up", "--http", port, "--bind", "127.0.0.1", "--host", "gw.test")
	eventually(t, base+"/e2e-again/", "the project after down and up", served)
}
