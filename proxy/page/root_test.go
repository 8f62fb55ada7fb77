package page_test

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/page"
)

func renderRoot(accept, language string) response {
	var asked header.Header
	asked.Add("Accept", accept)
	asked.Add("Accept-Language", language)
	status, h, body := page.Root{
		Name: "gateway nas.lan <3f9a12> root", Fingerprint: strings.Repeat("AB:", 31) + "CD", Expires: time.Date(2036, 11, 20, 0, 0, 0, 0, time.UTC),
	}.Render(asked)
	return response{status, h, string(body)}
}

func TestRoot_LooksAsBefore(t *testing.T) {
	for name, c := range map[string][2]string{
		"root.en.html": {"text/html", "en"}, "root.ko.html": {"text/html", "ko-KR,ko;q=0.9"}, "root.en.txt": {"*/*", "fr"}, "root.ko.txt": {"", "ko"},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, renderRoot(c[0], c[1])) })
	}
}

func TestRoot_SaysHowOnEachSystem(t *testing.T) {
	for _, language := range []string{"en", "ko"} {
		all := page.Instructions(language)
		for _, form := range []string{"text/html", "text/plain"} {
			body := renderRoot(form, language).body
			for _, system := range []string{"Windows", "macOS", "iPhone, iPad", "Android", "Linux", "Firefox"} {
				if !strings.Contains(body, system) {
					t.Errorf("%s as %s says nothing of %s", language, form, system)
				}
			}
			if len(all) != 6 || !strings.Contains(body, "ca.crt") || !strings.Contains(body, "ca.mobileconfig") || !strings.Contains(body, strings.Repeat("AB:", 31)+"CD") {
				t.Errorf("%s as %s lacks a link or the fingerprint:\n%s", language, form, body)
			}
		}
	}
	if got := page.Instructions("fr")[0]; got != page.Instructions("en")[0] {
		t.Errorf("for an unknown language: %v", got)
	}
}

func TestRoot_LoadsNothing(t *testing.T) {
	r := renderRoot("text/html", "en")
	policy, _ := r.h.Lookup("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(r.body, "<script") || strings.Contains(r.body, "//") || strings.Contains(r.body, "<3f9a12>") {
		t.Errorf("%q\n%s", policy, r.body)
	}
}
