package label

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

func key(t testing.TB, s string) route.Key {
	t.Helper()
	k, err := route.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParse_GivesNothingWithoutLabels(t *testing.T) {
	for _, labels := range []map[string]string{
		nil,
		{"com.docker.compose.project": "blog", "gateways.path": "/x", "gateway": "/x"},
		{Role: RoleEdge, Record: "{}"},
	} {
		if claims, problems := Parse(labels); claims != nil || problems != nil {
			t.Errorf("Parse(%v) = %v, %v", labels, claims, problems)
		}
		if Ours(labels) {
			t.Errorf("Ours(%v) is true", labels)
		}
	}
	if !Ours(map[string]string{"gateway.pth": ""}) {
		t.Error("a misspelt label is not ours")
	}
}

func TestParse_ReadsDefaults(t *testing.T) {
	claims, problems := Parse(map[string]string{Path: "/robots/"})
	want := []Claim{{Key: key(t, "/robots"), Scheme: route.HTTP, Mount: route.Strip}}
	if !reflect.DeepEqual(claims, want) || problems != nil {
		t.Errorf("got %+v, %+v", claims, problems)
	}
}

func TestParse_ReadsEveryLabel(t *testing.T) {
	claims, problems := Parse(map[string]string{
		Path: " /robots ", Host: "Example.ORG.", Port: "8080", Scheme: "h2c", Mount: "preserve",
		Network: "robots_web", Owner: "Kim <kim@example.org>", Expires: "2027-06-30",
		"gateway.routes.api.path": "/api", "gateway.routes.api.scheme": "https", "gateway.routes.api.mount": "auto",
		"gateway.routes.b.host": "[::1]", "gateway.routes.b.path": "/",
	})
	want := []Claim{
		{
			Key: key(t, "example.org/robots"), Port: 8080, Scheme: route.H2C, Mount: route.Preserve,
			Network: "robots_web", Owner: "Kim <kim@example.org>", Expires: time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC),
		},
		{Name: "api", Key: key(t, "/api"), Scheme: route.HTTPS, Mount: route.Strip},
		{Name: "b", Key: route.Key{Host: "::1"}, Scheme: route.HTTP, Mount: route.Strip},
	}
	if !reflect.DeepEqual(claims, want) || problems != nil {
		t.Errorf("got %+v, %+v", claims, problems)
	}
}

func TestParse_TellsRuleAndFix(t *testing.T) {
	tests := []struct {
		label, value string
		message      string
		fix          string
	}{
		{Path, "robots", "it must start with a slash", "write /robots"},
		{Path, "", "it is empty", "/robots"},
		{Path, "/a/../b", "dot segment", "write /b"},
		{Path, "/a b", "a path alone", "write /a%20b"},
		{Host, "", "it is empty", "remove the label"},
		{Host, "https://example.org", `it has ':'`, "write example.org"},
		{Host, "example.org:80", `it has ':'`, "write example.org"},
		{Host, "*.example.org", "wildcards", "write example.org"},
		{Host, "a.org, b.org", "it takes one name", "write a.org"},
		{Host, "학교.kr", "xn--", "one name"},
		{Host, "-a.org", `the part "-a"`, "one name"},
		{Host, strings.Repeat("a.", 130) + "org", "253", "one name"},
		{Port, "0", "from 1 to 65535", "8080"},
		{Port, "65536", "from 1 to 65535", "8080"},
		{Port, "http", "from 1 to 65535", "write 80"},
		{Scheme, "htps", "http, https or h2c", "write http"},
		{Scheme, "grpc", "http, https or h2c", "write h2c"},
		{Mount, "rewrite", "not known to this version", "auto, strip or preserve"},
		{Mount, "Strip", "auto, strip or preserve", "write strip"},
		{Network, "", "no network's name", "docker network ls"},
		{Network, "a b", "no network's name", "docker network ls"},
		{Owner, "", "it is empty", "remove the label"},
		{Owner, "a\x1b[31m", "cannot be shown", "one line"},
		{Owner, "a\xff", "cannot be shown", "one line"},
		{Owner, strings.Repeat("x", 201), "200 is the most", "mail address"},
		{Expires, "2027-02-30", "YYYY-MM-DD", "2027-06-30"},
		{Expires, "tomorrow", "YYYY-MM-DD", "2027-06-30"},
	}
	for _, tt := range tests {
		labels := map[string]string{Path: "/x", "gateway.routes.other.path": "/other"}
		labels[tt.label] = tt.value
		claims, problems := Parse(labels)
		if len(claims) != 1 || claims[0].Name != "other" || len(problems) != 1 {
			t.Errorf("%s=%q: got %+v, %+v", tt.label, tt.value, claims, problems)
			continue
		}
		p := problems[0]
		if p.Label != tt.label || !strings.HasPrefix(p.Message, tt.label) ||
			!strings.Contains(p.Message, tt.message) || !strings.Contains(p.Fix, tt.fix) {
			t.Errorf("%s=%q: got %+v", tt.label, tt.value, p)
		}
		if tt.label != Path && p.Route == "" {
			t.Errorf("%s=%q: the problem names no route", tt.label, tt.value)
		}
	}
}

