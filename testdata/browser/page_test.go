package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// languages are those of the gateway's own pages, as a browser asks for them.
var languages = []struct{ tag, accept string }{{"en", "en-US"}, {"ko", "ko-KR"}}

func TestStoppedPage_SaysSoAndStays(t *testing.T) {
	const name, address = "browser-stopped", base + "/browser-stopped/"
	run(t, appImage, name)
	awaitCode(t, address, "")
	docker(t, "stop", "-t", "5", name)
	awaitCode(t, address, "stopped")
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{503, l.tag, map[string]string{"en": name + " is stopped", "ko": "중지되어 있습니다: " + name}[l.tag]})
		look(t, tab, "stopped-"+l.tag)
	}
	// Waiting does not help: only somebody who may can start the app.
	stays(t, tab)
	alone(t, seen, address)
	docker(t, "start", name)
	awaitCode(t, address, "")
	visit(t, tab, address)
	awaitApp(t, tab, name)
	alone(t, seen, address)
}

func TestStartingPage_TurnsIntoTheAppWhenItsCheckPasses(t *testing.T) {
	const name, address = "browser-starting", base + "/browser-starting/"
	run(t, checkedImage, name)
	awaitCode(t, address, "starting")
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{503, l.tag, map[string]string{"en": name + " is starting", "ko": "시작하는 중입니다: " + name}[l.tag]})
		look(t, tab, "starting-"+l.tag)
	}
	// What the health check asks for comes up: a second server in the same container.
	docker(t, "exec", "-d", "--env", "PORT=9000", name, "/app")
	awaitApp(t, tab, name)
	alone(t, seen, address)
}

func TestWakingPage_TurnsIntoTheAppOnceItIsReady(t *testing.T) {
	const name, address = "browser-asleep", base + "/browser-asleep/"
	run(t, checkedImage, name, "--restart", "always", "--label", "gateway.idle=1h")
	docker(t, "stop", "-t", "5", name)
	var routes []byte
	await(t, name+" to be asleep", func() bool {
		var err error
		routes, err = exec.Command(lane.binary, "routes", "/"+name, "--json").Output()
		return err == nil && strings.Contains(string(routes), `"asleep"`)
	}, func() string { return string(routes) })
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{503, l.tag, map[string]string{"en": name + " is waking up", "ko": "깨어나는 중입니다: " + name}[l.tag]})
		look(t, tab, "waking-"+l.tag)
	}
	// The first visit has started the container. Now what its health check asks for comes up.
	docker(t, "exec", "-d", "--env", "PORT=9000", name, "/app")
	awaitApp(t, tab, name)
	alone(t, seen, address)
}

func TestUnreachablePage_TurnsIntoTheAppWhenItListens(t *testing.T) {
	const name, address = "browser-late", base + "/browser-late/"
	// Without a health check nobody knows that the app is not ready: it listens elsewhere, and for now nothing does here.
	run(t, appImage, name, "--label", "gateway.port=8000", "--env", "PORT=9000")
	awaitCode(t, address, "unreachable")
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{502, l.tag, map[string]string{"en": name + " does not answer", "ko": "응답하지 않습니다: " + name}[l.tag]})
		look(t, tab, "unreachable-"+l.tag)
	}
	docker(t, "exec", "-d", "--env", "PORT=8000", name, "/app")
	awaitApp(t, tab, name)
	alone(t, seen, address)
}

func TestUnknownPath_IsNotFoundAndSaysNoMore(t *testing.T) {
	const address = base + "/browser-nothing/at-all?x=1"
	run(t, appImage, "browser-secret")
	awaitCode(t, base+"/browser-secret/", "")
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{404, l.tag, map[string]string{"en": "There is no project here", "ko": "여기에는 프로젝트가 없습니다"}[l.tag]})
		look(t, tab, "unknown-"+l.tag)
	}
	if eval[bool](t, tab, "document.documentElement.outerHTML.includes('browser-secret')") {
		t.Error("the page names a project that was not asked for")
	}
	stays(t, tab)
	alone(t, seen, address)
}

