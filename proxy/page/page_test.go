package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/page"
)

var update = flag.Bool("update", false, "write the golden files again")

var kinds = []page.Kind{
	page.Waiting, page.Starting, page.Unhealthy, page.Crashing, page.Stopped, page.Expired, page.Draining, page.Paused, page.Unreachable, page.Broken,
	page.Slow, page.NotFound, page.Gone, page.Moved, page.BadRequest, page.Ambiguous, page.BadMethod, page.Internal,
	page.LongTarget, page.Unexpected, page.LargeHead, page.Unknown, page.BadVersion, page.LargeBody, page.NoLength, page.TooMany, page.Crowded, page.NoFile,
	page.Elsewhere, page.Misdirected, page.NoCertificate,
}

func sample(kind page.Kind) page.Page {
	moved := ""
	if kind == page.Moved {
		moved = "/site/"
	}
	return page.Page{
		Moved:     moved,
		Kind:      kind,
		RequestID: "00112233445566778899aabbccddeeff",
		Service:   "robots",
		Project:   "robots",
		Until:     time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC),
	}
}

// response is a rendered page.
type response struct {
	status int
	h      header.Header
	body   string
}

func render(p page.Page, method, accept, language string) response {
	var asked header.Header
	asked.Add("Accept", accept)
	asked.Add("Accept-Language", language)
	status, h, body := p.Render(method, asked)
	return response{status, h, string(body)}
}

func TestPage_LooksAsBefore(t *testing.T) {
	for _, kind := range kinds {
		for _, form := range []struct{ name, accept, language string }{
			{"en.html", "text/html", "en"},
			{"ko.html", "text/html", "ko"},
			{"en.json", "application/json", "en"},
			{"ko.txt", "*/*", "ko"},
			{"en.txt", "*/*", "en"},
		} {
			name := string(kind) + "." + form.name
			t.Run(name, func(t *testing.T) {
				w := render(sample(kind), "GET", form.accept, form.language)
				if n := len(w.body); n > 4096 {
					t.Errorf("the page has %d bytes, want at most 4096", n)
				}
				golden(t, name, w)
			})
		}
	}
}

func golden(t *testing.T, name string, w response) {
	t.Helper()
	text := fmt.Sprintln(w.status)
	for _, f := range w.h {
		text += f.Name + ": " + f.Value + "\n"
	}
	text += "\n" + w.body
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
}

func TestPage_PicksItsFormByAccept(t *testing.T) {
	const html, api, text = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
	for _, test := range []struct{ accept, want string }{
		{"", text},
		{"*/*", text},
		{"text/*", text},
		{"image/avif,image/webp,*/*;q=0.8", text},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", html},
		{"application/json", api},
		{"application/json, text/plain, */*", api},
		{"application/problem+json", api},
		{"APPLICATION/JSON", api},
		{"text/html;q=0.5, application/json", api},
		{"text/html, application/json;q=0.9", html},
		{"application/json, text/html", api},
		{"text/html;q=0, */*", text},
		{"text/html;level=1;q=0.2,application/json;q=0.1", html},
		{"text/html;q=nonsense", text},
		{"text/html;q=NaN", text},
		{",;q=,,=", text},
	} {
		if got := first(render(sample(page.Starting), "GET", test.accept, "").h, "Content-Type"); got != test.want {
			t.Errorf("Accept %q gets %q, want %q", test.accept, got, test.want)
		}
	}
}

func TestPage_PicksItsLanguage(t *testing.T) {
	for _, test := range []struct{ accept, want string }{
		{"", "en"},
		{"ko", "ko"},
		{"ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"},
		{"en-GB,ko;q=0.5", "en"},
		{"en;q=0.1, ko;q=0.2", "ko"},
		{"de-DE, ko;q=0.3", "ko"},
		{"de", "en"},
		{"*", "en"},
		{"not a language;;;", "en"},
		{strings.Repeat("ko,", 1000), "en"},
	} {
		if got := first(render(sample(page.Starting), "GET", "", test.accept).h, "Content-Language"); got != test.want {
			t.Errorf("Accept-Language %.40q gets %q, want %q", test.accept, got, test.want)
		}
	}
}

func TestPage_HasAKindForEachRefusal(t *testing.T) {
	for _, status := range []int{400, 414, 417, 431, 501, 505} {
		if got := (page.Page{Kind: page.Refused(status)}).Status(); got != status {
			t.Errorf("what is refused with %d gets a page with %d", status, got)
		}
	}
	if got := page.Refused(418); got != page.BadRequest {
		t.Errorf("an unknown refusal is %s", got)
	}
}

func TestPage_ReloadsOnlyWhatWasAGET(t *testing.T) {
	const reload = `http-equiv="refresh"`
	if body := render(sample(page.Starting), "GET", "text/html", "").body; !strings.Contains(body, reload) {
		t.Error("the page of a starting app must reload itself")
	}
	if body := render(sample(page.Starting), "POST", "text/html", "").body; strings.Contains(body, reload) {
		t.Error("a page that answers POST would reload as a GET")
	}
	if body := render(sample(page.NotFound), "GET", "text/html", "").body; strings.Contains(body, reload) {
		t.Error("a page that is here to stay must not reload")
	}
}

func TestPage_LeadsHome(t *testing.T) {
	p := page.Page{Kind: page.NoFile, Home: "../../"}
	w := render(p, "GET", "text/html", "en")
	if !strings.Contains(w.body, `<a href="../../">Start page of this site</a>`) || strings.Contains(w.body, "<footer>") {
		t.Errorf("no way home, or a footer without a request id:\n%s", w.body)
	}
	if first(w.h, "X-Request-Id") != "" {
		t.Error("an empty request id is sent")
	}
	if strings.Contains(render(sample(page.NoFile), "GET", "text/html", "en").body, "<a ") {
		t.Error("a page without a home has a link")
	}
}

