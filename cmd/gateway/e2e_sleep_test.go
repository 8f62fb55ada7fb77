package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// asleep waits until a route is asleep. Nobody may use it meanwhile.
func asleep(t *testing.T, key string) {
	t.Helper()
	var last string
	// Twice the idle time of 10 s is within the patience.
	await(t, key+" to fall asleep", func() bool {
		last = routes(t)[key].State
		return last == "asleep"
	}, func() string { return "it is " + last })
}

// starts counts how often a container was started since then.
func starts(t *testing.T, container string, since time.Time) int {
	t.Helper()
	at := func(when time.Time) string { return strconv.FormatInt(when.Unix(), 10) }
	out := docker(t, "events", "--since", at(since), "--until", at(time.Now().Add(time.Second)),
		"--filter", "container="+container, "--filter", "event=start", "--format", "{{.Action}}")
	return len(strings.Fields(out))
}

func TestSleep_AThousandRequestsStartItOnce(t *testing.T) {
	must(t, "up", "--http", port, "--bind", "127.0.0.1", "--host", "gw.test", "--max-requests-per-client", "0", "--max-conns-per-client", "0")
	t.Cleanup(func() {
		must(t, "up", "--http", port, "--bind", "127.0.0.1", "--host", "gw.test", "--max-requests-per-client", "512", "--max-conns-per-client", "1024")
	})
	run(t, "e2e-sleepy", "--label", "gateway.path=/sleepy", "--label", "gateway.idle=10s")
	eventually(t, base+"/sleepy/", "the app", served)
	asleep(t, "/sleepy")
	begun := time.Now()
	const crowd = 1000
	patient := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	var wrong atomic.Int32
	var asked sync.WaitGroup
	for range crowd {
		asked.Go(func() {
			res, err := patient.Get(base + "/sleepy/")
			if err != nil {
				wrong.Add(1)
				t.Log(err)
				return
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				wrong.Add(1)
				t.Log(res.Status)
			}
		})
	}
	asked.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of %d requests failed", n, crowd)
	}
	if n := starts(t, "e2e-sleepy", begun); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

func TestSleep_IsNeitherDisturbedByLooksNorTakesWhatIsInUse(t *testing.T) {
	t.Parallel() // It waits for most of its time.
	run(t, "e2e-socket", "--label", "gateway.path=/socket", "--label", "gateway.idle=10s", "--restart", "unless-stopped")
	run(t, "e2e-checked", "--label", "gateway.path=/checked", "--label", "gateway.idle=10s", "--label", "gateway.health.path=/health", "--label", "gateway.health.interval=1s")
	eventually(t, base+"/socket/", "the app", served)
	eventually(t, base+"/checked/", "the app", served)
	socket := openWebSocket(t, "/socket")
	// The checks and the looks of asleep go on all the time.
	asleep(t, "/checked")
	if state := routes(t)["/socket"].State; state != "ready" {
		t.Errorf("with an open WebSocket it is %s", state)
	}
	if err := socket.echo("still there"); err != nil {
		t.Error(err)
	}
	_ = socket.conn.Close()
	asleep(t, "/socket")
	page, err := get(base+"/socket/", "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
	if err != nil || page.status != http.StatusOK && (page.status != http.StatusServiceUnavailable || !strings.Contains(page.body, "waking up")) {
		t.Errorf("a browser gets %d %s %v", page.status, page.body, err)
	}
	eventually(t, base+"/socket/", "the app", served, "Accept", "text/html")
}

func TestSleep_AProjectSleepsAsAWhole(t *testing.T) {
	t.Parallel() // It waits for most of its time.
	add(t, "nap", "/nap", "--idle", "10s")
	if out := must(t, "show", "nap"); !strings.Contains(out, "10s") {
		t.Errorf("show says\n%s", out)
	}
	asleep(t, "/nap")
	if out := must(t, "ls"); !strings.Contains(out, "asleep") {
		t.Errorf("ls says\n%s", out)
	}
	if a, err := get(base + "/nap/"); err != nil || a.status != http.StatusOK {
		t.Errorf("a request that wakes it: %d %v", a.status, err)
	}
	asleep(t, "/nap")
	must(t, "stop", "nap")
	var last string
	await(t, "/nap to be stopped", func() bool {
		last = routes(t)["/nap"].State
		return last == "stopped"
	}, func() string { return "it is " + last })
	if a, err := get(base + "/nap/"); err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("a request for what a person stopped: %d %v", a.status, err)
	}
	must(t, "start", "nap")
	asleep(t, "/nap")
	must(t, "deploy", "nap", "--idle", "never")
	if out := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=nap", "--filter", "label=gateway.idle"); out != "" {
		t.Errorf("containers that may sleep: %s", out)
	}
	if a, err := get(base + "/nap/"); err != nil || a.status != http.StatusOK {
		t.Errorf("deployed while it was asleep: %d %v", a.status, err)
	}
}

func TestSleep_ABackupWakesNothingAndLetsRequestsWait(t *testing.T) {
	add(t, "e2e-dozer", "/e2e-dozer", "--idle", "10s")
	// Enough to copy for requests to come meanwhile, and nothing on the disk.
	big := filepath.Join(lane.projects, "e2e-dozer", "big")
	if err := errors.Join(os.WriteFile(big, nil, 0o600), os.Truncate(big, 2<<30)); err != nil {
		t.Fatal(err)
	}
	asleep(t, "/e2e-dozer")
	begun, container := time.Now(), onlyContainer(t, "e2e-dozer")
	dir, backup := t.TempDir(), make(chan string, 1)
	go func() {
		_, stderr, err := gateway("backup", "e2e-dozer", "--to", dir)
		backup <- fmt.Sprintf("%v %s", err, stderr)
	}()
	await(t, "requests to wait", func() bool { return strings.Contains(must(t, "routes", "/e2e-dozer", "--json"), `"paused"`) }, func() string { return "" })
	patient := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := patient.Get(base + "/e2e-dozer/")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("a request while it is copied: %v %+v", err, res)
	} else {
		_ = res.Body.Close()
	}
	if said := <-backup; !strings.HasPrefix(said, "<nil>") || !strings.Contains(said, "is archived and verified") || strings.Contains(said, "begun again") {
		t.Errorf("backup says %s", said)
	}
	if n := starts(t, container, begun); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	if out := must(t, "routes", "/e2e-dozer", "--json"); strings.Contains(out, `"paused"`) {
		t.Errorf("requests wait still: %s", out)
	}
	asleep(t, "/e2e-dozer")
}

func TestSleep_OutlivesTheGatewaysProcesses(t *testing.T) {
	run(t, "e2e-lasting", "--label", "gateway.path=/lasting", "--label", "gateway.idle=10s")
	eventually(t, base+"/lasting/", "the app", served)
	asleep(t, "/lasting")
	for i, name := range []string{"gateway-agent", "gateway-proxy"} {
		if i > 0 {
			asleep(t, "/lasting")
		}
		docker(t, "kill", name)
		docker(t, "start", name)
		await(t, "the route after a restart of "+name, func() bool {
			out, _, err := gateway("routes", "/lasting", "--json")
			return err == nil && strings.Contains(out, `"asleep"`)
		}, func() string {
			return docker(t, "ps", "-a", "--format", "{{.Names}} {{.Status}}") + docker(t, "logs", "--tail", "5", name)
		})
		if a, err := get(base + "/lasting/"); err != nil || a.status != http.StatusOK {
			t.Errorf("after a restart of %s: %d %v", name, a.status, err)
		}
	}
}
