package route

import (
	"math/rand/v2"
	"net/url"
	pathpkg "path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readingTable has routes that escapes, hosts and depth tell apart.
func readingTable(t testing.TB) *Table {
	t.Helper()
	var routes []Route
	for _, key := range []string{
		"/", "/admin", "/admin/deep", "/blog", "/caf%C3%A9", "/a+b", "/proxy", "host.org/admin", "host.org/only",
	} {
		parsed, err := ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, Route{Key: parsed, Service: key})
	}
	return Build(routes, nil)
}

// read lists the keys of the routes that a path may be read as, sorted.
func read(t testing.TB, table *Table, host, raw string) string {
	t.Helper()
	routes, ok := table.Readings(host, path(t, raw))
	if !ok {
		return "too many"
	}
	keys := make([]string, len(routes))
	for i, r := range routes {
		keys[i] = r.Key.String()
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestTable_ReadingsAreThoseOfMoreLenientServers(t *testing.T) {
	table := readingTable(t)
	for _, test := range []struct{ host, path, want string }{
		// Ordinary paths have no other reading.
		{"", "/", ""},
		{"", "/admin/x", ""},
		{"", "/admin/index.html", ""},
		{"", "/.well-known/acme", ""},
		{"", "/...a/b", ""},
		// What many apps serve as /admin/x.
		{"", "//admin/x", "/ /admin"},
		{"", "///admin/x", "/ /admin"},
		{"", "/./admin/x", "/ /admin"},
		{"", "/x/../admin/x", "/ /admin"},
		{"", "/x/%2e%2e/admin/x", "/ /admin"},
		{"", "/%2e/admin/x", "/ /admin"},
		{"", "/%252e/admin/x", "/ /admin"},
		{"", "/admin%2fx", "/ /admin"},
		{"", "/admin%2Fx", "/ /admin"},
		{"", "/admin%252fx", "/ /admin"},
		{"", "/%2fadmin/x", "/ /admin"},
		{"", `/admin\x`, "/ /admin"},
		{"", `/\admin/x`, "/ /admin"},
		{"", "/admin%5cx", "/ /admin"},
		{"", "/admin;a=b/x", "/ /admin"},
		{"", "/admin%3bx", "/ /admin"},
		{"", "/;/admin/x", "/ /admin"},
		{"", "/x/..;a/admin/x", "/ /admin"},
		{"", "/%61dmin/x", "/admin"},
		{"", "/%2561dmin/x", "/ /admin"},
		{"", "/admin%00/x", "/ /admin"},
		{"", "/admin%00x/../y", "/ /admin"},
		{"", "/admin%3fx", "/ /admin"},
		{"", "/admin%23x/../..", "/ /admin"},
		{"", "/admin./x", "/ /admin"},
		{"", "/admin.", "/ /admin"},
		{"", "/admin%20/x", "/ /admin"},
		{"", "/admin%09", "/ /admin"},
		{"", "/admin%c0%afx", "/ /admin"},
		{"", "/%c1%a1dmin/", "/ /admin"},
		{"", "/x/%c0%ae%e0%80%ae/admin", "/ /admin"},
		{"", "/x/%f0%80%80%ae./admin", "/ /admin"},
		{"", "/a/b/../../admin/deep/x", "/ /admin/deep"},
		{"", "/admin//deep", "/admin /admin/deep"},
		{"", "/admin/x%2f../deep", "/admin /admin/deep"},
		{"", "/x//../admin", "/ /admin"},
		{"", "/a%2fb/../../admin", "/ /admin"},
		// Those who take a path with two slashes for an address with a host.
		{"", "//x/admin/y", "/ /admin"},
		{"", `/\x/admin/y`, "/ /admin"},
		{"", "/admin//x/deep/y", "/admin /admin/deep"},
		// Escapes that differ though the characters are the same.
		{"", "/a%2Bb/x", "/a+b"},
		{"", "/cafe%CC%81", "/"},
		{"", "/caf%c3%a9/x", "/caf%C3%A9"},
		{"", "/café/x", "/caf%C3%A9"},
		// Below one route all of these are its own.
		{"", "/proxy/https://example.org/x", "/proxy"},
		{"", "/proxy/https://example.org/a/../b", "/proxy"},
		{"", "/blog/a%2Fb", "/blog"},
		{"", "/blog/C%2B%2B/..", "/blog"},
		{"", "/blog/x;v=1/y", "/blog"},
		{"", "/blog/50%25.", "/blog"},
		{"", "/blog/", ""},
		{"", "//", "/"},
		{"", "/x;y", "/"},
		// Letter case is not ignored.
		{"", "/Admin/x;", "/"},
		// A host has its own routes, and those of any host behind them.
		{"host.org", "//admin/x", "/ /admin host.org/admin"},
		{"host.org", "//blog/x", "/ /blog"},
		{"host.org", "//only", "/ host.org/only"},
		{"other.org", "//only", "/"},
	} {
		if got := read(t, table, test.host, test.path); got != test.want {
			t.Errorf("%s%s: %q, want %q", test.host, test.path, got, test.want)
		}
	}
}

func TestTable_ReadingsAreBounded(t *testing.T) {
	table := readingTable(t)
	for _, raw := range []string{
		"/" + strings.Repeat("a%2f", 20_000) + strings.Repeat("/..", 20_000),
		strings.Repeat("/a%2fb", 5000) + strings.Repeat("/..", 100) + "/admin",
		strings.Repeat(`/\..%5c;`, 5000),
		// Few readings at a time, each of which takes a step at every slash.
		strings.Repeat("/", 60_000) + strings.Repeat("../", 31),
		strings.Repeat("/.", 30_000) + strings.Repeat("/..", 31),
		"/" + strings.Repeat("%2f", 20_000) + strings.Repeat("/..", 31),
	} {
		if got := read(t, table, "", raw); got != "too many" {
			t.Errorf("%.20s...: %q", raw, got)
		}
	}
	// Length alone is no reason to give up.
	for _, raw := range []string{
		strings.Repeat("/a%2Fb", 20_000), strings.Repeat("//", 4000), strings.Repeat("/a/..", 20),
	} {
		if got := read(t, table, "", raw); got != "/" {
			t.Errorf("%.20s...: %q", raw, got)
		}
	}
}

func TestTable_ReadingsOfOrdinaryPathsCostNothing(t *testing.T) {
	table, ordinary := readingTable(t), path(t, "/admin/wp-content/themes/x.min.css")
	if got := testing.AllocsPerRun(100, func() { table.Readings("", ordinary) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// servers read paths as well-known servers do: each returns the decoded path that it serves, or false when it refuses.
var servers = map[string]func(raw string) (string, bool){
	"nginx": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		return resolve(merge(s)), err == nil && !strings.Contains(s, "\x00")
	},
	"nginx without merge_slashes": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		return resolve(s), err == nil && !strings.Contains(s, "\x00")
	},
	"nginx in front of one that decodes again": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		again := unescape(resolve(merge(s)))
		return resolve(merge(again)), err == nil
	},
	"Apache": func(raw string) (string, bool) {
		s := strings.NewReplacer("%2e", ".", "%2E", ".").Replace(raw)
		s, err := url.PathUnescape(resolve(merge(s)))
		return s, err == nil && !strings.Contains(strings.ToLower(raw), "%2f")
	},
	"Apache with AllowEncodedSlashes": func(raw string) (string, bool) {
		s := strings.NewReplacer("%2e", ".", "%2E", ".").Replace(raw)
		s, err := url.PathUnescape(resolve(merge(s)))
		return s, err == nil
	},
	"Go's ServeMux": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		return pathpkg.Clean("/" + s), err == nil
	},
	"Tomcat": func(raw string) (string, bool) {
		s, err := url.PathUnescape(parameters.ReplaceAllString(raw, ""))
		return resolve(merge(strings.ReplaceAll(s, `\`, "/"))), err == nil
	},
	"Jetty": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		return resolve(parameters.ReplaceAllString(s, "")), err == nil
	},
	"WHATWG URL of //": func(raw string) (string, bool) {
		s := strings.NewReplacer(`\`, "/", "%2e", ".", "%2E", ".").Replace(raw)
		if strings.HasPrefix(s, "//") {
			_, rest, _ := strings.Cut(strings.TrimLeft(s, "/"), "/")
			s = "/" + rest
		}
		s, err := url.PathUnescape(resolve(s))
		return s, err == nil
	},
	"IIS": func(raw string) (string, bool) {
		s := shortest(unescape(shortest(unescape(raw))))
		s = resolve(merge(strings.ReplaceAll(s, `\`, "/")))
		return trailing.ReplaceAllString(s, "$1$2"), true
	},
	"one in C that ends strings at NUL": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		s, _, _ = strings.Cut(s, "\x00")
		return resolve(merge(s)), err == nil
	},
	"one that decodes before it cuts the query": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		if end := strings.IndexAny(s, "?#"); end >= 0 {
			s = s[:end]
		}
		return resolve(merge(s)), err == nil
	},
	"one that resolves nothing": func(raw string) (string, bool) {
		s, err := url.PathUnescape(raw)
		return s, err == nil
	},
}

var (
	parameters = regexp.MustCompile(`;[^/]*`)
	slashes    = regexp.MustCompile(`/+`)
	trailing   = regexp.MustCompile(`([^/.])[. ]+(/|$)`)
)

func merge(s string) string { return slashes.ReplaceAllString(s, "/") }

// resolve removes dot segments (RFC 3986 section 5.2.4), and stays at the root where they lead out of it.
func resolve(s string) string {
	var kept []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(s, "/"), "/") {
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// tokens are what paths for the servers are made of.
var tokens = []string{
	"/", "/", "/", "admin", "deep", "x", ".", "..", "/../", "//", "%2f", "%2F", "%5c", `\`, ";", "%3b", ";a=b", "%2e", "%2E.", "%252e",
	"%252f", "%25", "%00", "%61dmin", "ad", "min", "%c0%af", "%c0%ae", "%20", "%3f", "%23", "%09", "blog", "caf%C3%A9", "a%2bb",
}

// spell makes a path of bytes that name tokens.
func spell(bytes []byte) string {
	s := "/"
	for _, b := range bytes {
		s += tokens[int(b)%len(tokens)]
	}
	return s
}

// checkReadings fails if a server takes the path to a route that is neither the one that the gateway finds, nor reported.
func checkReadings(t *testing.T, table *Table, raw string) {
	t.Helper()
	p, err := ParsePath(raw)
	if err != nil || strings.ContainsAny(raw, "?#") {
		return
	}
	match, found := table.Match("", p)
	if !found || Leaves(match.Rest) {
		return
	}
	readings, ok := table.Readings("", p)
	if !ok {
		return
	}
	for name, server := range servers {
		served, accepted := server(raw)
		if !accepted {
			continue
		}
		var escaped strings.Builder
		for i := range len(served) {
			writeByte(&escaped, served[i], false)
		}
		reached, _ := table.Match("", Path{Raw: served, Normal: escaped.String()})
		if reached.Route != nil && reached.Route != match.Route && !slices.Contains(readings, reached.Route) {
			t.Fatalf("%q is %s to the gateway; %s serves %q of %s, which is no reading", raw, match.Route.Key, name, served, reached.Route.Key)
		}
	}
}

func TestTable_NoServerReadsAPathAsARouteThatIsNotTold(t *testing.T) {
	table := readingTable(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		bytes := make([]byte, 1+random.IntN(8))
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		checkReadings(t, table, spell(bytes))
	}
}

func FuzzReadings(f *testing.F) {
	table := readingTable(f)
	f.Add([]byte("\x03\x0a\x05"), "/x/..;/admin")
	f.Fuzz(func(t *testing.T, bytes []byte, raw string) {
		checkReadings(t, table, spell(bytes[:min(len(bytes), 40)]))
		checkReadings(t, table, raw)
	})
}
