package site

import (
	"strings"
	"testing"
)

func TestMediaType_DependsOnTheFileAlone(t *testing.T) {
	korean := []byte("<title>\xc7\xd1\xb1\xdb</title>") // EUC-KR
	cut := []byte(strings.Repeat("x", sampleSize-1) + "\xed")
	for _, c := range []struct {
		name   string
		sample []byte
		want   string
	}{
		{"index.html", []byte("<p>"), "text/html; charset=utf-8"},
		{"INDEX.HTM", nil, "text/html; charset=utf-8"},
		{"old.html", korean, "text/html"},
		{"cut.html", cut, "text/html; charset=utf-8"},
		{"app.js", nil, "text/javascript; charset=utf-8"},
		{"app.mjs", nil, "text/javascript; charset=utf-8"},
		{"logo.svg", []byte("<svg/>"), "image/svg+xml; charset=utf-8"},
		{"data.json", nil, "application/json"},
		{"app.webmanifest", nil, "application/manifest+json"},
		{"a.wasm", []byte{0, 'a', 's', 'm'}, "application/wasm"},
		{"f.woff2", []byte{0xff}, "font/woff2"},
		{"LICENSE", []byte("MIT"), "text/plain; charset=utf-8"},
		{"x.unknown", []byte{0, 1, 2}, "application/octet-stream"},
		{"x.unknown", korean, "application/octet-stream"},
		{"page", []byte("<script>"), "text/plain; charset=utf-8"},
	} {
		if got := mediaType(c.name, c.sample); got != c.want {
			t.Errorf("mediaType(%q, %.20q) = %q, want %q", c.name, c.sample, got, c.want)
		}
	}
}

func TestCacheControl_KeepsOnlyHashedNamesForGood(t *testing.T) {
	for name, want := range map[string]string{
		"index.html": cacheAsk, "app.3f2a9c1b.html": cacheAsk,
		"app.3f2a9c1b.js": cacheHashed, "a/main-0a1b2c3d4e5f.css": cacheHashed, "app.3f2a9c1b.js.map": cacheHashed,
		"app.js": cacheAsk, "report-20260101.pdf": cacheAsk, "cafe-deadbeef.png": cacheAsk,
		"3f2a9c1b.js": cacheAsk, "my-Photo001.png": cacheAsk, "app-settings.js": cacheAsk,
	} {
		if got := cacheControl(name, mediaType(name, nil)); got != want {
			t.Errorf("cacheControl(%q) = %q, want %q", name, got, want)
		}
	}
}
