package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readme runs the commands of the help topics as they are written there.
type readme struct {
	t *testing.T
	// dir is the folder that the commands are run in.
	dir string
}

func openReadme(t *testing.T) readme {
	t.Helper()
	return readme{t, t.TempDir()}
}

// commands returns the lines of the first block of shell commands of a topic, comments included.
func (r readme) commands(topic string) []string {
	r.t.Helper()
	text, err := os.ReadFile("../../cmd/help/" + topic + ".md")
	if err != nil {
		r.t.Fatal(err)
	}
	_, block, fenced := strings.Cut(string(text), "\n```sh\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !fenced || !closed || strings.Contains(block, "\n#") {
		r.t.Fatalf("the topic %s has no block of commands", topic)
	}
	return strings.Split(block, "\n")
}

// run does what a line says in a shell, where gateway is the lane's, and returns what it prints.
func (r readme) run(line string) string {
	r.t.Helper()
	c := exec.Command("sh", "-c", line)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects, "PATH="+filepath.Dir(lane.binary)+":"+os.Getenv("PATH"))
	var chatter strings.Builder
	c.Stderr = &chatter
	out, err := c.Output()
	if err != nil {
		r.t.Fatalf("the README says %q: %v\n%s%s", line, err, out, &chatter)
	}
	return string(out)
}

// write puts a file where the commands are run.
func (r readme) write(name, text string) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

var (
	addsTemplate = regexp.MustCompile(`^gateway add ([a-z-]+)`)
	addsPath     = regexp.MustCompile(` --path (/\S*)`)
	movesProject = regexp.MustCompile(`^gateway move (\S+) --path (/\S*)`)
)

// moves is what a line that moves a project says: which, and to where.
func moves(t *testing.T, line string) (name, path string) {
	t.Helper()
	found := movesProject.FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("%q moves no project", line)
	}
	return found[1], found[2]
}

func TestReadme_ItsProjectsRunSideBySide(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11", "codercom/code-server:latest")
	r := openReadme(t)
	r.version("first")
	r.shop("shop, first")
	commands, invite := r.commands("templates"), r.commands("invite")
	// The page that invites is made by the block about it, which says more.
	commands = slices.DeleteFunc(commands, func(line string) bool { return strings.HasPrefix(line, "gateway add slack-invite ") })
	move := slices.IndexFunc(commands, func(line string) bool { return strings.HasPrefix(line, "gateway move ") })
	others := func(line string) bool { return !strings.HasPrefix(line, "gateway set ") }
	if move < 0 || slices.ContainsFunc(commands[move+1:], others) || !strings.HasPrefix(invite[0], "gateway add slack-invite ") {
		t.Fatalf("the README's commands are others than those that this test is about: %q %q", commands, invite)
	}
	made := r.add(append(commands[:move:move], invite[0]))
	for _, line := range invite[1:] {
		r.run(line)
	}
	answering(t, made)
	told(t, made)

	name, to := moves(t, commands[move])
	r.lives(commands[move], made[name], to)
	made[name] = to
	told(t, made)
	for _, line := range commands[move+1:] {
		r.run(line)
	}
	told(t, made)
	r.deploys()
	r.imports()
	for name := range made {
		must(t, "rm", name, "--yes")
		nothingOf(t, name)
	}
	left := routes(t)
	for name, path := range made {
		if found, there := left[path]; there {
			t.Errorf("of %s a route is left: %+v", name, found)
		}
	}
}

// add runs the lines that make projects, and returns the paths of these by their names.
func (r readme) add(lines []string) map[string]string {
	t := r.t
	t.Helper()
	var templates []string
	made := map[string]string{}
	for _, line := range lines {
		template, at := addsTemplate.FindStringSubmatch(line), addsPath.FindStringSubmatch(line)
		if template == nil || at == nil {
			t.Fatalf("%q makes no project at a path", line)
		}
		templates = append(templates, template[1])
		r.run(line)
		name := routes(t)[at[1]].Project
		if name == "" {
			t.Fatalf("after %q no project has the path %s: %v", line, at[1], routes(t))
		}
		t.Cleanup(func() { gateway("rm", name, "--yes") })
		made[name] = at[1]
	}
	slices.Sort(templates)
	if want := []string{"compose", "dev", "portfolio", "redirect", "slack-invite", "wordpress", "wordpress"}; !slices.Equal(templates, want) {
		t.Errorf("the README makes %q, want %q", templates, want)
	}
	return made
}

// answers are what clients find at the paths of the README's projects, before anybody has set up anything in these.
var answers = map[string]string{
	"/": "/wp-admin/install.php", "/blog": "/blog/wp-admin/install.php",
	"/dev/ada": "<title>code-server", "/robots": "<title>robots", "/slack": "Join us on Slack",
	"/shop": "<h1>shop, first</h1>", "/bots": "<title>robots",
}

// answering checks that each project answers at its path, with what is its own.
func answering(t *testing.T, made map[string]string) {
	t.Helper()
	for name, path := range made {
		want := answers[path]
		if want == "" {
			t.Errorf("nobody knows what %s answers at %s", name, path)
			continue
		}
		a, from := send(t, browser(t), "GET "+site+strings.TrimSuffix(path, "/")+"/", "")
		if a.status != http.StatusOK || !strings.Contains(from+a.body, want) {
			t.Errorf("%s answers %d from %s, and no %s: %.200s", name, a.status, from, want, a.body)
		}
	}
}

