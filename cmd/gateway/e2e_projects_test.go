package main_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdd_ServesAndRmLeavesNothing(t *testing.T) {
	out := must(t, "add", "portfolio", "--path", "/e2e-robots", "--owner", "owner@example.org", "--ttl", "90d")
	t.Cleanup(func() { gateway("rm", "e2e-robots", "--yes") })
	if !strings.Contains(out, "/e2e-robots/") {
		t.Errorf("add does not print the address: %s", out)
	}
	// add returns when the route answers: no waiting here.
	page, err := get(base + "/e2e-robots/")
	if err != nil || page.status != http.StatusOK || !strings.Contains(page.header.Get("Content-Type"), "text/html") {
		t.Fatalf("after add: %v %d %v", err, page.status, page.header)
	}
	if a, err := get(base+"/e2e-robots/", "If-None-Match", page.header.Get("ETag")); err != nil || a.status != http.StatusNotModified {
		t.Errorf("with its ETag: %v %d", err, a.status)
	}
	for _, want := range []string{"e2e-robots", "/e2e-robots", "ready", "owner@example.org"} {
		if ls := must(t, "ls"); !strings.Contains(ls, want) {
			t.Errorf("ls lacks %q:\n%s", want, ls)
		}
	}
	if show := must(t, "show", "e2e-robots"); !strings.Contains(show, filepath.Join(lane.projects, "e2e-robots")) {
		t.Errorf("show lacks the folder:\n%s", show)
	}
	must(t, "rm", "e2e-robots", "--yes")
	nothingOf(t, "e2e-robots")
	eventually(t, base+"/e2e-robots/", "a page that says it is gone", status(http.StatusNotFound))
}

