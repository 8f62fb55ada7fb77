package invite

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// hook is the service behind a webhook.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
}

func startHook(t *testing.T) *hook {
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.status == http.StatusFound {
			w.Header().Set("Location", "https://evil.example/")
		}
		w.WriteHeader(h.status)
		h.bodies = append(h.bodies, string(body))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// received are the texts that came, forgotten with that.
func (h *hook) received(t *testing.T) []string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, body := range h.bodies {
		var message struct{ Text string }
		if err := json.Unmarshal([]byte(body), &message); err != nil {
			t.Fatal(err)
		}
		all = append(all, message.Text)
	}
	h.bodies = nil
	return all
}

// asking is a page with a form, and the service that its requests go to.
func asking(t *testing.T) (*Server, *hook, string) {
	t.Helper()
	dir := lay(t, "kind: slack\nclub: Robots\nform: true")
	h := startHook(t)
	write(t, dir+"/private/webhook", h.URL+"/secret-path\n")
	s := open(t, dir)
	s.sender.Transport = h.Client().Transport
	return s, h, dir
}

// filled is a form that was filled in for long enough.
func filled(s *Server) url.Values {
	return url.Values{
		"token": {s.tokens.issue(toRequest, time.Now().Add(-time.Minute))},
		"name":  {"Ada"}, "email": {"ada@school.example"}, "note": {"I build robots."}, "lang": {"en"},
	}
}

func TestRequest_GoesToTheWebhookOnce(t *testing.T) {
	s, h, dir := asking(t)
	if page := get(s, "/").body; !strings.Contains(page, `action="./request#ask"`) {
		t.Fatal("there is no form")
	}
	form := filled(s)
	if a := ask(s, "", http.MethodPost, "/request", form); a.status != http.StatusOK || !strings.Contains(a.body, "Thank you!") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	got := h.received(t)
	if len(got) != 1 || !strings.Contains(got[0], "Robots") || !strings.Contains(got[0], "ada@school.example") || !strings.Contains(got[0], "I build robots.") {
		t.Errorf("received %q", got)
	}
	if a := ask(s, "", http.MethodPost, "/request", form); a.status != http.StatusForbidden || !strings.Contains(a.body, `value="Ada"`) {
		t.Errorf("sent again: %d", a.status)
	}
	if err := s.tally.write(); err != nil {
		t.Fatal(err)
	}
	if c := countsIn(t, dir); c.Requests != 1 || c.Failed != 0 || len(h.received(t)) != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestRequest_KeepsWhatWasTypedWhenItFails(t *testing.T) {
	s, h, dir := asking(t)
	for _, status := range []int{http.StatusInternalServerError, http.StatusNotFound, http.StatusFound, http.StatusTooManyRequests} {
		h.answer(status)
		form := filled(s)
		form.Set("note", "two\nlines & <more>")
		a := ask(s, "", http.MethodPost, "/request", form)
		if a.status != http.StatusBadGateway || !strings.Contains(a.body, "Nothing you wrote is lost") ||
			!strings.Contains(a.body, `value="ada@school.example"`) || !strings.Contains(a.body, "two\nlines &amp; &lt;more&gt;") {
			t.Errorf("%d: %d", status, a.status)
		}
		if strings.Contains(a.all(), "secret-path") || strings.Contains(a.all(), "evil.example") {
			t.Error("the webhook is told")
		}
	}
	h.Close()
	if a := ask(s, "", http.MethodPost, "/request", filled(s)); a.status != http.StatusBadGateway {
		t.Errorf("with nobody there: %d", a.status)
	}
	if err := s.tally.write(); err != nil {
		t.Fatal(err)
	}
	if c := countsIn(t, dir); c.Failed != 5 || c.Failure.IsZero() || c.Requests != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestRequest_RefusesWhatIsNotMeant(t *testing.T) {
	s, h, _ := asking(t)
	for name, c := range map[string]struct {
		field, value string
		status       int
		says         string
	}{
		"no name":     {"name", " \u200b ", 422, "Write your name"},
		"long name":   {"name", strings.Repeat("가", 81), 422, "Write your name"},
		"no address":  {"email", "ada", 422, "Write your e-mail address"},
		"two of them": {"email", "a@b.example, c@d.example", 422, "Write your e-mail address"},
		"injection":   {"email", "\"<!channel>\"@b.example", 422, "Write your e-mail address"},
		"no note":     {"note", "", 422, "Write a sentence"},
		"long note":   {"note", strings.Repeat("x", 501), 422, "Write a sentence"},
		"huge":        {"note", strings.Repeat("x", 1<<15), 400, "cannot read"},
		"no token":    {"token", "", 403, "press the button once more"},
		"too fast":    {"token", s.tokens.issue(toRequest, time.Now()), 403, "That was fast!"},
		"too slow":    {"token", s.tokens.issue(toRequest, time.Now().Add(-3*time.Hour)), 403, "open for a while"},
		"to join":     {"token", s.tokens.issue(toJoin, time.Now().Add(-time.Minute)), 403, "press the button once more"},
		"a robot":     {"website", "https://spam.example", 200, "Thank you!"},
	} {
		form := filled(s)
		form.Set(c.field, c.value)
		if a := ask(s, "", http.MethodPost, "/request", form); a.status != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d\n%s", name, a.status, a.body)
		}
	}
	if got := h.received(t); len(got) > 0 {
		t.Errorf("sent on: %q", got)
	}
}

func TestRequest_BoundsEachClientAndAll(t *testing.T) {
	s, h, _ := asking(t)
	try := func(client string) int { return ask(s, client, http.MethodPost, "/request", filled(s)).status }
	for i := range 5 {
		if status := try("198.51.100.1"); status != http.StatusOK {
			t.Fatalf("request %d: %d", i, status)
		}
	}
	if a := ask(s, "198.51.100.1", http.MethodPost, "/request", filled(s)); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `value="Ada"`) {
		t.Errorf("one too many: %d", a.status)
	}
	last := 0
	for i := range 40 {
		last = try(fakeClient(i))
	}
	if n := len(h.received(t)); last != http.StatusTooManyRequests || n != 30 {
		t.Errorf("of all, %d went through, and the last got %d", n, last)
	}
}

