package main_test

import (
	"net/http"
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

// content reports that the status has no fault.
func content() bool {
	_, _, err := gateway("status")
	return err == nil
}
