package main_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A few users at each route are enough to notice a request that is lost.
const fewUsers = 20

// twoFiles are a project of two services that clients reach, each with a name.
func twoFiles(name, further string) map[string]string {
	return map[string]string{"compose.yaml": fmt.Sprintf(`name: e2e-two
services:
  web:
    image: gateway-e2e-app:latest
    environment: {PORT: "3000", NAME: web-%[1]s}
    depends_on: [api]
    labels: {gateway.path: /e2e-two, gateway.port: "3000"%[2]s}
  api:
    image: gateway-e2e-app:latest
    environment: {PORT: "4000", NAME: api-%[1]s}
    labels: {gateway.path: /e2e-two/api, gateway.port: "4000"}
`, name, further)}
}

// onlyContainer is the id of the one container that a project has, whose name is another after a deployment.
func onlyContainer(t *testing.T, project string) string {
	t.Helper()
	ids := strings.Fields(docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+project))
	if len(ids) != 1 {
		t.Fatalf("project %s has the containers %v", project, ids)
	}
	return ids[0]
}

// containersOf are the ids of a project's containers and when they were started, by their names.
func containersOf(t *testing.T, project string) string {
	t.Helper()
	ids := strings.Fields(docker(t, "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project="+project))
	return docker(t, append([]string{"inspect", "-f", "{{.Name}} {{.Id}} {{.State.StartedAt}}"}, ids...)...)
}

func TestDeploy_LosesNoRequestOfAProjectWithTwoServices(t *testing.T) {
	dir := filepath.Join(lane.projects, "e2e-two")
	writeShop(t, dir, twoFiles("one", ""))
	must(t, "deploy", "e2e-two")
	t.Cleanup(func() { gateway("rm", "e2e-two", "--yes") })
	web, api := gatherOf(t, "/e2e-two", fewUsers), gatherOf(t, "/e2e-two/api", fewUsers)
	web.awaitAnswersBy("web-one")
	api.awaitAnswersBy("api-one")

	phase := func(name string) {
		web.phase(name)
		api.phase(name)
	}
	phase("deploy")
	writeShop(t, dir, twoFiles("two", ""))
	must(t, "deploy", "e2e-two")
	phase("deployed")
	web.awaitAnswersBy("web-two")
	api.awaitAnswersBy("api-two")
	onlyBy(t, web, "web-two")
	onlyBy(t, api, "api-two")

	phase("the same again")
	before := containersOf(t, "e2e-two")
	must(t, "deploy", "e2e-two")
	if now := containersOf(t, "e2e-two"); now != before {
		t.Errorf("a second deploy made of\n%s\n%s", before, now)
	}

	phase("a version that does not start")
	writeShop(t, dir, twoFiles("three", "}\n    entrypoint: [/nothing-of-that-name]\n    x-rest: {"))
	_, stderr, err := gateway("deploy", "e2e-two")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if err == nil || !strings.Contains(stderr, "gateway: web-") || !strings.Contains(lines[len(lines)-1], "never stopped") {
		t.Errorf("a version that does not start: %v\n%s", err, stderr)
	}
	if now := containersOf(t, "e2e-two"); now != before {
		t.Errorf("a deploy that failed made of\n%s\n%s", before, now)
	}

	phase("a version that fails its check")
	writeShop(t, dir, twoFiles("three", ", gateway.health.path: /fail"))
	if _, stderr, err = gateway("deploy", "e2e-two"); err == nil || !strings.Contains(stderr, "never stopped") {
		t.Errorf("a version that fails its check: %v\n%s", err, stderr)
	}
	if now := containersOf(t, "e2e-two"); now != before {
		t.Errorf("a deploy that failed made of\n%s\n%s", before, now)
	}

	phase("a deploy that is killed")
	slow := twoFiles("three", "")
	slow["compose.yaml"] = strings.ReplaceAll(slow["compose.yaml"], "NAME: web-", "DELAY: 10m, NAME: web-")
	writeShop(t, dir, slow)
	killed := exec.Command(lane.binary, "deploy", "e2e-two")
	killed.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "new containers", func() bool {
		return strings.Count(docker(t, "ps", "--filter", "label=com.docker.compose.project=e2e-two", "--format", "{{.Names}}"), ".next") == 2
	}, func() string { return containersOf(t, "e2e-two") })
	_, _ = killed.Process.Kill(), killed.Wait()
	web.awaitAnswersBy("web-two")
	api.awaitAnswersBy("api-two")

	phase("back")
	writeShop(t, dir, twoFiles("one", ""))
	must(t, "deploy", "e2e-two")
	web.awaitAnswersBy("web-one")
	api.awaitAnswersBy("api-one")
	web.leave()
	api.leave()
	if left := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-two"); len(strings.Fields(left)) != 2 {
		t.Errorf("containers are left: %s", left)
	}
}

