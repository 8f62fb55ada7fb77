package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bundle is a folder such as a bundler leaves: a page that names a script by a hash of its content, and a film.
type bundle struct {
	t    *testing.T
	dir  string
	film []byte
}

func newBundle(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t, t.TempDir(), bytes.Repeat([]byte("film"), 4<<20)}
	b.write("film.mp4", b.film)
	return b
}

func (b *bundle) write(name string, content []byte) {
	b.t.Helper()
	name = filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// make builds a version that says which it is, in all of its files but the film.
func (b *bundle) make(id string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.dir, "assets")); err != nil {
		b.t.Fatal(err)
	}
	script := fmt.Sprintf("assets/index-%x.js", sha256.Sum256([]byte(id)))[:len("assets/index-")+10] + ".js"
	b.write(script, []byte("id="+id+"."))
	b.write("index.html", []byte("<!doctype html><!-- id="+id+". --><script src="+script+"></script>"+strings.Repeat(id+" ", 5000)))
}

var scriptOf = regexp.MustCompile(`^<!doctype html><!-- id=(\w+)\. --><script src=([^>]+)></script>`)

// visit loads a page with its script as a browser does, and returns the version that both are of.
func visit(url string) (id string, err error) {
	page, err := get(url)
	if err != nil || page.status != http.StatusOK {
		return "", fmt.Errorf("the page: %w, status %d", err, page.status)
	}
	parts := scriptOf.FindStringSubmatch(page.body)
	if parts == nil || !strings.HasSuffix(page.body, "</script>"+strings.Repeat(parts[1]+" ", 5000)) {
		return "", fmt.Errorf("a mixed page of %d bytes: %.100s", len(page.body), page.body)
	}
	script, err := get(url + parts[2])
	if err != nil || script.status != http.StatusOK || script.body != "id="+parts[1]+"." {
		return parts[1], fmt.Errorf("the script of version %s: %w, status %d, %.50q", parts[1], err, script.status, script.body)
	}
	return parts[1], nil
}

// clients ask for a page, 25 times a second in all, which is 50 requests, until their test stops them.
type clients struct {
	url    string
	visits atomic.Int64
	stop   chan struct{}
	all    sync.WaitGroup
	failed chan error
}

func startClients(t *testing.T, url string) *clients {
	v := &clients{url: url, stop: make(chan struct{}), failed: make(chan error, 100)}
	for range 5 {
		v.all.Go(v.visit)
	}
	t.Cleanup(v.leave)
	return v
}

func (v *clients) visit() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := visit(v.url); err != nil {
			select {
			case v.failed <- err:
			default:
			}
		}
		v.visits.Add(1)
		select {
		case <-v.stop:
			return
		case <-tick.C:
		}
	}
}

func (v *clients) leave() {
	select {
	case <-v.stop:
	default:
		close(v.stop)
	}
	v.all.Wait()
}

// content checks that nobody saw an error.
func (v *clients) content(t *testing.T) {
	t.Helper()
	v.leave()
	close(v.failed)
	for err := range v.failed {
		t.Error(err)
	}
}

func wantVisit(t *testing.T, url, want string) {
	t.Helper()
	if id, err := visit(url); err != nil || id != want {
		t.Errorf("in force is %q, want %q: %v", id, want, err)
	}
}

