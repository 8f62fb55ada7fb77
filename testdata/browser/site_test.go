package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestSite_WorksBelowANestedPrefix(t *testing.T) {
	const home, about = base + "/clubs/robots/", base + "/clubs/robots/about/"
	add(t, "browser-club", "/clubs/robots", "--dir", "sites/club")
	tab := newTab(t)
	seen := watch(t, tab)
	if res := visit(t, tab, base+"/clubs/robots?from=elsewhere"); res.Status != 200 || res.URL != home+"?from=elsewhere" {
		t.Errorf("without its slash the address leads to %d %s", res.Status, res.URL)
	}
	visit(t, tab, home)
	shows(t, tab, home, "The club")
	act(t, tab, chromedp.Click(chromedp.ID("about")))
	shows(t, tab, about, "About the club")
	act(t, tab, chromedp.Click(chromedp.ID("home")))
	shows(t, tab, home, "The club")
	act(t, tab, chromedp.Click(chromedp.ID("bare")))
	shows(t, tab, about, "About the club")
	eval[any](t, tab, "history.back(), 0")
	shows(t, tab, home, "The club")
	eval[any](t, tab, "history.forward(), 0")
	shows(t, tab, about, "About the club")
	seen.clean(t, "/clubs/robots/", "/clubs/robots?")
}

// shows waits for a page of the club's site, with the style and the figure that come from files beside it.
func shows(t *testing.T, tab context.Context, address, heading string) {
	t.Helper()
	awaitPage(t, tab, heading+" at "+address, "location.href === '"+address+"' && document.querySelector('h1').innerText === '"+heading+"'"+
		" && getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 2, 3)' && document.getElementById('founded').value === '2019'")
}

func TestSinglePageApp_SurvivesAReloadOfADeepLink(t *testing.T) {
	const home, deep = base + "/clubs/league/", base + "/clubs/league/season/2026"
	add(t, "browser-league", "/clubs/league", "--dir", "sites/app", "--spa")
	tab := newTab(t)
	seen := watch(t, tab)
	visit(t, tab, home)
	at := func(address, view string) {
		t.Helper()
		awaitPage(t, tab, "the view "+view, "location.href === '"+address+"' && document.querySelector('h1').textContent === 'view:"+view+"'")
	}
	at(home, "")
	act(t, tab, chromedp.Click(chromedp.CSS("a")))
	at(deep, "season/2026")
	eval[any](t, tab, "window.before = true, 0")
	act(t, tab, chromedp.Reload())
	at(deep, "season/2026")
	if eval[bool](t, tab, "'before' in window") {
		t.Error("the page was not loaded anew")
	}
	eval[any](t, tab, "history.back(), 0")
	at(home, "")
	if res := visit(t, tab, deep); res.Status != 200 {
		t.Errorf("the deep link, opened from elsewhere: %d", res.Status)
	}
	at(deep, "season/2026")
	seen.clean(t, "/clubs/league/")
	// What looks like a file and is none stays missing: a page instead of a script would hide the mistake.
	if code := eval[int](t, tab, "fetch('missing.js').then(r => r.status)"); code != 404 {
		t.Errorf("a missing script: %d, want 404", code)
	}
}