// told checks that what lists projects lists them all, and finds nothing wrong.
func told(t *testing.T, made map[string]string) {
	t.Helper()
	all, listing := routes(t), must(t, "ls")
	for name, path := range made {
		if found := all[path]; found.State != "ready" || found.Project != name || len(found.Targets) != 1 {
			t.Errorf("the route %s: %+v", path, found)
		}
		if !slices.ContainsFunc(strings.Split(listing, "\n"), func(line string) bool {
			words := strings.Fields(line)
			return len(words) > 2 && words[0] == name && slices.Contains(words, path)
		}) {
			t.Errorf("ls lacks %s at %s:\n%s", name, path, listing)
		}
		shown := must(t, "show", name)
		if !strings.Contains(shown, filepath.Join(lane.projects, name)) || strings.Contains(shown, "problem") {
			t.Errorf("show %s:\n%s", name, shown)
		}
	}
	out, stderr, err := gateway("status")
	// How full this machine's disk is does not matter here.
	if about := regexp.MustCompile(`(?m)^warning: the disk of .*$`).ReplaceAllString(stderr, ""); err != nil || strings.Contains(about, "warning") {
		t.Errorf("status: %v\n%s%s", err, out, stderr)
	}
}

// lives sets up the WordPress at the root and the one below a path, and moves that one by the README's line: all that was
// written there is at the new path.
func (r readme) lives(line, from, to string) {
	t := r.t
	t.Helper()
	root, blog := wordpress{browser(t), site}, wordpress{browser(t), site + from}
	root.install(t)
	blog.install(t)
	root.publish(t)
	post := blog.publish(t)
	r.run(line)
	moved := strings.Replace(post, site+from+"/", site+to+"/", 1)
	a, _ := send(t, blog.client, "GET "+moved, "")
	if a.status != http.StatusOK || strings.Contains(a.body, site+from) || !strings.Contains(a.body, site+to+"/wp-content/uploads/") {
		t.Errorf("after the move %s says %d, with links to the old path or without those to the new one", moved, a.status)
	}
	if a, _ := send(t, root.client, "GET "+site+from+"/", ""); a.status != http.StatusNotFound {
		t.Errorf("the old path says %d", a.status)
	}
}

// version makes ./dist another build.
func (r readme) version(title string) {
	r.t.Helper()
	r.write("dist/index.html", "<!doctype html><title>robots, "+title+"</title>")
}

// deploys runs what the README says of versions, with a new build for each that it deploys.
func (r readme) deploys() {
	t := r.t
	t.Helper()
	r.version("second")
	must(t, "deploy", "robots", "--dir", filepath.Join(r.dir, "dist"))
	r.version("third")
	said := []string{"second", "third", "second", "third"}
	lines := r.commands("deploying")
	if len(lines) != len(said) {
		t.Fatalf("the README's commands are others than those that this test is about: %q", lines)
	}
	for i, line := range lines {
		r.run(line)
		if a, err := get(base + "/robots/"); err != nil || !strings.Contains(a.body, "robots, "+said[i]) {
			t.Errorf("after %q in force is %q (%v), want the %s version", line, a.body, err, said[i])
		}
	}
}

// shop makes ./shop what somebody else wrote: a compose file with a build, two services and a published port.
func (r readme) shop(says string) {
	t := r.t
	t.Helper()
	app, err := os.ReadFile(filepath.Join(filepath.Dir(lane.binary), "app"))
	if err != nil {
		t.Fatal(err)
	}
	r.write("shop/app", string(app))
	if err := os.Chmod(filepath.Join(r.dir, "shop/app"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("shop/Dockerfile", "FROM scratch\nCOPY app /app\nENV PORT=3000\nEXPOSE 3000\nENTRYPOINT [\"/app\"]\n")
	r.write("shop/compose.yaml", strings.NewReplacer("APP", appImage, "SAYS", says).Replace(`# Written by somebody who knows nothing of the gateway.
services:
  web:
    build: .
    ports: ["3000:3000"]
    environment: {NAME: "SAYS"}
    depends_on: [api]
  api: {image: APP}
`))
}

// imports runs the commands for imported files: a deployment of new ones, and the other way to create the project.
func (r readme) imports() {
	t := r.t
	t.Helper()
	lines := r.commands("compose")
	if len(lines) != 3 || !strings.HasPrefix(lines[2], "gateway deploy shop ") {
		t.Fatalf("the README's commands are others than those that this test is about: %q", lines)
	}
	r.shop("shop, second")
	r.run(lines[2])
	eventually(t, base+"/shop/", "the new files", func(a answer) bool { return strings.Contains(a.body, "<h1>shop, second</h1>") })
	for _, line := range lines[:2] {
		must(t, "rm", "shop", "--yes")
		nothingOf(t, "shop")
		r.run(line)
		eventually(t, base+"/shop/", "the shop after "+line, func(a answer) bool { return strings.Contains(a.body, "<h1>shop, second</h1>") })
	}
	for _, file := range []string{"compose.yaml", "Dockerfile", "app"} {
		mine, err := os.ReadFile(filepath.Join(r.dir, "shop", file))
		kept, keptErr := os.ReadFile(filepath.Join(lane.projects, "shop", "source", file))
		if err != nil || keptErr != nil || string(mine) != string(kept) {
			t.Errorf("%s was changed: %v %v", file, err, keptErr)
		}
	}
}
