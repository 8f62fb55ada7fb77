package site

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{
		"", "/", "/a/b.txt", "/a/", "//", "/%2e%2e/x", "/a%2fb", `/a%5cb`, "/%00", "/.well-known/x", "/.git", "/%ff", "/%zz", "x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		got, ok := parseTarget(escaped)
		if !ok {
			return
		}
		if path.Clean(got.name) != got.name || !filepath.IsLocal(got.name) || strings.Contains(got.name, "\x00") {
			t.Fatalf("%q became %q, which is no plain path", escaped, got.name)
		}
		for i, segment := range strings.Split(got.name, "/") {
			if segment[0] == '.' && got.name != "." && !(i == 0 && segment == ".well-known") {
				t.Fatalf("%q became %q, with a hidden segment", escaped, got.name)
			}
		}
		again, ok := parseTarget("/" + (&url.URL{Path: got.name}).EscapedPath())
		if got.name != "." && (!ok || again.name != got.name) {
			t.Fatalf("%q became %q, which becomes %q", escaped, got.name, again.name)
		}
	})
}
