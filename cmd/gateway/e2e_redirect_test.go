package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// leadsTo reports a redirect to a location.
func leadsTo(location string) func(answer) bool {
	return func(a answer) bool {
		return a.status == http.StatusPermanentRedirect && a.header.Get("Location") == location
	}
}

func TestRedirect_TakesThePlaceOfARemovedProject(t *testing.T) {
	dir := filepath.Join(lane.projects, "e2e-gone")
	files := twoFiles("one", ", gateway.routes.named.path: /named, gateway.routes.named.host: gone.test, gateway.routes.named.port: \"3000\"")
	for name, text := range files {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "e2e-two", "e2e-gone"), "labels: {gateway.path: /e2e-gone/api", "volumes: [\"state:/state\"]\n    labels: {gateway.path: /e2e-gone/api")
		files[name] = text + "volumes: {state: {}}\n"
	}
	writeShop(t, dir, files)
	must(t, "deploy", "e2e-gone")
	t.Cleanup(func() { gateway("rm", "e2e-gone", "--yes") })
	add(t, "e2e-there", "/e2e-there")
	add(t, "e2e-root", "/")

	// Clients get the app until they are redirected, and nothing between.
	done, asked := make(chan struct{}), make(chan error, 1)
	go func() {
		for moved := false; ; {
			select {
			case <-done:
				asked <- nil
				return
			default:
			}
			a, err := get(base + "/e2e-gone/api/x?y=z")
			moved = moved || err == nil && leadsTo("/e2e-there/x?y=z")(a)
			if err != nil || moved && a.status != http.StatusPermanentRedirect || !moved && (a.status != http.StatusOK || !strings.Contains(a.body, "api-one")) {
				asked <- fmt.Errorf("redirected: %t, then %w %d %q %.100s", moved, err, a.status, a.header.Get("Location"), a.body)
				return
			}
		}
	}()
	_, stderr, err := gateway("rm", "e2e-gone", "--redirect", "90d", "--to", "/e2e-there", "--yes")
	if err != nil || !strings.Contains(stderr, "is removed, and redirects to /e2e-there until ") {
		t.Fatalf("rm: %v\n%s", err, stderr)
	}
	close(done)
	if err := <-asked; err != nil {
		t.Error(err)
	}
	for path, location := range map[string]string{"/e2e-gone": "/e2e-there", "/e2e-gone/a%2Fb?c": "/e2e-there/a%2Fb?c", "/e2e-gone/api/": "/e2e-there/"} {
		if a, err := get(base + path); err != nil || !leadsTo(location)(a) {
			t.Errorf("%s: %v %d %v", path, err, a.status, a.header)
		}
	}
	if key := routes(t)["gone.test/named"]; key.Project != "e2e-gone" || key.State != "ready" {
		t.Errorf("the route of a host name is %+v", key)
	}
	for _, kind := range []string{"volume", "network"} {
		left := docker(t, kind, "ls", "--filter", "label=com.docker.compose.project=e2e-gone", "--format", "{{.Name}}")
		if want := map[string]string{"volume": "", "network": "e2e-gone_redirect"}[kind]; left != want {
			t.Errorf("%s: %q is left, want %q", kind, left, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v %v", entries, err)
	}

	// It is a project as any other.
	if ls := must(t, "ls"); !strings.Contains(ls, "redirect ") {
		t.Errorf("ls:\n%s", ls)
	}
	must(t, "set", "e2e-gone", "to=https://example.org/there")
	must(t, "renew", "e2e-gone", "--ttl", "30d")
	eventually(t, base+"/e2e-gone/x", "the other target", leadsTo("https://example.org/there/x"))
	must(t, "stop", "e2e-gone")
	if a, err := get(base + "/e2e-gone/api"); err != nil || !leadsTo("https://example.org/there")(a) {
		t.Errorf("stopped: %v %d", err, a.status)
	}
	must(t, "start", "e2e-gone")
	must(t, "move", "e2e-gone", "--from", "/e2e-gone", "--path", "/e2e-went", "--redirect", "30d")
	eventually(t, base+"/e2e-went/x", "the moved redirect", leadsTo("https://example.org/there/x"))
	eventually(t, base+"/e2e-gone/x", "the redirect to the moved one", leadsTo("/e2e-went/x"))
	must(t, "rm", "e2e-gone", "--yes")
	nothingOf(t, "e2e-gone")
	eventually(t, base+"/e2e-went/", "a page that says it is gone", status(http.StatusNotFound))
}

func TestRedirect_AKilledRemovalIsRepaired(t *testing.T) {
	add(t, "e2e-torn", "/e2e-torn")
	for range 5 {
		c := exec.Command(lane.binary, "rm", "e2e-torn", "--redirect", "90d", "--to", "/e2e-there", "--yes")
		c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		made := func() string {
			return docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-torn", "--filter", "label=com.docker.compose.service=redirect")
		}
		await(t, "the container of the redirect", func() bool { return made() != "" }, made)
		_, _ = c.Process.Kill(), c.Wait()
		if a, err := get(base + "/e2e-torn/"); err != nil || a.status != http.StatusOK && !leadsTo("/e2e-there/")(a) {
			t.Errorf("killed: %v %d", err, a.status)
		}
		must(t, "renew", "e2e-torn", "--ttl", "60d")
		if made() != "" {
			break // It was past the switch.
		}
		if a, err := get(base + "/e2e-torn/"); err != nil || a.status != http.StatusOK {
			t.Errorf("repaired: %v %d", err, a.status)
		}
	}
	must(t, "rm", "e2e-torn", "--yes")
	nothingOf(t, "e2e-torn")
}

func TestRedirect_AProjectThatMovedKeepsItsOldPath(t *testing.T) {
	add(t, "e2e-mover", "/e2e-here")
	must(t, "move", "e2e-mover", "--path", "/e2e-yonder", "--redirect", "90d")
	eventually(t, base+"/e2e-here/x?y", "the redirect", leadsTo("/e2e-yonder/x?y"))
	if a, err := get(base + "/e2e-yonder/"); err != nil || a.status != http.StatusOK {
		t.Errorf("the new path: %v %d", err, a.status)
	}
}