func TestRemovedContainer_LeavesAPageThatNamesIt(t *testing.T) {
	const name, address = "browser-removed", base + "/browser-removed/"
	run(t, appImage, name)
	awaitCode(t, address, "")
	docker(t, "rm", "-f", name)
	awaitCode(t, address, "removed")
	tab := newTab(t)
	seen := watch(t, tab)
	for _, l := range languages {
		speak(t, tab, l.accept)
		own(t, tab, address, ownAnswer{404, l.tag, map[string]string{"en": name + " was removed", "ko": "삭제되었습니다: " + name}[l.tag]})
		look(t, tab, "removed-"+l.tag)
	}
	stays(t, tab)
	alone(t, seen, address)
}

// ownPage is what a visitor finds on one of the gateway's own pages.
type ownPage struct {
	Language, Heading, Text string
	// Assets counts the elements that refer to anything outside of the page.
	Assets int
}

// ownAnswer is what tells one of the gateway's own pages from the others.
type ownAnswer struct {
	status            int64
	language, heading string
}

// own opens an address and checks that the gateway's own page answers, as wanted and with its request id on it.
func own(t *testing.T, tab context.Context, address string, want ownAnswer) {
	t.Helper()
	const script = "({ language: document.documentElement.lang, heading: document.querySelector('h1').innerText, text: document.body.innerText," +
		" assets: document.querySelectorAll('[src], link, script, object, iframe').length })"
	var page ownPage
	var res *network.Response
	// A page that reloads itself may be another one by the time it is read: then it is opened again.
	await(t, "a page with the request id of its header at "+address, func() bool {
		res = visit(t, tab, address)
		var err error
		page, err = attempt(tab, chromedp.Evaluate[ownPage](script))
		id := field(res, "X-Request-Id")
		return err == nil && id != "" && strings.Contains(page.Text, id)
	}, func() string { return fmt.Sprintf("X-Request-Id %q, page:\n%s", field(res, "X-Request-Id"), page.Text) })
	if got := (ownAnswer{res.Status, page.Language, page.Heading}); got != want {
		t.Errorf("%s: %+v, want %+v", address, got, want)
	}
	if page.Assets > 0 {
		t.Errorf("%s: the page refers to %d things outside of it", address, page.Assets)
	}
}

// alone fails the test when anything but the document was asked for.
func alone(t *testing.T, seen *record, address string) {
	t.Helper()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, url := range seen.requests {
		if url != address {
			t.Errorf("the page at %s asked for %s", address, url)
		}
	}
}

// stays fails the test when the page would reload itself: nothing will come of it.
func stays(t *testing.T, tab context.Context) {
	t.Helper()
	if eval[bool](t, tab, "document.querySelector('meta[http-equiv=refresh]') !== null") {
		t.Error("a page that is here to stay reloads itself")
	}
}

// awaitApp waits until the page that is open has become the test app.
func awaitApp(t *testing.T, tab context.Context, name string) {
	t.Helper()
	awaitPage(t, tab, "the page to turn into the app", fmt.Sprintf("document.title === 'app' && document.querySelector('h1').innerText === %q", name))
}

// awaitCode waits until an address is answered with the gateway's own page of a kind, or by the app when that is "".
func awaitCode(t *testing.T, address, code string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	var last string
	await(t, fmt.Sprintf("%q at %s", code, address), func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "application/json")
		res, err := client.Do(r)
		if err != nil {
			last = err.Error()
			return false
		}
		defer res.Body.Close()
		var page struct{ Error struct{ Code string } }
		// The app answers with HTML, which leaves the code empty.
		_ = json.NewDecoder(res.Body).Decode(&page)
		last = fmt.Sprintf("%d with code %q", res.StatusCode, page.Error.Code)
		return page.Error.Code == code && (code != "" || res.StatusCode == http.StatusOK)
	}, func() string {
		out, _ := exec.Command("docker", "ps", "-a", "--format", "{{.Names}}: {{.Status}}").CombinedOutput()
		return "last: " + last + "\n" + string(out)
	})
}
