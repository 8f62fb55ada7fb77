package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse_KnowsServicesAndShowsNoSecret(t *testing.T) {
	for text, want := range map[string]string{
		"https://hooks.slack.com/services/T/B/SECRET":           "slack at hooks.slack.com",
		"https://discord.com/api/webhooks/1/SECRET":             "discord at discord.com",
		"https://ntfy.sh/SECRET":                                "ntfy at ntfy.sh",
		"ntfy+http://ntfy.lan:8080/SECRET":                      "ntfy at ntfy.lan:8080",
		"slack+https://chat.example.org/hooks/SECRET":           "slack at chat.example.org",
		"json+https://ntfy.sh/SECRET":                           "json at ntfy.sh",
		" https://example.org/SECRET?token=SECRET\n":            "json at example.org",
		"https://user:SECRET@example.org/":                      "json at example.org",
		"ftp://example.org/SECRET":                              "",
		"SECRET":                                                "",
		"":                                                      "",
		"https://":                                              "",
		"http://hooks.slack.com/services/SECRET":                "",
		"teams+https://example.org/SECRET":                      "",
		"https://example.org/SECRET " + strings.Repeat("x", 10): "",
	} {
		w, err := Parse(text)
		if (err == nil) != (want != "") || err == nil && w.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, w, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: the error shows the secret: %v", text, err)
		}
		if err != nil {
			continue
		}
		path := filepath.Join(t.TempDir(), "state", "webhook")
		if err := Keep(path, w); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: kept as %v, %v", text, info.Mode(), err)
		}
		if back, err := Read(path); err != nil || back.Secret() != w.Secret() {
			t.Errorf("%q: read back as %v, %v", text, back, err)
		}
		if err := Keep(path, Webhook{}); err != nil {
			t.Fatal(err)
		}
		if back, err := Read(path); err != nil || !back.IsZero() {
			t.Errorf("%q: not forgotten: %v, %v", text, back, err)
		}
	}
}

var sample = Message{
	Event: "suspend", Project: "robots", Paths: []string{"/robots"}, Owner: "kim <kim@example.org>",
	Text: "It is suspended. @everyone <!channel>", Renew: "gateway renew robots",
}

func TestSend_SaysWhatEachServiceTakes(t *testing.T) {
	for kind, wants := range map[Kind][]string{
		Slack:   {`"type":"plain_text"`, "&lt;!channel&gt;", "gateway renew robots"},
		Discord: {`"allowed_mentions":{"parse":[]}`, "gateway renew robots"},
		Ntfy:    {"robots (/robots): It is suspended.", "Owner: kim", "To keep it: gateway renew robots"},
		JSON:    {`"event":"suspend"`, `"project":"robots"`, `"renew":"gateway renew robots"`, `"owner":"kim`},
	} {
		var got string
		var h http.Header
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got, h = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(body)), r.Header
		}))
		t.Cleanup(server.Close)
		w, err := Parse("json+" + server.URL + "/hook")
		if err != nil {
			t.Fatal(err)
		}
		w.kind = kind
		s := NewSender(w)
		t.Cleanup(s.Close)
		if err := s.Send(t.Context(), sample); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s lacks %q", kind, got, want)
			}
		}
		if kind == Ntfy && h.Get("Title") != "Project robots" || kind != Ntfy && !json.Valid([]byte(got)) {
			t.Errorf("%s: %v %s", kind, h, got)
		}
	}
}

// transport plays a service.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int) transport {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Location": {"https://evil.example/"}}, Body: io.NopCloser(strings.NewReader("no"))}, nil
	}
}

func TestSend_CostsABoundedTimeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		service transport
		calls   int
		most    time.Duration
	}{
		"it hangs":               {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, attempts, 35 * time.Second},
		"it refuses connections": {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, attempts, 5 * time.Second},
		"it answers 500":         {answering(500), attempts, 5 * time.Second},
		"it answers 429":         {answering(429), attempts, 5 * time.Second},
		"it answers 404":         {answering(404), 1, time.Second},
		"it redirects":           {answering(302), 1, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := Parse("https://example.org/SECRET")
				if err != nil {
					t.Fatal(err)
				}
				s, calls := NewSender(w), 0
				s.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
					if calls++; r.URL.Host != "example.org" {
						t.Errorf("it went to %s", r.URL.Host)
					}
					return c.service(r)
				})
				began := time.Now()
				for range 3 {
					err := s.Send(t.Context(), sample)
					if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), "json at example.org") {
						t.Errorf("got %v", err)
					}
				}
				if took := time.Since(began); took > c.most || calls != c.calls {
					t.Errorf("%d calls in %s, want %d in %s", calls, took, c.calls, c.most)
				}
			})
		})
	}
}

func TestSend_TriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := Parse("https://example.org/x")
		if err != nil {
			t.Fatal(err)
		}
		s, calls := NewSender(w), 0
		s.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if calls++; calls < attempts {
				return answering(503)(r)
			}
			return answering(204)(r)
		})
		if err := s.Send(t.Context(), sample); err != nil || calls != attempts {
			t.Errorf("%v after %d calls", err, calls)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.client.Transport = transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
		if err := s.Send(ctx, sample); err == nil {
			t.Error("an interrupt is no error")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("ntfy+https://ntfy.sh/x")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Parse(text)
		if err != nil {
			return
		}
		if back, err := Parse(w.Secret()); err != nil || back.Secret() != w.Secret() {
			t.Errorf("%q is kept as %q and read as %v, %v", text, w.Secret(), back, err)
		}
	})
}