func fakeClient(i int) string {
	return "203.0.113." + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
}

func TestWebhook_IsHeldToWhoItIsFor(t *testing.T) {
	for text, want := range map[string]bool{
		"https://hooks.slack.com/services/T/B/x": true, " https://discord.com/api/webhooks/1/x\n": true, "HTTPS://HOOKS.SLACK.COM/services/x": true,
		"": false, "http://hooks.slack.com/services/x": false, "https://hooks.slack.com.evil.example/x": false, "https://discord.com/x": false,
		"https://discord.com/api/webhooks/../../x": false, "https://a@hooks.slack.com/services/x": false, "https://hooks.slack.com:8443/services/x": false,
		"https://hooks.slack.com/services/x y": false, "https://hooks.slack.com/services/ü": false, "https://discord.com/api/webhooks/%2e%2e/x": false,
		"https://example.org/hook": false, "https://hooks.slack.com/" + strings.Repeat("x", maxWebhook): false, "https://hooks.slack.com/": false,
	} {
		w, err := ParseWebhook(text, false)
		if (err == nil) != want {
			t.Errorf("%.60q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "services/x") || strings.Contains(w.String(), "/") {
			t.Errorf("%q is told: %v", text, err)
		}
	}
	if w, err := ParseWebhook("https://example.org/hook", true); err != nil || w.String() != "example.org" {
		t.Errorf("any host: %v", err)
	}
	if _, err := ParseWebhook("http://example.org/hook", true); err == nil {
		t.Error("any host may be asked without TLS")
	}
}

// Nothing that strangers write calls a whole workspace, looks like a link that it is not, or leaves its message.
func TestMessage_TurnsNobodysWordsIntoCommands(t *testing.T) {
	evil := request{Name: "<!channel> @everyone", Email: "a@b.example", Note: "<https://evil.example|click> [x](https://evil.example) `@here` <@U1> *b*\n# h"}
	slack := render(t, "https://hooks.slack.com/services/x", evil)
	if strings.Contains(slack, `"mrkdwn"`) || !strings.Contains(slack, `"plain_text"`) {
		t.Errorf("Slack formats it: %s", slack)
	}
	var message struct{ Text string }
	if err := json.Unmarshal([]byte(slack), &message); err != nil || strings.ContainsAny(message.Text, "<>") {
		t.Errorf("%v: %q", err, message.Text)
	}
	discord := render(t, "https://discord.com/api/webhooks/1/x", evil)
	for _, bad := range []string{"@everyone", "@here", "[x]", "\n# h", "\n*b*"} {
		if strings.Contains(strings.ReplaceAll(discord, `\n`, "\n"), bad) {
			t.Errorf("Discord gets %q in %s", bad, discord)
		}
	}
	if !strings.Contains(discord, `"allowed_mentions":{"parse":[]}`) {
		t.Errorf("Discord may mention: %s", discord)
	}
	other := render(t, "https://chat.example.org/hooks/x", evil)
	for _, bad := range []string{"@everyone", "@here", "<", "[x]"} {
		if strings.Contains(other, bad) {
			t.Errorf("others get %q in %s", bad, other)
		}
	}
	for _, text := range []string{slack, discord, other} {
		if !strings.Contains(text, "a@b.example") {
			t.Errorf("the address cannot be copied from %s", text)
		}
	}
}

func render(t *testing.T, hook string, r request) string {
	t.Helper()
	w, err := ParseWebhook(hook, true)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(w.message("Request", r)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func FuzzRequest(f *testing.F) {
	f.Add("Ada", "ada@school.example", "hello", "")
	f.Add("\u202eadA", "a@b.c\r\nBcc: x@y.z", "a\x00b\r\nc", "x")
	f.Add("@everyone", "<!channel>@b.c", "<!here>", "")
	f.Fuzz(func(t *testing.T, name, email, note, website string) {
		r := parseRequest(url.Values{"name": {name}, "email": {email}, "note": {note}, "website": {website}})
		for _, text := range []string{r.Name, r.Email, r.Note} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\r\u202e") {
				t.Fatalf("%q", text)
			}
		}
		if strings.Contains(r.Name+r.Email, "\n") || r.Faulty == "" && (utf8.RuneCountInString(r.Note) > maxNote || !strings.Contains(r.Email, "@")) {
			t.Fatalf("%+v", r)
		}
		for _, to := range []string{"https://discord.com/api/webhooks/1/x", "https://chat.example.org/x"} {
			if text := render(t, to, r); strings.Contains(text, " @everyone") || strings.Contains(text, "\"@everyone") {
				t.Fatalf("%s", text)
			}
		}
	})
}
