package main_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// expire makes the last day of a project one that is past, in its file alone.
func expire(t *testing.T, project string) {
	t.Helper()
	lastDay(t, project, "2020-01-31")
}

// lastDay writes the last day of a project into its file alone.
func lastDay(t *testing.T, project, day string) {
	t.Helper()
	file := filepath.Join(lane.projects, project, "compose.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if before, _, found := strings.Cut(line, "expires: &expires "); found {
			lines[i] = before + `expires: &expires "` + day + `"`
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestExpire_SuspendsAndRenewBringsBack(t *testing.T) {
	add(t, "e2e-old", "/e2e-old", "--owner", "kim@example.org", "--ttl", "90d")
	add(t, "e2e-young", "/e2e-young", "--ttl", "90d")
	add(t, "e2e-timeless", "/e2e-timeless")
	expire(t, "e2e-old")
	must(t, "deploy", "e2e-old")

	out := must(t, "expire", "old", "projects")
	if !strings.Contains(out, "e2e-old") || !strings.Contains(out, "notify now, suspend on") || strings.Contains(out, "e2e-young") || strings.Contains(out, "e2e-timeless") {
		t.Errorf("the plan is\n%s", out)
	}
	must(t, "expire", "old", "projects", "--yes")
	if a, err := get(base + "/e2e-old/"); err != nil || a.status != http.StatusOK {
		t.Errorf("after the notice: %v %d", err, a.status)
	}
	must(t, "expire", "old", "projects", "--now", "--yes")
	a := eventually(t, base+"/e2e-old/", "the page of an expired project", status(http.StatusGone))
	if !strings.Contains(a.body, "kim@example.org") || !strings.Contains(a.body, "gateway renew e2e-old") {
		t.Errorf("the page is\n%s", a.body)
	}
	for _, other := range []string{"/e2e-young/", "/e2e-timeless/"} {
		if a, err := get(base + other); err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %v %d", other, err, a.status)
		}
	}
	if state := docker(t, "inspect", "-f", "{{.State.Status}}", onlyContainer(t, "e2e-old")); state != "exited" {
		t.Errorf("the container is %s", state)
	}
	if ls := must(t, "ls"); !strings.Contains(ls, "expired") {
		t.Errorf("ls:\n%s", ls)
	}
	if _, stderr, err := gateway("start", "e2e-old"); err == nil || !strings.Contains(stderr, "gateway renew e2e-old") {
		t.Errorf("start: %v %s", err, stderr)
	}
	must(t, "renew", "e2e-old")
	eventually(t, base+"/e2e-old/", "the renewed project", served)
	must(t, "expire", "e2e-old", "--now", "--yes")
	eventually(t, base+"/e2e-old/", "the page of an expired project", status(http.StatusGone))
	page := t.TempDir()
	writeShop(t, page, map[string]string{"index.html": "<!doctype html>new"})
	must(t, "deploy", "e2e-old", "--dir", page)
	a = eventually(t, base+"/e2e-old/", "the project of which something new was deployed", served)
	if !strings.Contains(a.body, "new") {
		t.Errorf("the page is\n%s", a.body)
	}
	if out := must(t, "show", "e2e-old"); !strings.Contains(out, "(90 days)") || !strings.Contains(out, "90d from the last deployment or renewal") {
		t.Errorf("deployed, it is\n%s", out)
	}

	// One without a last day gets one, which its containers say too.
	must(t, "expire", "e2e-timeless", "--now", "--yes")
	eventually(t, base+"/e2e-timeless/", "the page of an expired project", status(http.StatusGone))
	must(t, "renew", "e2e-timeless", "--pin")
	eventually(t, base+"/e2e-timeless/", "the pinned project", served)
	if out := must(t, "expire", "e2e-timeless"); !strings.Contains(out, "left alone: it is pinned") {
		t.Errorf("the plan is\n%s", out)
	}
}

// TestDeploy_BeginsATermAgainAndLosesNoRequest is the one deployment of a site that replaces its container: the day that the
// container says is another one.
func TestDeploy_BeginsATermAgainAndLosesNoRequest(t *testing.T) {
	add(t, "e2e-term", "/e2e-term", "--ttl", "90d")
	tomorrow := time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	lastDay(t, "e2e-term", tomorrow)
	must(t, "deploy", "e2e-term")
	label := func() string {
		return docker(t, "inspect", "-f", `{{index .Config.Labels "gateway.expires"}}`, onlyContainer(t, "e2e-term"))
	}
	if got := label(); got != tomorrow {
		t.Fatalf("the container says %s", got)
	}
	stop := ask(t, base+"/e2e-term/")
	page := t.TempDir()
	for i, text := range []string{"first", "second"} {
		before := onlyContainer(t, "e2e-term")
		writeShop(t, page, map[string]string{"index.html": "<!doctype html>" + text})
		must(t, "deploy", "e2e-term", "--dir", page)
		eventually(t, base+"/e2e-term/", "the new page", func(a answer) bool { return strings.Contains(a.body, text) })
		if replaced := onlyContainer(t, "e2e-term") != before; replaced != (i == 0) {
			t.Errorf("the %s deployment replaced the container: %v", text, replaced)
		}
	}
	stop()
	if got, want := label(), time.Now().AddDate(0, 0, 90).Format(time.DateOnly); got != want {
		t.Errorf("the container says %s, want %s", got, want)
	}
}

// TestExpire_RetiresAWordPressThatRestoreBringsBack is the whole way of a project with a database: notice, suspension, archive
// and deletion, and back with a post, its image and the login.
func TestExpire_RetiresAWordPressThatRestoreBringsBack(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11")
	t.Cleanup(func() { gateway("rm", "e2e-club", "--yes") })
	must(t, "add", "wordpress", "e2e-club", "--path", "/e2e-club", "--owner", "kim@example.org", "--ttl", "90d")
	w := wordpress{browser(t), site + "/e2e-club"}
	w.install(t)
	post := w.publish(t)
	expire(t, "e2e-club")
	must(t, "deploy", "e2e-club")
	backups := t.TempDir()
	step := func(said string, more ...string) {
		t.Helper()
		_, stderr, err := gateway(append([]string{"expire", "old", "projects", "--yes", "--to", backups}, more...)...)
		if err != nil || !strings.Contains(stderr, said) {
			t.Fatalf("%v: %s, want %q", err, stderr, said)
		}
	}
	step("e2e-club expires: it is suspended after")
	w.survived(t, post)
	step("e2e-club is suspended", "--now")
	a := eventually(t, base+"/e2e-club/", "the page of an expired project", status(http.StatusGone))
	if !strings.Contains(a.body, "kim@example.org") || !strings.Contains(a.body, "gateway renew e2e-club") {
		t.Errorf("the page is\n%s", a.body)
	}
	step("e2e-club is archived in "+backups, "--now")
	step("e2e-club is deleted; its archive is "+backups, "--now")
	nothingOf(t, "e2e-club")
	eventually(t, base+"/e2e-club/", "a page that says it is gone", status(http.StatusNotFound))
	must(t, "restore", "e2e-club", "--dir", backups)
	w.survived(t, post)
	if out := must(t, "show", "e2e-club"); !strings.Contains(out, "(90 days)") {
		t.Errorf("restored, it is\n%s", out)
	}
}

// TestExpire_DeletesNothingWhenTheDiskOfArchivesIsFull holds that a project stays as it is until its archive is whole.
func TestExpire_DeletesNothingWhenTheDiskOfArchivesIsFull(t *testing.T) {
	add(t, "e2e-tight", "/e2e-tight", "--ttl", "90d")
	noise(t, filepath.Join(lane.projects, "e2e-tight", "site", "large"), 8<<20)
	must(t, "expire", "e2e-tight", "--now", "--yes")
	disk := filesystem(t, "size=2m")
	container := onlyContainer(t, "e2e-tight")
	for range 2 {
		_, stderr, err := gateway("expire", "e2e-tight", "--now", "--yes", "--to", disk)
		if err == nil || !strings.Contains(stderr, "no space left") || !strings.Contains(stderr, "make room") {
			t.Errorf("it says %s (%v)", stderr, err)
		}
		if left := namesIn(t, disk); left != "" {
			t.Errorf("left on the disk: %s", left)
		}
		if now := onlyContainer(t, "e2e-tight"); now != container {
			t.Errorf("the container is %s and was %s", now, container)
		}
	}
	must(t, "renew", "e2e-tight")
	a := eventually(t, base+"/e2e-tight/large", "the file of the renewed project", served)
	if len(a.body) != 8<<20 {
		t.Errorf("it has %d bytes", len(a.body))
	}
}

func TestExpire_SuspendsContainersWithoutAProject(t *testing.T) {
	docker(t, "run", "-d", "--name", "e2e-stray", "--restart", "always", "--label", "gateway.path=/e2e-stray", "--label", "gateway.port=8080", "--label", "gateway.expires=2020-01-31",
		"gateway:latest", "site", "--root", "/")
	t.Cleanup(func() { docker(t, "rm", "-f", "e2e-stray") })
	await(t, "the route of the container", func() bool { return routes(t)["/e2e-stray"].State == "ready" }, func() string { return "" })
	must(t, "expire", "old", "projects", "--yes")
	a := eventually(t, base+"/e2e-stray/", "the page of an expired container", status(http.StatusGone))
	if strings.Contains(a.body, "gateway renew") {
		t.Errorf("the page is\n%s", a.body)
	}
	if state := docker(t, "inspect", "-f", "{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}", "e2e-stray"); state != "exited unless-stopped" {
		t.Errorf("the container is %s", state)
	}
}

func TestExpire_ArchivesDeletesAndRestores(t *testing.T) {
	add(t, "e2e-retired", "/e2e-retired", "--ttl", "90d")
	dir, backups := filepath.Join(lane.projects, "e2e-retired"), t.TempDir()
	page := filepath.Join(dir, "site", "index.html")
	if err := os.WriteFile(page, []byte("<title>kept for ever</title>"), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, base+"/e2e-retired/", "the new page", func(a answer) bool { return strings.Contains(a.body, "kept for ever") })
	expire := func() string {
		_, stderr, err := gateway("expire", "e2e-retired", "--now", "--yes", "--to", backups)
		if err != nil {
			t.Fatalf("%v %s", err, stderr)
		}
		return stderr
	}
	expire()
	eventually(t, base+"/e2e-retired/", "the page of an expired project", status(http.StatusGone))
	must(t, "renew", "e2e-retired")
	eventually(t, base+"/e2e-retired/", "the renewed project", served)
	expire()
	if said := expire(); !strings.Contains(said, "is archived in "+backups) {
		t.Errorf("archive says %s", said)
	}
	must(t, "renew", "e2e-retired")
	eventually(t, base+"/e2e-retired/", "the project renewed from its archive", served)
	for range 2 {
		expire()
	}
	if said := expire(); !strings.Contains(said, "is deleted; its archive is "+backups) {
		t.Errorf("delete says %s", said)
	}
	nothingOf(t, "e2e-retired")
	eventually(t, base+"/e2e-retired/", "a page that says it is gone", status(http.StatusNotFound))
	must(t, "restore", "e2e-retired", "--dir", backups)
	a := eventually(t, base+"/e2e-retired/", "the restored project", served)
	if !strings.Contains(a.body, "kept for ever") {
		t.Errorf("restored as %s", a.body)
	}
	if out := must(t, "expire", "e2e-retired"); !strings.Contains(out, "notify now") {
		t.Errorf("restored, it is not in a new term:\n%s", out)
	}
}

func TestExpire_NeedsNoKeyToDeleteWhatItEncrypted(t *testing.T) {
	// Tests alone have this pair of keys.
	const recipient = "age1qauc7f0rnpx78s5h0tug2swpeqe6pz80u8qztafc9rjxzq5qm59qru85n2"
	const identity = "AGE-SECRET-KEY-1E5HLJ0KJUNMDXF4KKJPZLSDX3GPGYTUWZL6LXRQSCSGEHU7GXVCQN0CK7D"
	add(t, "e2e-sealed", "/e2e-sealed", "--ttl", "90d")
	backups, said := t.TempDir(), ""
	for range 3 {
		var err error
		if _, said, err = gateway("expire", "e2e-sealed", "--now", "--yes", "--to", backups, "--encrypt", recipient); err != nil {
			t.Fatalf("%v %s", err, said)
		}
	}
	if !strings.Contains(said, "is deleted; its archive is "+backups) || !strings.Contains(said, ".tar.zst.age --identity key.txt") {
		t.Errorf("delete says %s", said)
	}
	nothingOf(t, "e2e-sealed")
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := gateway("restore", "e2e-sealed", "--dir", backups); err == nil || !strings.Contains(stderr, "--identity") {
		t.Errorf("without the key: %v %s", err, stderr)
	}
	must(t, "restore", "e2e-sealed", "--dir", backups, "--identity", key)
	eventually(t, base+"/e2e-sealed/", "the restored project", served)
}

// The agent does by itself what is due, once a day, and tells owners by a container that has a network.
func TestExpire_IsDoneDailyByTheAgent(t *testing.T) {
	told := make(chan string, 10)
	hook := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	docker(t, "run", "-d", "--name", "e2e-daily", "--label", "gateway.path=/e2e-daily", "--label", "gateway.port=8080", "--label", "gateway.expires=2020-01-31",
		"gateway:latest", "site", "--root", "/")
	t.Cleanup(func() { docker(t, "rm", "-f", "e2e-daily") })
	// It listens where containers reach it.
	bridge := strings.TrimSpace(docker(t, "inspect", "-f", "{{.NetworkSettings.Gateway}}", "e2e-daily"))
	l, err := net.Listen("tcp", net.JoinHostPort(bridge, "0"))
	if err != nil {
		t.Fatal(err)
	}
	hook.Listener.Close()
	hook.Listener = l
	hook.Start()
	defer hook.Close()
	must(t, "expire", "old", "projects", "--notify", hook.URL+"/SECRET")
	must(t, "up", "--http", port, "--expire-daily", "04:00")
	t.Cleanup(func() {
		must(t, "up", "--expire-daily", "")
		must(t, "expire", "old", "projects", "--notify", "")
	})
	if out := must(t, "status"); !strings.Contains(out, "expiry") || !strings.Contains(out, "daily at 04:00") {
		t.Errorf("status:\n%s", out)
	}
	if out := docker(t, "inspect", "gateway-agent"); strings.Contains(out, "SECRET") {
		t.Errorf("the webhook is shown:\n%s", out)
	}
	// It missed its hour for years, and was told of the container long ago.
	at := strings.TrimSpace(docker(t, "volume", "inspect", "-f", "{{.Mountpoint}}", "gateway-agent"))
	state := filepath.Join(at, "expiry.json")
	daily := func(text string) {
		t.Helper()
		docker(t, "stop", "gateway-agent")
		if err := os.WriteFile(state, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		docker(t, "start", "gateway-agent")
	}
	daily(`{"last":"2026-01-01T04:00:00Z"}`)
	select {
	case message := <-told:
		if !strings.Contains(message, `"event":"notify"`) || !strings.Contains(message, `"project":"e2e-daily"`) {
			t.Errorf("told %s", message)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nobody was told: %s", docker(t, "logs", "gateway-agent"))
	}
	daily(`{"last":"2026-01-01T04:00:00Z","noticed":{"e2e-daily":{"expires":"2020-01-31T00:00:00Z","notified":"2020-02-01T00:00:00Z"}}}`)
	eventually(t, base+"/e2e-daily/", "the page of an expired container", status(http.StatusGone))
}
