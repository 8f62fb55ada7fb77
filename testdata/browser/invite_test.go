package browser_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	invitePath = base + "/slack/"
	plainPath  = base + "/slack-plain/"
	firstLink  = "https://join.slack.com/t/robots/shared_invite/zt-1first"
	secondLink = "https://join.slack.com/t/robots/shared_invite/zt-2second"
)

// slack stands in for join.slack.com, and returns what makes a browser take it for that.
func slack(t *testing.T) chromedp.ExecAllocatorOption {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><link rel=icon href=data:,><title>stand-in</title><p>%s from %q", r.URL.Path, r.Referer())
	}))
	t.Cleanup(server.Close)
	rules := fmt.Sprintf("MAP join.slack.com:443 %s, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", server.Listener.Addr())
	return func(a *chromedp.ExecAllocator) {
		chromedp.IgnoreCertErrors(a)
		chromedp.Flag("host-resolver-rules", rules)(a)
	}
}

func TestInvitePage_LeadsToTheLinkOfTheDay(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { _, _, _ = gateway("rm", "browser-invite", "--yes") })
	must(t, "add", "slack-invite", "browser-invite", "--path", "/slack", "--club", "Robot club", "--contact", "robots@school.example")
	tab := newTab(t, slack(t))
	seen := watch(t, tab)
	// Before there is a link the page says whom to ask.
	for _, l := range languages {
		speak(t, tab, l.accept)
		closed := map[string]string{"en": "Invitations are closed right now", "ko": "지금은 초대가 닫혀 있습니다"}[l.tag]
		visit(t, tab, invitePath)
		awaitPage(t, tab, closed, fmt.Sprintf("document.documentElement.lang === %q && document.querySelector('.closed h2').innerText === %q", l.tag, closed))
		awaitPage(t, tab, "whom to ask", "document.querySelector('a[href=\"mailto:robots@school.example\"]') && !document.querySelector('#join')")
		look(t, tab, "invite-closed-"+l.tag)
	}
	must(t, "slack", "set-link", firstLink, "--project", "browser-invite")
	for _, l := range languages {
		speak(t, tab, l.accept)
		offered(t, tab, invitePath, l.tag)
		look(t, tab, "invite-"+l.tag)
		join(t, tab, firstLink)
	}
	// A page that is open when the link changes leads to the new one.
	offered(t, tab, invitePath, "ko")
	must(t, "slack", "set-link", secondLink, "--project", "browser-invite")
	turn(t, "disable-link", false)
	turn(t, "enable-link", true)
	join(t, tab, secondLink)
	// The language is the visitor's choice, too.
	offered(t, tab, invitePath, "ko")
	act(t, tab, chromedp.Click(chromedp.CSS("nav a[lang=en]")))
	awaitPage(t, tab, "the page in English", "document.documentElement.lang === 'en' && document.querySelector('h1').innerText === 'Join us on Slack'")
	// A page that is open when the last link ends says whom to ask.
	turn(t, "disable-link", false)
	act(t, tab, chromedp.Click(chromedp.CSS("#join button")))
	awaitPage(t, tab, "the contact instead of a dead link", "document.querySelector('.closed') && document.querySelector('a[href=\"mailto:robots@school.example\"]')")
	kept(t, seen)
}

func TestInvitePage_LeadsOutWithoutScripts(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { _, _, _ = gateway("rm", "browser-plain", "--yes") })
	must(t, "add", "slack-invite", "browser-plain", "--path", "/slack-plain", "--club", "Robot club")
	must(t, "slack", "set-link", firstLink, "--project", "browser-plain")
	tab := newTab(t, slack(t))
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	for _, l := range languages {
		speak(t, tab, l.accept)
		offered(t, tab, plainPath, l.tag)
		wait := map[string]string{"en": "The button appears after three seconds.", "ko": "3초 뒤에 버튼이 나타납니다."}[l.tag]
		awaitPage(t, tab, wait, fmt.Sprintf("document.querySelector('noscript p')?.innerText === %q", wait))
		awaitPage(t, tab, "the button to be hidden at first", "getComputedStyle(document.querySelector('#join button')).visibility === 'hidden'")
		awaitPage(t, tab, "the button", "getComputedStyle(document.querySelector('#join button')).visibility === 'visible'")
		join(t, tab, firstLink)
	}
}

// offered opens an invite page and waits for its button: links that were set show within a second.
func offered(t *testing.T, tab context.Context, page, language string) {
	t.Helper()
	title := map[string]string{"en": "Join us on Slack", "ko": "Slack에서 함께해요"}[language]
	await(t, "the page with its button", func() bool {
		visit(t, tab, page)
		found, err := attempt(tab, chromedp.Evaluate[bool]("!!document.querySelector('#join button')"))
		return err == nil && found
	}, func() string { return "there is none" })
	awaitPage(t, tab, title, fmt.Sprintf("document.documentElement.lang === %q && document.querySelector('h1').innerText === %q", language, title))
	if eval[bool](t, tab, "document.documentElement.outerHTML.includes('shared_invite')") {
		t.Error("the page tells the link to whoever reads it")
	}
}

// join presses the button and arrives.
func join(t *testing.T, tab context.Context, link string) {
	t.Helper()
	act(t, tab, chromedp.Click(chromedp.CSS("#join button"), chromedp.NodeVisible))
	awaitPage(t, tab, "the place that the link leads to", fmt.Sprintf("location.href === %q && document.title === 'stand-in'", link))
	if says := eval[string](t, tab, "document.body.innerText"); !strings.HasSuffix(says, ` from ""`) {
		t.Errorf("the place is told where its visitors come from: %s", says)
	}
}

// turn takes the second link out of use, or puts it back, and waits until visitors see that: the page looks for changes
// once a second.
func turn(t *testing.T, command string, open bool) {
	t.Helper()
	must(t, "slack", command, secondLink, "--project", "browser-invite")
	var page []byte
	await(t, command, func() bool {
		res, err := http.Get(invitePath)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		page, err = io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(page), `id="join"`) == open && res.StatusCode < 500
	}, func() string { return string(page) })
}

// kept fails the test when the page failed but for the link that ended, or asked for anything but its own files and the links.
func kept(t *testing.T, seen *record) {
	t.Helper()
	for _, fault := range seen.failures() {
		if !strings.Contains(fault, "503") || !strings.HasSuffix(fault, " "+invitePath+"join") {
			t.Errorf("the browser reports: %s", fault)
		}
	}
	for _, url := range seen.asked() {
		if !strings.HasPrefix(url, invitePath) && url != firstLink && url != secondLink && url != "data:," {
			t.Errorf("the page asked for %s", url)
		}
	}
}