func TestParse_RefusesUnknownLabels(t *testing.T) {
	tests := []struct{ label, fix string }{
		{"gateway.prot", "write gateway.port"},
		{"gateway.hots", "write gateway.host"},
		{"gateway.expire", "write gateway.expires"},
		{"gateway.networks", "write gateway.network"},
		{"gateway.domain", "write gateway.host"},
		{"Gateway.Port", "write gateway.port"},
		{"gateway.PORT", "write gateway.port"},
		{"gateway.routes.x.prot", "write gateway.routes.x.port"},
		{"gateway.auth.basic", "upgrade the gateway"},
		{"gateway.cookies", "upgrade the gateway"},
		{"gateway.headers.request.X-A", "upgrade the gateway"},
		{"gateway.", "upgrade the gateway"},
		{"gateway.routes", "upgrade the gateway"},
	}
	for _, tt := range tests {
		_, problems := Parse(map[string]string{tt.label: "v", "gateway.path": "/a", "gateway.routes.x.path": "/b"})
		if len(problems) != 1 || problems[0].Label != tt.label || !strings.Contains(problems[0].Fix, tt.fix) {
			t.Errorf("%s: got %+v", tt.label, problems)
		}
	}
}

func TestParse_LeavesOutOnlyTheRouteOfAnUnknownLabel(t *testing.T) {
	for label, left := range map[string]string{"gateway.auth.basic": "x", "gateway.routes.x.rates.burst": ""} {
		claims, problems := Parse(map[string]string{label: "v", "gateway.path": "/a", "gateway.routes.x.path": "/b"})
		if len(claims) != 1 || claims[0].Name != left || len(problems) != 1 {
			t.Errorf("%s: got %+v, %+v", label, claims, problems)
		}
	}
}

func TestParse_AsksForAPath(t *testing.T) {
	tests := []struct {
		labels map[string]string
		fix    string
	}{
		{map[string]string{Port: "80", Owner: "kim"}, "add gateway.path="},
		{map[string]string{"gateway.routes.x.port": "80"}, "add gateway.routes.x.path="},
	}
	for _, tt := range tests {
		claims, problems := Parse(tt.labels)
		if len(claims) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Fix, tt.fix) {
			t.Errorf("%v: got %+v, %+v", tt.labels, claims, problems)
		}
	}
}

func TestParse_RefusesBadRouteNames(t *testing.T) {
	for _, label := range []string{
		"gateway.routes.", "gateway.routes.x", "gateway.routes.x.", "gateway.routes..path", "gateway.routes.A.path",
	} {
		claims, problems := Parse(map[string]string{label: "/x", Path: "/a"})
		if len(claims) != 1 || len(problems) != 1 || problems[0].Label != label {
			t.Errorf("%s: got %+v, %+v", label, claims, problems)
		}
	}
}

func TestParse_RefusesOneRouteTwice(t *testing.T) {
	claims, problems := Parse(map[string]string{Path: "/a", "gateway.routes.x.path": "/a/", "gateway.routes.x.port": "81"})
	if len(claims) != 1 || claims[0].Name != "" || len(problems) != 1 {
		t.Fatalf("got %+v, %+v", claims, problems)
	}
	if p := problems[0]; p.Label != "gateway.routes.x.path" || p.Route != "/a" || !strings.Contains(p.Message, "gateway.path") {
		t.Errorf("got %+v", p)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("gateway.path", "/robots", "gateway.port", "80")
	f.Add("gateway.routes.x.path", "/x", "gateway.routes.x.host", "a.org")
	f.Add("Gateway.path", "/%2e%2e", "gateway.expires", "2027-06-30")
	f.Add("gateway.routes..", "", "gateway.owner", "\xff")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		labels := map[string]string{name1: value1, name2: value2}
		claims, problems := Parse(labels)
		again, same := Parse(labels)
		if !reflect.DeepEqual(claims, again) || !reflect.DeepEqual(problems, same) {
			t.Fatalf("two readings differ: %v", labels)
		}
		if Ours(labels) && len(claims)+len(problems) == 0 {
			t.Fatalf("%v was silently ignored", labels)
		}
		for _, c := range claims {
			if got, err := route.ParseKey(c.Key.String()); err != nil || got != c.Key {
				t.Fatalf("key %q of %v cannot be read back: %v", c.Key, labels, err)
			}
		}
		bounded(t, problems)
		for _, p := range problems {
			if p.Label == "" || p.Message == "" || p.Fix == "" {
				t.Fatalf("problem %+v of %v lacks something", p, labels)
			}
		}
	})
}

func TestParse_ReadsRedirects(t *testing.T) {
	for value, want := range map[string]string{
		"/notes": "", "/": "", "https://example.org": "", "https://example.org/notes/": "", "http://[::1]:8080/x": "",
		"":                           "neither a path",
		"notes":                      "neither a path",
		"//example.org/x":            "neither a path",
		`/\example.org`:              "no address",
		"/a b":                       "no address",
		"/ä":                         "no address",
		"/a/../b":                    "no path",
		"/a?x=1":                     "a query",
		"https://example.org/#x":     "a fragment",
		"ftp://example.org/":         "neither a path",
		"https://":                   "neither a path",
		"https://kim@example.org/":   "neither a path",
		"https://example.org/\r\nX:": "no address",
		"/blog":                      "redirects to itself",
	} {
		claims, problems := Parse(map[string]string{Path: "/blog", Redirect: value})
		switch {
		case want == "" && (len(claims) != 1 || claims[0].Policy.Redirect != value):
			t.Errorf("%q: %+v, %+v", value, claims, problems)
		case want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, want)):
			t.Errorf("%q: %+v, want a problem with %q", value, problems, want)
		}
	}
}

func TestEnded_WaitsForTheLastTimeZone(t *testing.T) {
	last := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	for hours, want := range map[int]bool{0: false, 24: false, 35: false, 36: true, 1000: true} {
		if got := Ended(last, last.Add(time.Duration(hours)*time.Hour)); got != want {
			t.Errorf("after %d hours: %v", hours, got)
		}
	}
	if Ended(time.Time{}, last) {
		t.Error("without a last day it ends")
	}
}
