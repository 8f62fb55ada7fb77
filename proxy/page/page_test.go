package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/proxy/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kinds = []page.Kind{
	page.Waiting, page.Starting, page.Unhealthy, page.Stopped, page.Draining, page.Unreachable, page.Broken,
	page.Slow, page.NotFound, page.Gone, page.BadRequest, page.BadMethod, page.Internal,
}

func sample(kind page.Kind) page.Page {
	return page.Page{
		Kind:      kind,
		RequestID: "00112233445566778899aabbccddeeff",
		Service:   "robots",
		Until:     time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC),
	}
}

func answer(t *testing.T, p page.Page, method, accept, language string) *httptest.ResponseRecorder {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/robots/", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Language", language)
	p.Write(w, r)
	return w
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
				w := answer(t, sample(kind), "GET", form.accept, form.language)
				if n := w.Body.Len(); n > 4096 {
					t.Errorf("the page has %d bytes, want at most 4096", n)
				}
				golden(t, name, w)
			})
		}
	}
}

func golden(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	var got bytes.Buffer
	fmt.Fprintf(&got, "%d\n", w.Code)
	if err := w.Header().Write(&got); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(got.String(), "\r\n", "\n") + "\n" + w.Body.String()
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
		if got := answer(t, sample(page.Starting), "GET", test.accept, "").Header().Get("Content-Type"); got != test.want {
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
		if got := answer(t, sample(page.Starting), "GET", "", test.accept).Header().Get("Content-Language"); got != test.want {
			t.Errorf("Accept-Language %.40q gets %q, want %q", test.accept, got, test.want)
		}
	}
}

func TestPage_HasNoBodyForHEAD(t *testing.T) {
	w := answer(t, sample(page.Starting), "HEAD", "text/html", "")
	if w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" || w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, %d bytes, Content-Length %s", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

func TestPage_ReloadsOnlyWhatWasAGET(t *testing.T) {
	const reload = `http-equiv="refresh"`
	if body := answer(t, sample(page.Starting), "GET", "text/html", "").Body.String(); !strings.Contains(body, reload) {
		t.Error("the page of a starting app must reload itself")
	}
	if body := answer(t, sample(page.Starting), "POST", "text/html", "").Body.String(); strings.Contains(body, reload) {
		t.Error("a page that answers POST would reload as a GET")
	}
	if body := answer(t, sample(page.NotFound), "GET", "text/html", "").Body.String(); strings.Contains(body, reload) {
		t.Error("a page that is here to stay must not reload")
	}
}

func TestPage_EscapesNames(t *testing.T) {
	p := sample(page.Stopped)
	p.Service = `<script>alert("x")</script>` + strings.Repeat("가", 100)
	body := answer(t, p, "GET", "text/html", "").Body.String()
	if strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") || len(body) > 4096 {
		t.Errorf("the name is not escaped or not cut:\n%s", body)
	}
	var told map[string]any
	if err := json.Unmarshal(answer(t, p, "GET", "application/json", "").Body.Bytes(), &told); err != nil {
		t.Error(err)
	}
}

func TestPage_AllowsItsOwnStyleAlone(t *testing.T) {
	w := answer(t, sample(page.Starting), "GET", "text/html", "")
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, want) || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q does not allow the style sheet: want %s", policy, want)
	}
}

func TestPage_OfAnUnknownKindIsAnInternalError(t *testing.T) {
	if w := answer(t, sample("nonsense"), "GET", "application/json", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "internal_error") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func FuzzPage(f *testing.F) {
	f.Add("text/html;q=0.5", "ko-KR,en;q=0.3", "robots")
	f.Fuzz(func(t *testing.T, accept, language, service string) {
		p := sample(page.Stopped)
		p.Service = service
		if w := answer(t, p, "GET", accept, language); w.Body.Len() == 0 || w.Body.Len() > 4096 {
			t.Errorf("%d bytes", w.Body.Len())
		}
	})
}
