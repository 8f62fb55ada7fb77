package browser_test

import (
	"strings"
	"testing"
)

func TestStarterPage_WorksAndLooksRightBelowItsPath(t *testing.T) {
	add(t, "robots", "/robots")
	tab := newTab(t)
	seen := watch(t, tab)
	res := visit(t, tab, base+"/robots/")
	if res.Status != 200 || !strings.HasPrefix(res.MimeType, "text/html") {
		t.Fatalf("the starter page: %d %s", res.Status, res.MimeType)
	}
	if title := eval[string](t, tab, "document.title"); title != "robots" {
		t.Errorf("the title is %q, want the project's name", title)
	}
	if at := eval[string](t, tab, "document.querySelector('.live').innerText"); !strings.Contains(at, "/robots") {
		t.Errorf("the page does not say where it is live: %q", at)
	}
	if rules := eval[int](t, tab, "document.querySelector('link[rel=stylesheet]').sheet.cssRules.length"); rules < 10 {
		t.Errorf("the style sheet has %d rules: it was not applied", rules)
	}
	if margin := eval[string](t, tab, "getComputedStyle(document.body).margin"); margin != "0px" {
		t.Errorf("the page has the browser's own margin of %s: it has no style", margin)
	}
	// A headless browser does not ask for the icon by itself.
	if kind := eval[string](t, tab, "fetch(document.querySelector('link[rel=icon]').href).then(r => r.headers.get('Content-Type'))"); !strings.HasPrefix(kind, "image/svg+xml") {
		t.Errorf("the icon comes as %q", kind)
	}
	look(t, tab, "starter")
	seen.clean(t, "/robots/")
}