func TestAdd_ServesAFolder(t *testing.T) {
	site := t.TempDir()
	for name, text := range map[string]string{"index.html": "<!doctype html><title>mine</title>", ".secret": "hidden"} {
		if err := os.WriteFile(filepath.Join(site, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add(t, "e2e-folder", "/e2e/folder", "--dir", site)
	if a, err := get(base + "/e2e/folder/"); err != nil || !strings.Contains(a.body, "<title>mine") {
		t.Errorf("the folder's page: %v %s", err, a.body)
	}
	for _, hidden := range []string{"/.secret", "/%2esecret", "/../../etc/passwd", "/..%2f..%2fetc/passwd"} {
		if a, err := get(base + "/e2e/folder" + hidden); err == nil && a.status == http.StatusOK {
			t.Errorf("%s is served: %s", hidden, a.body)
		}
	}
}

func TestProjects_CannotReachEachOther(t *testing.T) {
	add(t, "e2e-left", "/e2e-left")
	add(t, "e2e-right", "/e2e-right")
	address := func(project string) string {
		return docker(t, "inspect", "-f", `{{(index .NetworkSettings.Networks "`+project+`_web").IPAddress}}`, project+"-site-1")
	}
	probe := func(from, to string) bool {
		err := probeFrom(from+"_web", to)
		return err == nil
	}
	for _, pair := range [][2]string{{"e2e-left", "e2e-right"}, {"e2e-right", "e2e-left"}} {
		mine, other := pair[0], pair[1]
		// A probe that fails everywhere proves nothing: from the project's own network it must succeed.
		if !probe(mine, "http://"+address(mine)+":8080/") || !probe(mine, "http://site:8080/") {
			t.Fatalf("%s cannot reach itself", mine)
		}
		for _, to := range []string{address(other), other + "-site-1", other + "-site-1." + other + "_web"} {
			if probe(mine, "http://"+to+":8080/") {
				t.Errorf("%s reaches %s at %s", mine, other, to)
			}
		}
		// What both share is the proxy, which answers to the site's name inside too.
		if !probe(mine, "http://gw.test:"+port+"/"+mine+"/") {
			t.Errorf("%s cannot reach its own public address from inside", mine)
		}
	}
}

func TestStopAndStart_KeepTheProject(t *testing.T) {
	add(t, "e2e-pause", "/e2e-pause")
	must(t, "stop", "e2e-pause")
	eventually(t, base+"/e2e-pause/", "the page of a stopped project", status(http.StatusServiceUnavailable))
	must(t, "stop", "e2e-pause")
	if _, stderr, err := gateway("add", "portfolio", "e2e-thief", "--path", "/e2e-pause"); err == nil {
		t.Errorf("the path of a stopped project was given away: %s", stderr)
	}
	must(t, "start", "e2e-pause")
	eventually(t, base+"/e2e-pause/", "the project started again", served)
	if out := must(t, "logs", "e2e-pause", "--tail", "5"); out == "" {
		t.Error("logs prints nothing")
	}
	if out := must(t, "logs", "e2e-pause", "--since", "1h", "--timestamps"); !strings.HasPrefix(out, "20") {
		t.Errorf("logs with times prints %q", out)
	}
}

func TestDeploy_PutsAnEditedProjectInForce(t *testing.T) {
	add(t, "e2e-edit", "/e2e-before")
	file := filepath.Join(lane.projects, "e2e-edit", "compose.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.ReplaceAll(string(text), "/e2e-before", "/e2e-after")
	if err := os.WriteFile(file, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "deploy", "e2e-edit")
	eventually(t, base+"/e2e-after/", "the project at its new path", served)
	eventually(t, base+"/e2e-before/", "the old path", status(http.StatusNotFound))
	if err := os.WriteFile(file, []byte(edited+"\n\tbroken: ["), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := gateway("deploy", "e2e-edit"); err == nil || !strings.Contains(stderr, "compose.yaml") {
		t.Errorf("a broken file: %v %s", err, stderr)
	}
	if a, err := get(base + "/e2e-after/"); err != nil || a.status != http.StatusOK {
		t.Errorf("a refused deploy hurt what runs: %v %d", err, a.status)
	}
}

func TestAdd_LeavesNothingHalfMade(t *testing.T) {
	for _, args := range [][]string{
		{"add", "portfolio", "e2e-half", "--path", "/e2e-half", "--dir", "/nonexistent"},
		{"add", "portfolio", "Bad_Name", "--path", "/e2e-half"},
		{"add", "portfolio", "e2e-half", "--path", "e2e-half"},
		{"add", "portfolio", "e2e-half", "--path", "/a/../b"},
		{"add", "nothing", "e2e-half", "--path", "/e2e-half"},
		{"add", "portfolio", "e2e-half", "--path", "/e2e-half", "--ttl", "soon"},
	} {
		if _, stderr, err := gateway(args...); err == nil || len(strings.TrimSpace(stderr)) < 20 {
			t.Errorf("%v: %v, and says only %q", args, err, stderr)
		}
	}
	nothingOf(t, "e2e-half")
}

func TestAdd_InterruptedLeavesNothing(t *testing.T) {
	// Without the agent no route comes, so that add waits with all that it made in place.
	docker(t, "stop", "gateway-agent")
	t.Cleanup(func() { exec.Command("docker", "start", "gateway-agent").Run() })
	t.Cleanup(func() { gateway("rm", "e2e-half", "--yes") })
	var stderr bytes.Buffer
	c := exec.Command(lane.binary, "add", "portfolio", "e2e-half", "--path", "/e2e-half")
	c.Env, c.Stderr = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects), &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	// A second Wait does no harm, and no test ends with the process still there.
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	running := func() string {
		return docker(t, "ps", "-q", "--filter", "status=running", "--filter", "label=com.docker.compose.project=e2e-half")
	}
	await(t, "the project's container", func() bool { return running() != "" }, running)
	if _, err := os.Stat(filepath.Join(lane.projects, "e2e-half", "compose.yaml")); err != nil {
		t.Errorf("the project runs without a folder: %v", err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("interrupted: %v\n%s", err, &stderr)
	}
	nothingOf(t, "e2e-half")
	docker(t, "start", "gateway-agent")
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
}

func TestAdd_TouchesNoVolumeOfOthers(t *testing.T) {
	const volume = "e2e-theirs_data"
	docker(t, "volume", "create", "--label", "com.docker.compose.project=e2e-theirs", volume)
	t.Cleanup(func() { exec.Command("docker", "volume", "rm", "-f", volume).Run() })
	t.Cleanup(func() { gateway("rm", "e2e-theirs", "--yes") })
	if _, stderr, err := gateway("add", "portfolio", "e2e-theirs", "--path", "/e2e-theirs"); err == nil || !strings.Contains(stderr, "volume "+volume+" is left") || strings.Contains(stderr, "volume rm") {
		t.Errorf("a name that a volume has: %v\n%s", err, stderr)
	}
	if left := docker(t, "volume", "ls", "-q", "--filter", "name=^"+volume+"$"); left != volume {
		t.Errorf("the volume is gone: %q", left)
	}
	docker(t, "volume", "rm", volume)
	nothingOf(t, "e2e-theirs")
}

// nothingOf checks that neither the engine nor the projects folder has anything of a project.
func nothingOf(t *testing.T, project string) {
	t.Helper()
	for _, kind := range []string{"container", "network", "volume", "image"} {
		all := []string{kind, "ls", "-q", "--filter", "label=com.docker.compose.project=" + project}
		if kind == "container" {
			all = append(all, "-a")
		}
		if left := docker(t, all...); left != "" {
			t.Errorf("a %s is left: %s", kind, left)
		}
	}
	entries, err := os.ReadDir(lane.projects)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), project) {
			t.Errorf("left in the projects folder: %s", e.Name())
		}
	}
}