func TestPage_EscapesNames(t *testing.T) {
	p := sample(page.Stopped)
	p.Service = `<script>alert("x")</script>` + strings.Repeat("가", 100)
	body := render(p, "GET", "text/html", "").body
	if strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") || len(body) > 4096 {
		t.Errorf("the name is not escaped or not cut:\n%s", body)
	}
	var decoded map[string]any
	if err := json.Unmarshal([]byte(render(p, "GET", "application/json", "").body), &decoded); err != nil {
		t.Error(err)
	}
}

func TestPage_SaysWhatTheOwnerDoes(t *testing.T) {
	p := sample(page.Paused)
	p.Message = `Back at 5 <b>pm</b> & {app}, "promised"`
	html, text := render(p, "GET", "text/html", "ko"), render(p, "GET", "", "")
	if strings.Contains(html.body, "<b>") || !strings.Contains(html.body, "<p>Back at 5 &lt;b&gt;pm&lt;/b&gt; &amp; {app}, &#34;promised&#34;</p>") {
		t.Errorf("the message is not escaped:\n%s", html.body)
	}
	if !strings.Contains(text.body, "\n"+p.Message+"\n") || text.status != 503 || first(text.h, "Retry-After") == "" {
		t.Errorf("%d, retry after %q:\n%s", text.status, first(text.h, "Retry-After"), text.body)
	}
	var decoded struct{ Error struct{ Message string } }
	if err := json.Unmarshal([]byte(render(p, "GET", "application/json", "").body), &decoded); err != nil || !strings.Contains(decoded.Error.Message, p.Message) {
		t.Errorf("%v: %q", err, decoded.Error.Message)
	}
	p.Kind = page.Stopped
	if strings.Contains(render(p, "GET", "", "").body, "Back at") {
		t.Error("the message of a pause stands on another page")
	}
	p.Kind, p.Message = page.Paused, strings.Repeat("<가", 10_000)
	if n := len(render(p, "GET", "text/html", "").body); n > 5<<10 {
		t.Errorf("the page has %d bytes", n)
	}
}

func TestPage_AllowsItsOwnStyleAlone(t *testing.T) {
	w := render(sample(page.Starting), "GET", "text/html", "")
	_, rest, _ := strings.Cut(w.body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if policy := first(w.h, "Content-Security-Policy"); !strings.Contains(policy, want) || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q does not allow the style sheet: want %s", policy, want)
	}
}

func TestPage_OfAnUnknownKindIsAnInternalError(t *testing.T) {
	if w := render(sample("nonsense"), "GET", "application/json", ""); w.status != 500 || !strings.Contains(w.body, "internal_error") {
		t.Errorf("status %d: %s", w.status, w.body)
	}
}

func FuzzPage(f *testing.F) {
	f.Add("text/html;q=0.5", "ko-KR,en;q=0.3", "robots")
	f.Fuzz(func(t *testing.T, accept, language, service string) {
		p := sample(page.Stopped)
		p.Service = service
		if w := render(p, "GET", accept, language); len(w.body) == 0 || len(w.body) > 4096 {
			t.Errorf("%d bytes", len(w.body))
		}
	})
}

// first is the first value of that name.
func first(h header.Header, name string) string {
	v, _ := h.Lookup(name)
	return v
}

func TestPage_SaysWhomToAskWhereOnlyTheOwnerHelps(t *testing.T) {
	for kind, waits := range map[page.Kind]bool{
		page.Starting: true, page.Unhealthy: true, page.Crashing: true, page.Draining: true, page.Paused: true, page.Unreachable: true,
		page.Stopped: false, page.Expired: false, page.Gone: false, page.Moved: false, page.NotFound: false,
	} {
		p := sample(kind)
		p.Owner = "kim <kim@example.org>"
		w := render(p, "GET", "text/html", "en")
		if got := strings.Contains(w.body, `http-equiv="refresh"`) && strings.Contains(w.body, `class="reload"`); got != waits {
			t.Errorf("%s reloads: %v, want %v", kind, got, waits)
		}
		asks := kind == page.Stopped || kind == page.Expired || kind == page.Unhealthy || kind == page.Crashing
		if got := strings.Contains(w.body, "owner"); asks && !strings.Contains(w.body, ": kim &lt;kim@example.org&gt;.") || !asks && got && kind != page.Paused {
			t.Errorf("%s names the owner: %v, want %v: %s", kind, got, asks, w.body)
		}
		if body := render(p, "GET", "application/json", "en").body; strings.Contains(body, "kim@example.org") != asks {
			t.Errorf("%s: %s", kind, body)
		}
	}
	p := sample(page.Expired)
	if body := render(p, "GET", "*/*", "en").body; !strings.Contains(body, "Its last day was 20 November 2026. Its owner can renew it. The command is: gateway renew robots\n") {
		t.Errorf("an expired project: %s", body)
	}
	p.Project = ""
	if body := render(p, "GET", "*/*", "en").body; strings.Contains(body, "gateway renew") {
		t.Errorf("what has no project cannot be renewed: %s", body)
	}
	if body := render(sample(page.Stopped), "GET", "*/*", "en").body; !strings.Contains(body, "Only its owner can start it.") {
		t.Errorf("without an owner: %s", body)
	}
}
