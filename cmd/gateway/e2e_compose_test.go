package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// handmade is a project that is made by `gateway add`, and then run by hand.
type handmade struct {
	name, template string
	args           []string
	// says is part of its page, or of the address that its page leads to.
	says string
	// builds says that an image is built for it, slow that filling its volumes takes so long that they stay.
	builds, slow bool
}

func (h handmade) path() string { return "/e2e/" + h.name }

// handmades are projects of all templates: that of imported files with a compose.yaml, and with a Dockerfile alone.
func handmades(t *testing.T) []handmade {
	t.Helper()
	shop, dockerfile, site := t.TempDir(), t.TempDir(), t.TempDir()
	writeShop(t, shop, map[string]string{
		"compose.yaml": shopFiles, ".env": "WORD=hand\n", "Dockerfile": "FROM gateway-e2e-app\nCOPY word /word\n", "word": "one", "data/seed": "one",
	})
	writeShop(t, dockerfile, map[string]string{"Dockerfile": "FROM gateway-e2e-app\nENV NAME=alone PORT=9000\nEXPOSE 9000\n"})
	writeShop(t, site, map[string]string{"index.html": "<!doctype html><title>of mine</title>"})
	return []handmade{
		{name: "hand-shop", template: "compose", args: []string{"--from", shop, "--service", "web"}, says: "<h1>shop-hand", builds: true},
		{name: "hand-alone", template: "compose", args: []string{"--from", dockerfile}, says: "<h1>alone", builds: true},
		{name: "hand-dev", template: "dev", says: "<title>code-server"},
		{name: "hand-starter", template: "portfolio", says: "<title>hand-starter"},
		{name: "hand-folder", template: "portfolio", args: []string{"--dir", site, "--spa"}, says: "<title>of mine"},
		{name: "hand-invite", template: "slack-invite", says: "<h1>"},
		{name: "hand-blog", template: "wordpress", args: []string{"--upload-limit", "128M"}, says: "/wp-admin/install.php", slow: true},
	}
}

// TestByHand_DockerComposeRunsTheSame holds each template to what the README says of it: `docker compose up` in the
// project's folder runs what `gateway add` ran, and either can be used on one project in turn.
func TestByHand_DockerComposeRunsTheSame(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11", "codercom/code-server:latest")
	all, command := handmades(t), newComposeCommand(t)
	var doc struct{ Templates []struct{ Name string } }
	if err := json.Unmarshal([]byte(must(t, "templates", "ls", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	for _, template := range doc.Templates {
		// A redirect has no page of its own.
		if template.Name != "redirect" && !slices.ContainsFunc(all, func(h handmade) bool { return h.template == template.Name }) {
			t.Errorf("no project is made of the template %s", template.Name)
		}
	}
	for _, h := range all {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			h.runsTheSame(t, command)
		})
	}
}

func (h handmade) runsTheSame(t *testing.T, command composeCommand) {
	args := []string{"add", h.template, h.name, "--path", h.path(), "--host", "gw.test", "--owner", "owner@example.org", "--ttl", "90d"}
	must(t, append(args, h.args...)...)
	t.Cleanup(func() { gateway("rm", h.name, "--yes") })
	command.dir = filepath.Join(lane.projects, h.name)
	added, ids := recordOf(t, h.name), command.ids(t)

	command.must(t, "up", "-d")
	if now := command.ids(t); now != ids {
		t.Errorf("docker compose up replaced containers: %s are now %s", ids, now)
	}
	command.down(t, !h.slow)
	command.must(t, "up", "-d")
	ids = command.ids(t)
	// The one thing that no file says: what the gateway runs is to outlive the engine's death.
	same(t, "by hand", added, recordOf(t, h.name).replaced("unless-stopped", "always"))
	h.served(t)

	must(t, "deploy", h.name)
	// A deployment builds again, and not every builder labels images as the other way does: then it is another image.
	if now := command.ids(t); now != ids && !h.builds {
		t.Errorf("gateway deploy replaced containers: %s are now %s", ids, now)
	}
	same(t, "deployed", added, recordOf(t, h.name))
	must(t, "rm", h.name, "--yes")
	nothingOf(t, h.name)
}

// served checks that clients and the gateway's own lists find the project that was started by hand.
func (h handmade) served(t *testing.T) {
	t.Helper()
	await(t, "the route "+h.path(), func() bool {
		route, there := routes(t)["gw.test"+h.path()]
		return there && route.State == "ready" && route.Project == h.name && len(route.Targets) == 1
	}, func() string { return must(t, "routes") })
	var a answer
	var from string
	c := browser(t)
	await(t, "its page", func() bool {
		a, from = send(t, c, "GET "+site+h.path()+"/", "")
		return a.status == http.StatusOK && strings.Contains(from+a.body, h.says)
	}, func() string { return fmt.Sprintf("last: %d from %s: %.300s", a.status, from, a.body) })
	listing := must(t, "ls")
	i := strings.Index(listing, "\n"+h.name+" ")
	line, _, _ := strings.Cut(listing[max(i, 0)+1:], "\n")
	for _, want := range []string{h.name, h.path(), h.template, "ready", "owner@example.org"} {
		if !strings.Contains(line, want) {
			t.Errorf("ls lacks %q:\n%s", want, listing)
		}
	}
	await(t, "a content status", content, func() string { out, stderr, _ := gateway("status"); return out + stderr })
}

// composeCommand is the docker command with the plugin that this repository is built with, in the folder of a project.
type composeCommand struct {
	env []string
	dir string
}

func newComposeCommand(t *testing.T) composeCommand {
	t.Helper()
	// Another configuration has no contexts: the engine stays the one that docker itself talks to.
	host, config := engineHost(t), t.TempDir()
	c := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(config, "cli-plugins", "docker-compose"), "github.com/docker/compose/v5/cmd")
	c.Dir, c.Env = filepath.Join("..", "..", "testdata", "compose"), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building docker compose: %v\n%s", err, out)
	}
	return composeCommand{env: append(os.Environ(), "DOCKER_CONFIG="+config, "DOCKER_HOST="+host)}
}

func (c composeCommand) run(args ...string) (string, error) {
	cmd := exec.Command("docker", append([]string{"compose"}, args...)...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c composeCommand) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.run(args...)
	if err != nil {
		t.Fatalf("docker compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// ids are the containers of the project.
func (c composeCommand) ids(t *testing.T) string {
	t.Helper()
	lines := strings.Fields(c.must(t, "ps", "-aq", "--no-trunc"))
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// down removes all but the folder and, unless they are to go too, the volumes. The proxy leaves the network as soon as
// nothing is behind it; until then Compose cannot remove that.
func (c composeCommand) down(t *testing.T, volumes bool) {
	t.Helper()
	label := "label=com.docker.compose.project=" + filepath.Base(c.dir)
	var last string
	await(t, "all of the project to go", func() bool {
		var err error
		last, err = c.run("down", "--rmi", "local", fmt.Sprintf("--volumes=%t", volumes))
		return err == nil && docker(t, "ps", "-aq", "--filter", label)+docker(t, "network", "ls", "-q", "--filter", label) == ""
	}, func() string { return last })
}