func TestDeploy_SwapsVersionsUnderLoad(t *testing.T) {
	const versions = 12
	url := base + "/e2e-swap/"
	site := newBundle(t)
	site.make("v0")
	add(t, "e2e-swap", "/e2e-swap", "--dir", site.dir)
	container := docker(t, "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "e2e-swap-site-1")
	wantVisit(t, url, "v0")
	film := load(t, url+"film.mp4")
	crowd := startClients(t, url)
	for n := 1; n <= versions; n++ {
		id := fmt.Sprintf("v%d", n)
		site.make(id)
		must(t, "deploy", "e2e-swap", "--dir", site.dir)
		// deploy returns when the version is in force: no waiting here.
		wantVisit(t, url, id)
		film.read()
		if n%5 == 0 {
			must(t, "rollback", "e2e-swap")
			wantVisit(t, url, fmt.Sprintf("v%d", n-1))
		}
	}
	crowd.content(t)
	if n := crowd.visits.Load(); n < 5*versions {
		t.Errorf("only %d visits", n)
	}
	film.finish(site.film)
	if now := docker(t, "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "e2e-swap-site-1"); now != container {
		t.Errorf("the container was %s and is %s", container, now)
	}
	if out := must(t, "show", "e2e-swap"); strings.Count(out, "\nversion ") != 5 || strings.Count(out, "  current  ") != 1 {
		t.Errorf("show lists other than the last five versions:\n%s", out)
	}
}

// loading is a file that is loaded slowly.
type loading struct {
	t    *testing.T
	body io.Reader
	got  []byte
}

func load(t *testing.T, url string) *loading {
	t.Helper()
	res, err := (&http.Client{Transport: &http.Transport{}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return &loading{t: t, body: res.Body}
}

// read takes a part of it, often enough for the gateway to go on waiting.
func (l *loading) read() {
	l.t.Helper()
	part := make([]byte, 512<<10)
	n, err := io.ReadFull(l.body, part)
	if err != nil {
		l.t.Errorf("the download broke off after %d bytes: %v", len(l.got)+n, err)
	}
	l.got = append(l.got, part[:n]...)
}

// finish reads the rest, and compares all of it.
func (l *loading) finish(want []byte) {
	l.t.Helper()
	rest, err := io.ReadAll(l.body)
	if got := append(l.got, rest...); err != nil || !bytes.Equal(got, want) {
		l.t.Errorf("the download has %d of %d bytes: %v", len(got), len(want), err)
	}
}

func TestDeploy_KilledLeavesAWholeSite(t *testing.T) {
	url := base + "/e2e-kill/"
	site := newBundle(t)
	site.make("v0")
	add(t, "e2e-kill", "/e2e-kill", "--dir", site.dir)
	for n := 1; n <= 15; n++ {
		site.make(fmt.Sprintf("v%d", n))
		c := exec.Command(lane.binary, "deploy", "e2e-kill", "--dir", site.dir)
		c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// Whenever it comes: copying, turning the link, waiting for the routes.
		kill := time.AfterFunc(time.Duration(n)*20*time.Millisecond, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
		if _, err := visit(url); err != nil {
			t.Errorf("killed after %d ms: %v", n*20, err)
		}
	}
	before, err := visit(url)
	if err != nil {
		t.Fatal(err)
	}
	// The next command puts in order what is left, and what clients saw is what there is.
	must(t, "deploy", "e2e-kill")
	wantVisit(t, url, before)
	entries, err := os.ReadDir(filepath.Join(lane.projects, "e2e-kill", "versions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
	site.make("last")
	must(t, "deploy", "e2e-kill", "--dir", site.dir)
	wantVisit(t, url, "last")
}

func TestDeploy_SwapsAProjectMadeBeforeThereWereVersions(t *testing.T) {
	url := base + "/e2e-aged/"
	site := newBundle(t)
	site.make("v0")
	add(t, "e2e-aged", "/e2e-aged", "--dir", site.dir)
	dir := filepath.Join(lane.projects, "e2e-aged")
	text, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	aged := strings.NewReplacer(", --versions, /versions", "", "      - ./versions:/versions:ro\n", "").Replace(string(text))
	if aged == string(text) || strings.Contains(aged, "/versions:") {
		t.Fatalf("the compose.yaml is not as it was before:\n%s", aged)
	}
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(aged), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "versions")); err != nil {
		t.Fatal(err)
	}
	must(t, "deploy", "e2e-aged")
	wantVisit(t, url, "v0")
	// Its container is replaced, and those who come meanwhile wait.
	crowd := startClients(t, url)
	site.make("v1")
	must(t, "deploy", "e2e-aged", "--dir", site.dir)
	wantVisit(t, url, "v1")
	must(t, "rollback", "e2e-aged")
	wantVisit(t, url, "v0")
	crowd.leave()
	docker(t, "restart", "-t", "1", onlyContainer(t, "e2e-aged"))
	eventually(t, url, "the current version after a restart", func(a answer) bool { return strings.Contains(a.body, "id=v0.") })
}
