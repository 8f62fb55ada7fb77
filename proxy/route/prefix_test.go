package route

import (
	"errors"
	"strings"
	"testing"
)

func prefix(t testing.TB, s string) Prefix {
	t.Helper()
	p, err := ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func path(t testing.TB, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParsePrefix_Normalises(t *testing.T) {
	tests := []struct{ in, want string }{
		{"/", "/"},
		{"/robots", "/robots"},
		{"/robots/", "/robots"},
		{"/a/b/c/", "/a/b/c"},
		{"/%72obots", "/robots"},
		{"/%7Ekim", "/~kim"},
		{"/a%2cb", "/a%2Cb"},
		{"/a,b", "/a,b"},
		{"/로봇", "/%EB%A1%9C%EB%B4%87"},
		{"/%eb%a1%9c%eb%b4%87", "/%EB%A1%9C%EB%B4%87"},
		{"/a%20b", "/a%20b"},
		{"/{x}|\"<>^`", "/%7Bx%7D%7C%22%3C%3E%5E%60"},
		{"/100%25", "/100%25"},
		{"/...", "/..."},
		{"/.well-known/x", "/.well-known/x"},
		{"/a;b=c", "/a;b=c"},
		{"/a%3Fb", "/a%3Fb"},
	}
	for _, tt := range tests {
		got, err := ParsePrefix(tt.in)
		if err != nil || got.String() != tt.want {
			t.Errorf("ParsePrefix(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParsePrefix_SaysWhatToWrite(t *testing.T) {
	tests := []struct{ in, rule, fix string }{
		{"", "start with a slash", "write /"},
		{"robots", "start with a slash", "write /robots"},
		{"로봇", "start with a slash", "write /로봇"},
		{"\x1b[2J", "start with a slash", "put a slash before it"},
		{"a\xff", "start with a slash", "put a slash before it"},
		{strings.Repeat("x", 101), "start with a slash", "put a slash before it"},
		{"//", "empty segment", "single slashes"},
		{"/a//b", "empty segment", "single slashes"},
		{"/a/./b", "dot segment", "path it leads to"},
		{"/..", "dot segment", "path it leads to"},
		{"/%2e%2E", "dot segment", "path it leads to"},
		{"/%252e%252e/x", "dot segment", "path it leads to"},
		{"/..;x", "dot segment", "path it leads to"},
		{"/a%2Fb", "separator", "plain slashes"},
		{"/a\\b", "separator", "plain slashes"},
		{"/a%5cb", "separator", "plain slashes"},
		{"/a?b", "'?'", "leave out query"},
		{"/a#b", "'#'", "leave out query"},
		{"/a b", "' '", "spaces"},
		{"/a%00", "control character", "leave it out"},
		{"/a\n", "control character", "leave it out"},
		{"/%", "is no escape", "%25"},
		{"/%4", "is no escape", "%25"},
		{"/%zz", "is no escape", "%25"},
		{"/" + strings.Repeat("x", 255), "255 is the most", "shorter"},
		{"/" + strings.Repeat("로", 85), "255 is the most", "shorter"},
	}
	for _, tt := range tests {
		_, err := ParsePrefix(tt.in)
		bad, is := errors.AsType[*PrefixError](err)
		if !is || !errors.Is(err, ErrPrefix) {
			t.Errorf("ParsePrefix(%q) = %v", tt.in, err)
			continue
		}
		if !strings.Contains(bad.Rule, tt.rule) || !strings.Contains(bad.Fix, tt.fix) || !strings.Contains(err.Error(), bad.Fix) {
			t.Errorf("ParsePrefix(%q): %v", tt.in, err)
		}
	}
	if _, err := ParsePrefix("/" + strings.Repeat("x", 254)); err != nil {
		t.Errorf("the longest prefix is refused: %v", err)
	}
}

func TestPrefix_ShowsItself(t *testing.T) {
	root, deep := Prefix{}, prefix(t, "/a/b")
	if !root.Root() || root.String() != "/" || root.Slash() != "/" || root.Depth() != 0 {
		t.Errorf("root: %q %q %d", root.String(), root.Slash(), root.Depth())
	}
	if deep.Root() || deep.String() != "/a/b" || deep.Slash() != "/a/b/" || deep.Depth() != 2 {
		t.Errorf("deep: %q %q %d", deep.String(), deep.Slash(), deep.Depth())
	}
}

func TestPrefix_ContainsOnSegmentBoundaries(t *testing.T) {
	tests := []struct {
		prefix, path string
		want         bool
	}{
		{"/app", "/app", true},
		{"/app", "/app/", true},
		{"/app", "/app/x", true},
		{"/app", "/application", false},
		{"/app", "/app%2Fx", false},
		{"/app", "/ap", false},
		{"/app", "/App", false},
		{"/app", "/", false},
		{"/", "/", true},
		{"/", "/anything", true},
		{"/a/b", "/a/b/c", true},
		{"/a/b", "/a/bc", false},
	}
	for _, tt := range tests {
		if got := prefix(t, tt.prefix).Contains(path(t, tt.path).Normal); got != tt.want {
			t.Errorf("%q contains %q: %v", tt.prefix, tt.path, got)
		}
	}
}

func FuzzParsePrefix(f *testing.F) {
	for _, s := range []string{"/", "/a/b/", "/%41%2f", "/로봇", "/..;", "/%25%32%65", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrefix(s)
		if err != nil {
			if !errors.Is(err, ErrPrefix) {
				t.Fatalf("ParsePrefix(%q) = %v", s, err)
			}
			return
		}
		again, err := ParsePrefix(p.String())
		if err != nil || again != p {
			t.Fatalf("ParsePrefix(%q) = %q, read again %q, %v", s, p, again, err)
		}
		if Leaves(p.String()) {
			t.Fatalf("ParsePrefix(%q) = %q, which leaves its start", s, p)
		}
		request, err := ParsePath(p.Slash() + "x")
		if err != nil || !p.Contains(request.Normal) {
			t.Fatalf("prefix %q does not contain %q, %v", p, request.Normal, err)
		}
	})
}