// onlyBy checks that all answers of the phase are by one.
func onlyBy(t *testing.T, c *crowd, name string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now.by) != 1 || c.now.by[name] == 0 {
		t.Errorf("after the switch there were answers by %v", c.now.by)
	}
}

func TestDeploy_QueuesRequestsOfWhatCannotRunTwice(t *testing.T) {
	dir := t.TempDir()
	files := func(name string) map[string]string {
		return map[string]string{"compose.yaml": fmt.Sprintf(`name: one
services:
  web:
    image: gateway-e2e-app:latest
    environment: {PORT: "3000", NAME: %[1]s}
    volumes: ["state:/state"]
    depends_on: [api]
  api:
    image: gateway-e2e-app:latest
    environment: {PORT: "4000", NAME: api-%[1]s}
volumes: {state: {}}
`, name)}
	}
	writeShop(t, dir, files("alone-one"))
	must(t, "add", "compose", "e2e-alone", "--from", dir, "--service", "web", "--path", "/e2e-alone", "--port", "3000")
	t.Cleanup(func() { gateway("rm", "e2e-alone", "--yes") })
	c := gatherOf(t, "/e2e-alone", fewUsers)
	c.awaitAnswersBy("alone-one")
	c.phase("deploy")
	writeShop(t, dir, files("alone-two"))
	_, stderr, err := gateway("deploy", "e2e-alone", "--dir", dir)
	if err != nil || !strings.Contains(stderr, "wait up to 1m0s") {
		t.Fatalf("deploy: %v\n%s", err, stderr)
	}
	c.phase("deployed")
	c.awaitAnswersBy("alone-two")
	onlyBy(t, c, "alone-two")

	// A pause of a person outlives a deployment.
	c.leave()
	must(t, "pause", "e2e-alone", "--message", "closed", "--wait", "0")
	writeShop(t, dir, files("alone-three"))
	if _, stderr, err := gateway("deploy", "e2e-alone", "--dir", dir); err != nil {
		t.Fatalf("deploy: %v\n%s", err, stderr)
	}
	if a, err := get(base + "/e2e-alone/"); err != nil || a.status != 503 || !strings.Contains(a.body, "closed") {
		t.Errorf("the pause is gone: %v %d %s", err, a.status, a.body)
	}
	must(t, "resume", "e2e-alone")
}

func TestDeploy_OfFilesLosesNoRequest(t *testing.T) {
	page := func(text string) string {
		dir := t.TempDir()
		writeShop(t, dir, map[string]string{"index.html": "<!doctype html>" + text, filepath.Join("job", "index.html"): text})
		return dir
	}
	add(t, "e2e-pages", "/e2e-pages", "--dir", page("one"))
	before := containersOf(t, "e2e-pages")
	stop := ask(t, base+"/e2e-pages/")
	for _, text := range []string{"two", "three", "four"} {
		must(t, "deploy", "e2e-pages", "--dir", page(text))
		if a, err := get(base + "/e2e-pages/"); err != nil || !strings.Contains(a.body, text) {
			t.Errorf("after the deploy of %s: %v %s", text, err, a.body)
		}
	}
	stop()
	if now := containersOf(t, "e2e-pages"); now != before {
		t.Errorf("files made of\n%s\n%s", before, now)
	}
}

