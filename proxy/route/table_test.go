package route

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// made is a ready route of one target; name is both the service's and the target's.
func made(t testing.TB, key, name string, age time.Duration) Route {
	t.Helper()
	k, err := ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Route{
		Key: k, Service: name, Source: "docker", Mount: Strip, Claimed: epoch.Add(-age),
		Targets: []Target{{
			ID: name + "-id", Name: name, Address: "10.0.0.1:80", Scheme: HTTP, State: Ready, Created: epoch.Add(-age),
		}},
	}
}

func table(t testing.TB, keys ...string) *Table {
	t.Helper()
	routes := make([]Route, len(keys))
	for i, key := range keys {
		routes[i] = made(t, key, fmt.Sprintf("app%d", i), 0)
	}
	return Build(routes, nil)
}

func TestMatch_FindsTheLongestPrefix(t *testing.T) {
	tab := table(t, "/", "/app", "/app/admin", "/a/b/c/d", "example.org/", "example.org/shop", "other.org/only")
	tests := []struct{ host, path, want, rest string }{
		{"", "/", "/", "/"},
		{"", "/x/y/z/1/2/3", "/", "/x/y/z/1/2/3"},
		{"", "/app", "/app", ""},
		{"", "/app/", "/app", "/"},
		{"", "/app/x", "/app", "/x"},
		{"", "/application", "/", "/application"},
		{"", "/app%2Fadmin", "/", "/app%2Fadmin"},
		{"", "/app/%61dmin/%2e", "/app/admin", "/%2e"},
		{"", "/app/administrator", "/app", "/administrator"},
		{"", "/app//admin", "/app", "//admin"},
		{"", "//app", "/", "//app"},
		{"", "/APP", "/", "/APP"},
		{"", "/app/../x", "/app", "/../x"},
		{"", "/a/b/c", "/", "/a/b/c"},
		{"", "/a/b/c/d/e/f", "/a/b/c/d", "/e/f"},
		{"unknown.org", "/app", "/app", ""},
		{"example.org", "/app", "example.org/", "/app"},
		{"example.org", "/shop/1", "example.org/shop", "/1"},
		{"other.org", "/only/1", "other.org/only", "/1"},
		{"other.org", "/app/1", "/app", "/1"},
		{"other.org", "/", "/", "/"},
	}
	for _, tt := range tests {
		m, ok := tab.Match(tt.host, path(t, tt.path))
		if !ok || m.Route.Key.String() != tt.want || m.Rest != tt.rest {
			t.Errorf("%s%s: got %v %q, want %s %q", tt.host, tt.path, m.Route, m.Rest, tt.want, tt.rest)
		}
	}
}

