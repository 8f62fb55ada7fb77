package invite

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gateway/projects/invite/link"
	"gateway/proxy/printable"
)

const fullSettings = `
kind: slack
club: Hanbit <Robots>
title: "Join & build"
text: "First line\nSecond <b>line</b>"
title-ko: 로봇을 만들어요
contact: robots@school.example
domain: School.Example
workspace: hanbit
form: true
`

func TestPage_SpeaksTheVisitorsLanguage(t *testing.T) {
	s := open(t, lay(t, fullSettings, link.Link{URL: secret}))
	for _, c := range []struct{ accepted, query, lang, has string }{
		{"", "", "en", "Join &amp; build"},
		{"ko-KR,ko;q=0.9,en;q=0.8", "", "ko", "로봇을 만들어요"},
		{"de,en;q=0.5", "", "en", "Join &amp; build"},
		{"ko", "?lang=en", "en", "Join &amp; build"},
		{"en", "?lang=ko", "ko", "Slack 참여하기"},
		{"en", "?lang=xx", "en", "Join on Slack"},
		{strings.Repeat("ko,", 1000), "", "en", "Join on Slack"},
		{";;;=", "", "en", "Join on Slack"},
	} {
		r := ask(s, "", http.MethodGet, "/"+c.query, nil)
		if c.accepted != "" {
			r = asked(s, "/"+c.query, "Accept-Language", c.accepted)
		}
		if !strings.Contains(r.body, `<html lang="`+c.lang+`"`) || r.header.Get("Content-Language") != c.lang || !strings.Contains(r.body, c.has) {
			t.Errorf("%.20q %q: %s, without %q", c.accepted, c.query, r.header.Get("Content-Language"), c.has)
		}
		if r.header.Get("Vary") != "Accept-Language" {
			t.Errorf("vary %q", r.header.Get("Vary"))
		}
	}
}

