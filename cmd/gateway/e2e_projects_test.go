package main_test

import (
	"net/http"
	"os"
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
	for _, kind := range []string{"container", "network", "volume"} {
		if left := docker(t, kind, "ls", "-q", "--filter", "label=com.docker.compose.project=e2e-robots"); left != "" {
			t.Errorf("rm left a %s: %s", kind, left)
		}
	}
	entries, err := os.ReadDir(lane.projects)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "e2e-robots") {
			t.Errorf("rm left %s", e.Name())
		}
	}
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
	// A subnet that is taken behind add's back makes the deployment itself fail.
	if _, stderr, err := gateway("add", "portfolio", "e2e-half", "--path", "/e2e-half", "--dir", "/nonexistent"); err == nil {
		t.Errorf("a missing folder was served: %s", stderr)
	}
	for _, args := range [][]string{
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
	if left := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-half"); left != "" {
		t.Errorf("containers were left: %s", left)
	}
	if _, err := os.Stat(filepath.Join(lane.projects, "e2e-half")); err == nil {
		t.Error("the folder was left")
	}
}
