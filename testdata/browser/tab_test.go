package browser_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// newTab starts a browser of its own, with a new profile, and returns the handle of its tab. Both go when the test ends.
func newTab(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	// The browser leaves things behind where it keeps temporary files; a short name, for it puts a socket there.
	scratch, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Env("TMPDIR="+scratch), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	options = append(append(options, withoutNetlink), more...)
	// The test's own context ends before its clean-up, and would kill the browser instead of closing it.
	allocator, free := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(free)
	tab, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return tab
}

// nowhereElse keeps a browser on this machine: every other name is unknown to it.
func nowhereElse(a *chromedp.ExecAllocator) {
	chromedp.Flag("host-resolver-rules", "MAP "+club+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")(a)
}

// anotherTab opens one in a window of its own of the same browser, with the same profile. It goes when the test ends.
func anotherTab(t *testing.T, tab context.Context) context.Context {
	t.Helper()
	other, end := chromedp.NewContext(tab)
	t.Cleanup(end)
	if err := chromedp.Do(other); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return other
}

// attempt runs an action in the tab for as long as a test waits for anything.
func attempt[T any](tab context.Context, action chromedp.Action[T]) (T, error) {
	bounded, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	return chromedp.Run(bounded, action)
}

// act runs an action in the tab and fails the test when it fails.
func act[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	v, err := attempt(tab, action)
	if err != nil {
		t.Fatalf("in the browser: %v", err)
	}
	return v
}

// insist runs an action until it succeeds: one that meets a page which reloads itself fails for no fault of the page.
func insist[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	var v T
	var err error
	await(t, "the browser", func() bool {
		v, err = attempt(tab, action)
		return err == nil
	}, func() string { return fmt.Sprint(err) })
	return v
}

// eval runs a script in the page, awaits what it promises, and fails the test when it throws.
func eval[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	return act(t, tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// awaitPage polls an expression until it is true in the page, whatever the page has become meanwhile.
func awaitPage(t *testing.T, tab context.Context, what, expression string) {
	t.Helper()
	var err error
	await(t, what, func() bool {
		var holds bool
		holds, err = attempt(tab, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && holds
	}, func() string {
		text, textErr := attempt(tab, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
		return fmt.Sprintf("the page: %s %v", text, errors.Join(err, textErr))
	})
}

// await polls a condition until it holds; otherwise the test fails with what it last saw.
func await(t *testing.T, what string, holds func() bool, seen func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s for %s; %s", patience, what, seen())
		case <-tick.C:
		}
	}
}

// visit opens an address as if it had been typed and returns the answer to the last request of the document.
func visit(t *testing.T, tab context.Context, address string) *network.Response {
	t.Helper()
	return act(t, tab, chromedp.NavigateResponse(address))
}

// field is a header field of an answer, whatever the case of its name.
func field(res *network.Response, name string) string {
	for k, v := range res.Headers {
		if strings.EqualFold(k, name) {
			return fmt.Sprint(v)
		}
	}
	return ""
}

// speak makes the browser ask for pages in a language.
func speak(t *testing.T, tab context.Context, language string) {
	t.Helper()
	agent := eval[string](t, tab, "navigator.userAgent")
	params := emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: language}
	if _, err := chromedp.Call(tab, emulation.SetUserAgentOverride, params); err != nil {
		t.Fatal(err)
	}
}

// record is what a tab did: safe for concurrent use.
type record struct {
	mu       sync.Mutex
	requests []string
	faults   []string
	urls     map[network.RequestID]string
}

// watch records from now on. An event that came before the answer to an action is recorded when the action returns.
func watch(t *testing.T, tab context.Context) *record {
	t.Helper()
	r := &record{urls: map[network.RequestID]string{}}
	if err := chromedp.Listen(tab, r.note); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *record) note(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		// The icon stays what it is wherever the site at the root redirects it to.
		if favicon(r.urls[e.RequestID]) {
			return
		}
		r.urls[e.RequestID] = e.Request.URL
		if !favicon(e.Request.URL) {
			r.requests = append(r.requests, e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && !favicon(cmp.Or(r.urls[e.RequestID], e.Response.URL)) {
			r.faults = append(r.faults, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		}
	case *network.EventLoadingFailed:
		if !favicon(r.urls[e.RequestID]) {
			r.faults = append(r.faults, e.ErrorText+" "+r.urls[e.RequestID])
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			r.faults = append(r.faults, "console.error "+spoken(e.Args))
		}
	case *runtime.EventExceptionThrown:
		r.faults = append(r.faults, "exception "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !favicon(e.Entry.URL) {
			r.faults = append(r.faults, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// spoken is what a call to the console was given.
func spoken(values []*runtime.RemoteObject) string {
	var words []string
	for _, v := range values {
		words = append(words, cmp.Or(v.Description, string(v.Value)))
	}
	return strings.Join(words, " ")
}

// favicon reports the one address that browsers ask for uninvited.
func favicon(url string) bool { return url == base+"/favicon.ico" }

// failures is what went wrong so far.
func (r *record) failures() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// asked is every address that was asked for so far.
func (r *record) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// strays are the requests outside of the given prefixes.
func (r *record) strays(prefixes ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var strays []string
	for _, url := range r.requests {
		under := func(prefix string) bool { return strings.HasPrefix(url, base+prefix) }
		if !strings.HasPrefix(url, "data:") && !slices.ContainsFunc(prefixes, under) {
			strays = append(strays, fmt.Sprintf("a request left %v: %s", prefixes, url))
		}
	}
	if len(r.requests) == 0 {
		strays = append(strays, "no request was made at all: nothing was proved")
	}
	return strays
}

// clean fails the test when anything failed, or when a request was made outside of the given prefixes.
func (r *record) clean(t *testing.T, prefixes ...string) {
	t.Helper()
	for _, fault := range append(r.failures(), r.strays(prefixes...)...) {
		t.Errorf("the browser reports: %s", fault)
	}
}