func TestPage_EscapesWhatItIsTold(t *testing.T) {
	s := open(t, lay(t, fullSettings, link.Link{URL: secret}))
	body := get(s, "/").body
	for _, want := range []string{
		"Hanbit &lt;Robots&gt;", "Second &lt;b&gt;line&lt;/b&gt;", `href="https://hanbit.slack.com/signup"`, "@school.example", `href="mailto:robots@school.example"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</(?:script|style)>`)

// What the policy allows by its hash is what is on the page, and nothing comes from elsewhere.
func TestPage_RunsItsOwnScriptAlone(t *testing.T) {
	s := open(t, lay(t, fullSettings, link.Link{URL: secret}))
	a := get(s, "/")
	policy := a.header.Get("Content-Security-Policy")
	found := inline.FindAllStringSubmatch(a.body, -1)
	if len(found) != 3 {
		t.Fatalf("%d inline parts", len(found))
	}
	for _, part := range found {
		sum := sha256.Sum256([]byte(part[2]))
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, hash) {
			t.Errorf("the policy lacks the hash of a %s: %.60q", part[1], part[2])
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
	for _, bad := range []string{`="/`, `src="http`, "style=\"", " onclick", "@import", "url("} {
		if strings.Contains(a.body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestServer_AnswersWhatIsNoPage(t *testing.T) {
	s := open(t, lay(t, "kind: slack"))
	for _, c := range []struct {
		method, target string
		status         int
		header, want   string
		body           string
	}{
		{"GET", "/nothing", 404, "Cache-Control", "no-store", `href="./?lang=en"`},
		{"GET", "/a/b/c", 404, "Cache-Control", "no-store", `href="../../?lang=en"`},
		{"GET", "/%2e%2e/x", 404, "", "", ""},
		{"POST", "/", 405, "Allow", "GET, HEAD", "does not work that way"},
		{"PUT", "/join", 405, "Allow", "GET, HEAD, POST", ""},
		{"DELETE", "/logo", 405, "Allow", "GET, HEAD", ""},
		{"POST", "/nothing", 404, "", "", ""},
		{"GET", "/join", 303, "Location", "./", ""},
		{"GET", "/request", 303, "Location", "./", ""},
		{"POST", "/request", 404, "", "", ""},
		{"GET", "/logo", 404, "", "", ""},
		{"GET", Health, 200, "Content-Type", "text/plain; charset=utf-8", "ok"},
		{"POST", "/join", 400, "", "", "cannot read"},
	} {
		a := ask(s, "", c.method, c.target, nil)
		if a.status != c.status || c.header != "" && a.header.Get(c.header) != c.want || !strings.Contains(a.body, c.body) {
			t.Errorf("%s %s: %d %v\n%.300s", c.method, c.target, a.status, a.header, a.body)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s lacks nosniff", c.method, c.target)
		}
	}
}

func TestServer_AnswersHEADWithoutABody(t *testing.T) {
	s := open(t, lay(t, fullSettings, link.Link{URL: secret}))
	for _, target := range []string{"/", "/icon.svg", "/nothing"} {
		head, whole := ask(s, "", http.MethodHead, target, nil), get(s, target)
		if head.body != "" || head.status != whole.status || head.header.Get("Content-Length") != whole.header.Get("Content-Length") || head.header.Get("Content-Length") == "" {
			t.Errorf("%s: %d %v, GET %d %v", target, head.status, head.header, whole.status, whole.header)
		}
	}
}

func TestLogo_IsSentAsAnImageThatRunsNothing(t *testing.T) {
	dir := lay(t, "kind: slack", link.Link{URL: secret})
	const svg = "<?xml version=\"1.0\"?>\n<!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"
	write(t, filepath.Join(dir, "page", "logo.svg"), svg)
	s := open(t, dir)
	if !strings.Contains(get(s, "/").body, `src="./logo?v=`) {
		t.Error("the page does not show it")
	}
	a := get(s, "/logo")
	if a.status != 200 || a.body != svg || a.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", a.status, a.header)
	}
	if again := asked(s, "/logo", "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified || again.body != "" {
		t.Errorf("asked again: %d", again.status)
	}
}

func TestReadLogo_TakesPicturesAlone(t *testing.T) {
	for name, c := range map[string]struct{ content, kind string }{
		"png": {"\x89PNG\r\n\x1a\n...", "image/png"}, "jpg": {"\xff\xd8\xff\xe0...", "image/jpeg"}, "gif": {"GIF89a...", "image/gif"},
		"webp": {"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"}, "svg": {"\ufeff \n<!DOCTYPE svg PUBLIC \"x\">\n<svg>", "image/svg+xml"},
		"html": {"<!doctype html><svg>", ""}, "script": {"<script><svg>", ""}, "empty": {"", ""}, "svgx": {"<svgx>", ""}, "open": {"<!-- <svg>", ""},
		"text": {"hello", ""}, "large": {"GIF89a" + strings.Repeat("x", maxLogo), ""}, "riff": {"RIFF....AVI ....", ""}, "short": {"<svg", ""},
	} {
		path := filepath.Join(t.TempDir(), "picture")
		write(t, path, c.content)
		got, err := ReadLogo(path)
		if (err == nil) != (c.kind != "") || got.Type != c.kind {
			t.Errorf("%s: %q, %v", name, got.Type, err)
		}
	}
}

func TestLogo_ThatIsBrokenLeavesTheOneBefore(t *testing.T) {
	dir := lay(t, "kind: slack")
	path := filepath.Join(dir, "page", "logo.gif")
	write(t, path, "GIF89a one")
	s := open(t, dir)
	if a := get(s, "/logo"); a.body != "GIF89a one" {
		t.Fatalf("%d", a.status)
	}
	write(t, path, "no picture any more")
	s.logo.looked = s.logo.looked.Add(-lookEvery)
	if a := get(s, "/logo"); a.body != "GIF89a one" {
		t.Errorf("broken: %d %q", a.status, a.body)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.logo.looked = s.logo.looked.Add(-lookEvery)
	if a := get(s, "/logo"); a.status != http.StatusNotFound {
		t.Errorf("removed: %d", a.status)
	}
}

func TestSettings_RefuseWhatIsOff(t *testing.T) {
	for text, want := range map[string]string{
		"kind: irc": "there are slack, discord", "titel: x": "line 1: key titel is not known; it knows kind", "title: [x]": "line 1: it takes one value",
		"0\t0": "line 1: it takes keys and values", "form: maybe": "line 1: it takes true or false", "club: a\nclub: b": "line 2: key club is also at line 1",
		"title: " + strings.Repeat("가", 81): "title has 81 characters, and 80 is the most", "text: \"a\\u0007\"": "text has characters that cannot be shown",
		"domain: school.example": "domain needs the name of the workspace", "domain: x\nworkspace: y": `domain "x" is no domain`,
		"kind: discord\ndomain: school.example\nworkspace: x": "knows no sign-up",
		"domain: school.example\nworkspace: evil.example/":    "workspace",
		"club: " + strings.Repeat("x", maxSettings):           "more than",
		"kind: slack\nform: maybe":                            "line 2",
	} {
		if _, err := parseSettings([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if s, err := parseSettings(nil); err != nil || s.Kind != link.Slack {
		t.Errorf("nothing at all: %v, %v", s, err)
	}
}

func TestContact_LeadsToMailAndPages(t *testing.T) {
	for text, want := range map[string]string{
		"robots@school.example": "mailto:robots@school.example", "https://school.example/robots/": "https://school.example/robots/",
		"room 3": "", "http://school.example": "", "javascript:alert(1)": "", "a?subject=x@school.example": "mailto:a%3Fsubject=x@school.example",
		"Ada <ada@school.example>": "",
	} {
		if shown, href := contact(text); href != want || shown == "" {
			t.Errorf("%s leads to %q, want %q", text, href, want)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(fullSettings))
	f.Add([]byte("0\t0"))
	f.Add([]byte("kind: link\nclub: \"\\u202e\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSettings(text)
		if err != nil {
			if said := err.Error(); said != printable.Line(said) || strings.Contains(said, "cannot construct") {
				t.Errorf("%q: %q", text, said)
			}
			return
		}
		for _, lang := range languages {
			d := newPage(s, lang, "./")
			d.describe(s, len(text)%2 == 0)
			if d.Title == "" || d.Monogram == "" || strings.HasPrefix(d.ContactLink, "javascript") {
				t.Fatalf("%+v", d)
			}
		}
	})
}
