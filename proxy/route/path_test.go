package route

import (
	"errors"
	"net/url"
	pathpkg "path"
	"regexp"
	"strings"
	"testing"
)

func TestParsePath_Normalises(t *testing.T) {
	tests := []struct{ in, want string }{
		{"/", "/"},
		{"/a/b", "/a/b"},
		{"/%61/%7e", "/a/~"},
		{"/a%2fb", "/a%2Fb"},
		{"/a%2Fb", "/a%2Fb"},
		{"/%2e%2e/x", "/../x"},
		{"/a%5cb\\c", "/a%5Cb%5Cc"},
		{"/로", "/%EB%A1%9C"},
		{"/{a}|b", "/%7Ba%7D%7Cb"},
		{"/a;b=c,d", "/a;b=c,d"},
		{"/a%3bb", "/a%3Bb"},
		{"//a//", "//a//"},
		{"/%25", "/%25"},
	}
	for _, tt := range tests {
		got, err := ParsePath(tt.in)
		if err != nil || got.Normal != tt.want || got.Raw != tt.in {
			t.Errorf("ParsePath(%q) = %+v, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParsePath_RefusesWhatIsNoPath(t *testing.T) {
	for _, in := range []string{"", "a", "*", "%2Fa", "/%", "/%4", "/%4g", "/a%%41"} {
		if got, err := ParsePath(in); !errors.Is(err, ErrEscape) {
			t.Errorf("ParsePath(%q) = %+v, %v", in, got, err)
		}
	}
}

func TestPath_AfterKeepsTheOriginalSpelling(t *testing.T) {
	tests := []struct {
		path  string
		depth int
		want  string
	}{
		{"/", 0, "/"},
		{"/a/b", 0, "/a/b"},
		{"/a", 1, ""},
		{"/a/", 1, "/"},
		{"/%61/%2f;x//y", 1, "/%2f;x//y"},
		{"/a/b", 2, ""},
		{"/a/b/%62", 2, "/%62"},
		{"/a", 2, ""},
	}
	for _, tt := range tests {
		if got := path(t, tt.path).After(tt.depth); got != tt.want {
			t.Errorf("%q after %d: %q, want %q", tt.path, tt.depth, got, tt.want)
		}
	}
}

func TestLeaves_ReadsAsTheMostLiberalServer(t *testing.T) {
	tests := []struct {
		rest string
		want bool
	}{
		{"", false},
		{"/", false},
		{"/a/b", false},
		{"/a/../b", false},
		{"/a/..", false},
		{"/./a", false},
		{"/...", false},
		{"/a/b/../../c", false},
		{"/..", true},
		{"/../x", true},
		{"/a/../../x", true},
		{"/%2e%2e/x", true},
		{"/.%2E/x", true},
		{"/%252e%252e/x", true},
		{"/..%2fx", true},
		{"/a%2f..%2f..%2fx", true},
		{"/..\\x", true},
		{"/..%5cx", true},
		{"/..;a=b/x", true},
		{"/..%3bx", true},
		{"//../x", true},
		{"/;/../x", true},
		{"/a//../../x", true},
		{"/a\\b/../..", true}, // who takes no backslash for a slash has one segment to climb
		{"/a%2fb/../..", true},
		{"/a\\b%2f../..", true},
		{"/a%5c.%5cb/../..", true},
		{"/a\\b/..", false},
		{"/a%2fb/../x", false},
		{"/a\\..\\b/../x", false},
		{"/a%", false},
		{"/%zz/..", false},
	}
	for _, tt := range tests {
		if got := Leaves(tt.rest); got != tt.want {
			t.Errorf("Leaves(%q) = %v", tt.rest, got)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/", "/a/%2e%2e/b", "/%2F", "/\\..\\", "/a//..", "/\xff%00", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if p.Raw != s || strings.Count(p.Raw, "/") != strings.Count(p.Normal, "/") {
			t.Fatalf("ParsePath(%q) = %+v", s, p)
		}
		again, err := ParsePath(p.Normal)
		if err != nil || again.Normal != p.Normal {
			t.Fatalf("the normal form %q is not normal: %q, %v", p.Normal, again.Normal, err)
		}
		depth := strings.Count(s, "/")
		if rest := p.After(depth); rest != "" {
			t.Fatalf("%q after all of its segments: %q", s, rest)
		}
	})
}

// FuzzLeaves compares with the standard library, in every reading that a server may take.
func FuzzLeaves(f *testing.F) {
	for _, s := range []string{"/..", "/a/%2e%2e/..", "/%252e./x", "/..%2f", "/..;x", "/\\..", "/0\\0/%2e%2e/.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		if !strings.HasPrefix(rest, "/") || Leaves(rest) {
			return
		}
		dots := regexp.MustCompile(`(?i)%(25)?2e`).ReplaceAllString(rest, ".")
		readings := []string{dots, rest}
		for range 2 {
			decoded, err := url.PathUnescape(readings[len(readings)-1])
			if err != nil {
				break
			}
			readings = append(readings, decoded)
		}
		for _, reading := range readings {
			for _, slashes := range []string{reading, strings.ReplaceAll(reading, "\\", "/")} {
				// Cleaned below a deep folder: whoever stays inside still has the folder in front.
				if cleaned := pathpkg.Clean("/p/q/r" + slashes); cleaned != "/p/q/r" && !strings.HasPrefix(cleaned, "/p/q/r/") {
					t.Fatalf("%q leaves as %q: %q", rest, slashes, cleaned)
				}
			}
		}
	})
}