// ask asks for a page again and again, until stop is called: each answer has to be one of the app.
func ask(t *testing.T, url string) (stop func()) {
	t.Helper()
	done, asked := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				asked <- nil
				return
			default:
			}
			if a, err := get(url); err != nil || !served(a) {
				asked <- fmt.Errorf("request %d: %w %d", i, err, a.status)
				return
			}
		}
	}()
	return func() {
		t.Helper()
		close(done)
		if err := <-asked; err != nil {
			t.Error(err)
		}
	}
}

// TestDeploy_OfAnEditedFileGoesBack edits the compose.yaml of an app that cannot run twice so that it does not start: the
// app runs as before, the requests have waited, and the edit is kept.
func TestDeploy_OfAnEditedFileGoesBack(t *testing.T) {
	files := func(name, further string) map[string]string {
		return map[string]string{"compose.yaml": fmt.Sprintf(`name: e2e-edited
services:
  web:
    image: gateway-e2e-app:latest
    environment: {PORT: "3000", NAME: %s}
    labels: {gateway.path: /e2e-edited, gateway.port: "3000"}
    volumes: ["state:/state"]%s
volumes: {state: {}}
`, name, further)}
	}
	dir := filepath.Join(lane.projects, "e2e-edited")
	writeShop(t, dir, files("edited-one", ""))
	must(t, "deploy", "e2e-edited")
	t.Cleanup(func() { gateway("rm", "e2e-edited", "--yes") })
	c := gatherOf(t, "/e2e-edited", fewUsers)
	c.awaitAnswersBy("edited-one")
	for _, further := range []string{"\n    entrypoint: [/nothing-of-that-name]", "\n    command: [probe, http://127.0.0.1:1/]"} {
		c.phase("an edit that does not start:" + further)
		broken := files("edited-two", further)
		writeShop(t, dir, broken)
		_, stderr, err := gateway("deploy", "e2e-edited")
		if err == nil || !strings.Contains(stderr, "runs as it was last deployed; edits in its folder are kept") {
			t.Errorf("an edit that does not start: %v\n%s", err, stderr)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "compose.yaml")); err != nil || string(text) != broken["compose.yaml"] {
			t.Errorf("the edit is\n%s (%v)", text, err)
		}
		c.phase("back")
		c.awaitAnswersBy("edited-one")
		onlyBy(t, c, "edited-one")
	}
	c.phase("an edit that starts")
	writeShop(t, dir, files("edited-two", ""))
	must(t, "deploy", "e2e-edited")
	c.phase("deployed")
	c.awaitAnswersBy("edited-two")
	onlyBy(t, c, "edited-two")
	c.leave()
}

func TestSet_QueuesTheRequestsOfWordPress(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11")
	t.Cleanup(func() { gateway("rm", "e2e-queue", "--yes") })
	must(t, "add", "wordpress", "e2e-queue", "--path", "/e2e-queue")
	patient := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: client.CheckRedirect}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers sync.WaitGroup
	var answers atomic.Int64
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				res, err := patient.Get(base + "/e2e-queue/wp-admin/install.php")
				if err != nil {
					t.Error(err)
					return
				}
				if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
					t.Errorf("the answer is %s", res.Status)
				}
				answers.Add(1)
			}
		})
	}
	before := containersOf(t, "e2e-queue")
	must(t, "set", "e2e-queue", "upload-limit=96M", "memory=640M")
	settled := answers.Load()
	await(t, "answers after the change", func() bool { return answers.Load() > settled+4 }, func() string { return "none" })
	stop()
	readers.Wait()
	t.Logf("%d answers", answers.Load())
	if now := containersOf(t, "e2e-queue"); now == before {
		t.Error("no container was replaced")
	}
}