func TestMatch_ReportsWhatNothingServes(t *testing.T) {
	for _, tab := range []*Table{{}, Build(nil, nil), table(t, "/app/x", "example.org/")} {
		for _, p := range []Path{path(t, "/"), path(t, "/app"), path(t, "/app/"), {}} {
			if m, ok := tab.Match("", p); ok {
				t.Errorf("%q matches %v", p.Raw, m.Route)
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"/", "/app", "/a/b/", "/a%2Fb", "//", "/app/%61dmin", "/ab/../a"} {
		f.Add("example.org", s)
	}
	tab := table(f, "/a", "/a/b", "/app/admin", "/0", "example.org/", "example.org/a/b/c")
	f.Fuzz(func(t *testing.T, host, raw string) {
		p, err := ParsePath(raw)
		if err != nil {
			return
		}
		// The plain reading of the rule: of all routes, the host's first, then the deepest that contains the path.
		var want *Route
		for i := range tab.Routes() {
			r := &tab.Routes()[i]
			if (r.Host == "" || r.Host == host) && r.Prefix.Contains(p.Normal) &&
				(want == nil || r.Host > want.Host || r.Host == want.Host && r.Prefix.Depth() > want.Prefix.Depth()) {
				want = r
			}
		}
		m, ok := tab.Match(host, p)
		if ok != (want != nil) || m.Route != want {
			t.Fatalf("%s%s: got %v, want %v", host, raw, m.Route, want)
		}
		if ok && !strings.HasSuffix(raw, m.Rest) {
			t.Fatalf("%s: the rest %q is not its end", raw, m.Rest)
		}
	})
}

func TestBuild_OlderClaimKeepsThePrefix(t *testing.T) {
	old, young := made(t, "/x", "old", time.Hour), made(t, "/x", "young", 0)
	young.Project = "robots"
	for _, found := range [][]Route{{old, young}, {young, old}} {
		tab := Build(found, nil)
		if len(tab.Routes()) != 1 || tab.Routes()[0].Service != "old" || len(tab.Problems()) != 1 {
			t.Fatalf("got %+v, %+v", tab.Routes(), tab.Problems())
		}
		p := tab.Problems()[0]
		if p.Subject != "young" || p.Project != "robots" || p.Route != "/x" ||
			!strings.Contains(p.Message, "held by old since 2026-11-20 11:00:00") || !strings.Contains(p.Fix, "another gateway.path") {
			t.Errorf("got %+v", p)
		}
	}
}

func TestBuild_EqualClaimsGoByName(t *testing.T) {
	tab := Build([]Route{made(t, "/x", "b", 0), made(t, "/x", "a", 0), made(t, "/x", "c", 0)}, nil)
	if tab.Lookup(Key{Prefix: prefix(t, "/x")}).Service != "a" || len(tab.Problems()) != 2 {
		t.Errorf("got %+v, %+v", tab.Routes(), tab.Problems())
	}
}

func TestBuild_EqualClaimsGoByTheOldestTarget(t *testing.T) {
	young, old := made(t, "/x", "a", 0), made(t, "/x", "b", 0)
	target := old.Targets[0]
	target.ID, target.Name, target.Created = "b2", "b2", epoch.Add(-time.Hour)
	old.Targets = append(old.Targets, target)
	for _, found := range [][]Route{{young, old}, {old, young}} {
		tab := Build(found, nil)
		if tab.Lookup(Key{Prefix: prefix(t, "/x")}).Service != "b" || len(tab.Problems()) != 1 {
			t.Errorf("got %+v, %+v", tab.Routes(), tab.Problems())
		}
	}
}

func TestBuild_OneHostIsNoConflictWithAnother(t *testing.T) {
	tab := table(t, "/x", "a.org/x", "b.org/x")
	if len(tab.Routes()) != 3 || len(tab.Problems()) != 0 {
		t.Errorf("got %+v, %+v", tab.Routes(), tab.Problems())
	}
}

// replica is target n of the service, the younger the higher n.
func replica(t testing.TB, key, service string, n int) Route {
	t.Helper()
	r := made(t, key, service, 0)
	r.Project, r.Claimed = "shop", r.Claimed.Add(time.Duration(n)*time.Minute)
	target := &r.Targets[0]
	target.Name, target.ID = fmt.Sprintf("shop-%s-%d", service, n), fmt.Sprintf("%s%d", service, n)
	target.Created = r.Claimed
	return r
}

func TestBuild_MergesReplicasUnderTheYoungestSettings(t *testing.T) {
	one, two, three := replica(t, "/shop", "web", 1), replica(t, "/shop", "web", 2), replica(t, "/shop", "web", 3)
	two.Mount, two.Owner = Preserve, "kim"
	three.Mount, three.Owner = Preserve, "lee"
	rival := replica(t, "/shop", "rival", 2)
	tab := Build([]Route{three, rival, one, two}, nil)
	if len(tab.Routes()) != 1 || len(tab.Problems()) != 1 || tab.Problems()[0].Subject != "shop-rival-2" {
		t.Fatalf("got %+v, %+v", tab.Routes(), tab.Problems())
	}
	r := tab.Routes()[0]
	var names []string
	for _, target := range r.Targets {
		names = append(names, target.Name)
	}
	if !slices.Equal(names, []string{"shop-web-1", "shop-web-2", "shop-web-3"}) {
		t.Errorf("targets %v", names)
	}
	if r.Mount != Preserve || r.Owner != "lee" || !r.Claimed.Equal(one.Claimed) {
		t.Errorf("settings %+v", r)
	}
	if len(one.Targets) != 1 || len(three.Targets) != 1 {
		t.Error("Build changed its arguments")
	}
}

func TestBuild_DoesNotDependOnTheOrder(t *testing.T) {
	var found []Route
	for i := range 6 {
		found = append(found, replica(t, "/shop", "web", i%2), replica(t, "/shop", "rival", i), made(t, fmt.Sprintf("/p%d", i), "app", 0))
	}
	for i := range found {
		found[i].Targets[0].ID += fmt.Sprint(i)
		found[i].Owner = fmt.Sprint(i)
	}
	problems := []Problem{{Subject: "b", Message: "m"}, {Subject: "a", Message: "m"}, {Subject: "a", Message: "m", Fix: "x"}}
	want := Build(found, problems)
	for range 50 {
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		rand.Shuffle(len(problems), func(i, j int) { problems[i], problems[j] = problems[j], problems[i] })
		if got := Build(found, problems); got.Digest() != want.Digest() {
			a, _ := want.MarshalJSON()
			b, _ := got.MarshalJSON()
			t.Fatalf("the order changed the table:\n%s\n%s", a, b)
		}
	}
}

func TestTable_SurvivesJSON(t *testing.T) {
	full := made(t, "example.org/로봇", "a&b <c>", time.Hour)
	full.Owner, full.Expires, full.Project = "Kim <kim@example.org>", epoch, "p"
	full.Targets[0].Reason = "exited (1)"
	tables := []*Table{
		{},
		Build(nil, nil),
		Build([]Route{full, made(t, "/", "root", 0), made(t, "/", "late", -time.Hour)}, []Problem{{Subject: "s", Message: "\"m\"", Fix: "x"}}),
	}
	for _, tab := range tables {
		data, err := json.Marshal(tab)
		if err != nil {
			t.Fatal(err)
		}
		var back Table
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(&back)
		if err != nil || string(again) != string(data) || back.Digest() != tab.Digest() {
			t.Errorf("was %s\nnow %s, %v", data, again, err)
		}
		if len(back.Routes()) != len(tab.Routes()) || len(tab.Problems()) > 0 && !reflect.DeepEqual(back.Problems(), tab.Problems()) {
			t.Errorf("lost something: %s", again)
		}
	}
}

func TestTable_UnmarshalRefusesBadPrefixes(t *testing.T) {
	for _, text := range []string{`{"routes":[{"path":"/a/../b"}]}`, `{"routes":[{"path":"x"}]}`, `[]`, `{"routes":3}`} {
		var tab Table
		if err := json.Unmarshal([]byte(text), &tab); err == nil {
			t.Errorf("%s was read as %+v", text, tab.Routes())
		}
	}
}

func TestTable_MarshalReportsWhatJSONCannotHold(t *testing.T) {
	bad := made(t, "/x", "x", 0)
	bad.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if data, err := json.Marshal(Build([]Route{bad}, nil)); err == nil {
		t.Errorf("it was written as %s", data)
	}
}

func TestDigest_NamesTheContent(t *testing.T) {
	a, b := table(t, "/a", "/b"), table(t, "/a", "/b")
	if a.Digest() != b.Digest() || len(a.Digest()) != 32 {
		t.Errorf("equal tables: %s, %s", a.Digest(), b.Digest())
	}
	if c := table(t, "/a", "/c"); c.Digest() == a.Digest() {
		t.Error("other tables have the same digest")
	}
	if (&Table{}).Digest() != Build(nil, nil).Digest() {
		t.Error("two empty tables differ")
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("/project%d", i)
		}
		tab := table(b, append(keys, "/", "example.org/a/b/c")...)
		p := path(b, fmt.Sprintf("/project%d/wp-content/themes/x/style.css", n/2))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if m, ok := tab.Match("example.org", p); !ok || len(m.Rest) != len("/wp-content/themes/x/style.css") {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkBuild1000(b *testing.B) {
	routes := make([]Route, 1000)
	for i := range routes {
		routes[i] = made(b, fmt.Sprintf("/project%d", i), fmt.Sprintf("project%d", i), 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		Build(routes, nil)
	}
}
