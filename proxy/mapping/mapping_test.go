package mapping

import (
	"slices"
	"strings"
	"testing"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// robots is an app at /robots on example.org, beside one at /wiki.
func robots(t testing.TB) *Map {
	t.Helper()
	return mounted(t, "/robots")
}

func mounted(t testing.TB, path string) *Map {
	t.Helper()
	prefix, err := route.ParsePrefix(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Map{
		Prefix: prefix, Scheme: "http", Host: "Example.org:8080", Target: "172.18.0.3:3000",
		Others: wiki{},
	}
}

// wiki is the app beside.
type wiki struct{}

func (wiki) Own(path string) bool { return path == "/wiki" || strings.HasPrefix(path, "/wiki/") }

// fields makes a header of names, each followed by its value.
func fields(of ...string) *header.Header {
	var h header.Header
	for i := 0; i < len(of); i += 2 {
		h.Add(of[i], of[i+1])
	}
	return &h
}

func TestMap_MapsURLs(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"/", "/robots/"},
		{"/login", "/robots/login"},
		{"/login?next=/x#top", "/robots/login?next=/x#top"},
		{"/?q", "/robots/?q"},
		{"/%zz", "/robots/%zz"},
		// No double prefix, on a segment boundary, however it is escaped.
		{"/robots", "/robots"},
		{"/robots/x", "/robots/x"},
		{"/robots?x", "/robots?x"},
		{"/%72obots/x", "/%72obots/x"},
		{"/robotsarmy", "/robots/robotsarmy"},
		{"/robots%2Fx", "/robots/robots%2Fx"},
		// What belongs to another route is its own.
		{"/wiki", "/wiki"},
		{"/wiki/Main?x", "/wiki/Main?x"},
		{"/wikipedia", "/robots/wikipedia"},
		// Absolute addresses of this site and of the container.
		{"http://example.org:8080/login", "http://Example.org:8080/robots/login"},
		{"HTTP://EXAMPLE.ORG:8080/login", "http://Example.org:8080/robots/login"},
		{"http://example.org:8080", "http://Example.org:8080/robots/"},
		{"http://example.org:8080?x=/y", "http://Example.org:8080/robots/?x=/y"},
		{"http://example.org:8080/robots/x", "http://Example.org:8080/robots/x"},
		{"http://example.org:8080/wiki/x", "http://Example.org:8080/wiki/x"},
		{"https://example.org:8080/x", "https://Example.org:8080/robots/x"},
		{"http://172.18.0.3:3000/login", "http://Example.org:8080/robots/login"},
		{"https://172.18.0.3:3000/login", "http://Example.org:8080/robots/login"},
		{"//example.org:8080/x", "//Example.org:8080/robots/x"},
		{"//172.18.0.3:3000/x", "//Example.org:8080/robots/x"},
		// Everything else.
		{"", ""},
		{"login", "login"},
		{"../login", "../login"},
		{"?page=2", "?page=2"},
		{"#top", "#top"},
		{"login?next=http://example.org:8080/x", "login?next=http://example.org:8080/x"},
		{"http://example.org/x", "http://example.org/x"},
		{"http://other.org/x", "http://other.org/x"},
		{"http://example.org:8080@evil.org/x", "http://example.org:8080@evil.org/x"},
		{"http://me@example.org:8080/x", "http://me@example.org:8080/x"},
		{"//other.org/x", "//other.org/x"},
		{"///x", "///x"},
		{"http:///x", "http:///x"},
		{"ftp://example.org:8080/x", "ftp://example.org:8080/x"},
		{"mailto:owner@example.org", "mailto:owner@example.org"},
		{"data:text/plain,/x", "data:text/plain,/x"},
		{"javascript:go('/x')", "javascript:go('/x')"},
	} {
		m := robots(t)
		if got := m.URL(test.in); got != test.want {
			t.Errorf("URL(%q) = %q, want %q", test.in, got, test.want)
		}
		if again := m.URL(test.want); again != test.want {
			t.Errorf("URL(%q) = %q: mapping twice is not mapping once", test.want, again)
		}
	}
}

func TestMap_KeepsHTTPSThatTheAppAsksFor(t *testing.T) {
	m := robots(t)
	m.Host = "example.org"
	if got := m.URL("https://example.org/login"); got != "https://example.org/robots/login" {
		t.Errorf("an upgrade to https became %q, which would redirect forever", got)
	}
	m.Scheme = "https"
	if got := m.URL("http://example.org/login"); got != "https://example.org/robots/login" {
		t.Errorf("an app that does not know of https: %q", got)
	}
}

func TestMap_AtTheRootMapsOnlyTheContainer(t *testing.T) {
	m := mounted(t, "/")
	h := fields("Location", "http://172.18.0.3:3000/x", "Link", "</x>; rel=preload", "Set-Cookie", "a=1; Path=/",
		"Clear-Site-Data", `"*"`)
	m.Response(h)
	if got := first(*h, "Location"); got != "http://Example.org:8080/x" {
		t.Errorf("Location = %q", got)
	}
	if first(*h, "Link") != "</x>; rel=preload" || first(*h, "Set-Cookie") != "a=1; Path=/" || first(*h, "Clear-Site-Data") == "" {
		t.Errorf("the header changed: %v", h)
	}
}

func TestMap_WithoutAHostAnswersRootRelative(t *testing.T) {
	m := robots(t)
	m.Host = ""
	if got := m.URL("http://172.18.0.3:3000/x"); got != "/robots/x" {
		t.Errorf("URL = %q", got)
	}
}

func TestMap_MapsResponses(t *testing.T) {
	for _, test := range []struct{ field, in, want string }{
		{"Location", "/login", "/robots/login"},
		{"Content-Location", "/doc.en", "/robots/doc.en"},
		{"SourceMap", "/app.js.map", "/robots/app.js.map"},
		{"X-SourceMap", "/app.js.map", "/robots/app.js.map"},
		{"Service-Worker-Allowed", "/", "/robots/"},
		{"HX-Redirect", "/login", "/robots/login"},
		{"HX-Push-Url", "/page/2", "/robots/page/2"},
		{"HX-Push-Url", "false", "false"},
		{"HX-Replace-Url", "/page/2", "/robots/page/2"},
		{"HX-Location", "/x", "/robots/x"},
		{"HX-Location", `{"target":"#a", "path": "/x?<b>", "values":{"path":"/y"}}`, `{"target":"#a", "path": "/robots/x?<b>", "values":{"path":"/y"}}`},
		{"HX-Location", `{"values":{"path":"/y"}}`, `{"values":{"path":"/y"}}`},
		{"HX-Location", `{"path":["/y"]}`, `{"path":["/y"]}`},
		{"HX-Location", `{"path":"/y"`, `{"path":"/robots/y"`},
		{"HX-Location", `{"path":"/y`, `{"path":"/y`},
		{"Refresh", "5", "5"},
		{"Refresh", "5; url=/login", "5; url=/robots/login"},
		{"Refresh", "0;URL='/login?x'", "0;URL='/robots/login?x'"},
		{"Refresh", `0, url = "/login"`, `0, url = "/robots/login"`},
		{"Refresh", "0;/login", "0;/robots/login"},
		{"Refresh", "0;", "0;"},
		{"Refresh", "0;url", "0;url"},
		{"Refresh", "0;url='/login", "0;url='/robots/login"},
		{"Refresh", "0; url=https://other.org/", "0; url=https://other.org/"},
		{"Link", "</a.css>; rel=preload; as=style", "</robots/a.css>; rel=preload; as=style"},
		{"Link", `</a,b>; title="<c>, \"</d>", <rel>,</wiki/x>;rel="next",<//x.org/y>`, `</robots/a,b>; title="<c>, \"</d>", <rel>,</wiki/x>;rel="next",<//x.org/y>`},
		{"Link", "</unclosed", "</unclosed"},
		{"Link", `"unclosed`, `"unclosed`},
		{"Set-Cookie", "sid=1; Path=/", "sid=1; Path=/robots"},
		{"Set-Cookie", "sid=a=b; HttpOnly; path = /admin ; Unknown=x;SameSite=Lax", "sid=a=b; HttpOnly; path = /robots/admin ; Unknown=x;SameSite=Lax"},
		{"Set-Cookie", "sid=1; Path=/robots/x", "sid=1; Path=/robots/x"},
		{"Set-Cookie", "sid=1; Path=/wiki", "sid=1; Path=/robots/wiki"},
		{"Set-Cookie", "path=/; Domain=example.org", "path=/; Domain=example.org"},
		{"Set-Cookie", "sid=1; Path", "sid=1; Path"},
		{"Set-Cookie", "sid=1; Path=", "sid=1; Path="},
		{"Set-Cookie", "sid=1", "sid=1"},
		{"Set-Cookie", "__Host-sid=1; Secure; Path=/", "__Host-sid=1; Secure; Path=/"},
		{"Set-Cookie", "__Secure-sid=1; Path=/", "__Secure-sid=1; Path=/robots"},
		{"X-Other", "/login", "/login"},
	} {
		h := fields(test.field, test.in)
		robots(t).Response(h)
		if got := first(*h, test.field); got != test.want {
			t.Errorf("%s: %q became %q, want %q", test.field, test.in, got, test.want)
		}
	}
}

func TestMap_MapsEachValueOfAField(t *testing.T) {
	h := fields("Set-Cookie", "a=1; Path=/", "Set-Cookie", "b=2; Path=/b", "Clear-Site-Data", `"cookies"`)
	robots(t).Response(h)
	if want := []string{"a=1; Path=/robots", "b=2; Path=/robots/b"}; !slices.Equal(cookies(*h), want) {
		t.Errorf("Set-Cookie = %q, want %q", cookies(*h), want)
	}
	if _, there := h.Lookup("Clear-Site-Data"); there {
		t.Error("Clear-Site-Data of a project below / clears every project's data")
	}
}

func TestMap_MapsRequests(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"http://example.org:8080/robots/page?x=/robots/y", "http://example.org:8080/page?x=/robots/y"},
		{"http://example.org:8080/robots", "http://example.org:8080/"},
		{"http://example.org:8080/robots/", "http://example.org:8080/"},
		{"http://example.org:8080/%72obots/%7ex", "http://example.org:8080/%7ex"},
		{"/robots/page", "/page"},
		{"http://example.org:8080/robotsarmy", "http://example.org:8080/robotsarmy"},
		{"http://example.org:8080/", "http://example.org:8080/"},
		{"http://example.org:8080", "http://example.org:8080"},
		{"http://other.org/robots/page", "http://other.org/robots/page"},
		{"about:blank", "about:blank"},
		{"", ""},
	} {
		h := fields("Referer", test.in, "Destination", test.in, "Origin", test.in)
		robots(t).Request(h)
		if got := first(*h, "Referer"); got != test.want {
			t.Errorf("Referer %q became %q, want %q", test.in, got, test.want)
		}
		if got := first(*h, "Destination"); got != test.want {
			t.Errorf("Destination %q became %q, want %q", test.in, got, test.want)
		}
		if got := first(*h, "Origin"); got != test.in {
			t.Errorf("Origin %q became %q, want it kept", test.in, got)
		}
	}
}

func FuzzMap(f *testing.F) {
	for _, seed := range []string{
		"/login", "//example.org:8080/x", "http://172.18.0.3:3000", "5; url='/x'", `</a>; t="<b>", </c>`, "a=1; Path=/",
		`{"path":"/x"}`, "/%zz", "/%72obots", "\\x", "0;\"", "{\"path\":\"\xff/\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, path := range []string{"/", "/robots", "/a/b%20c"} {
			m := mounted(t, path)
			for _, field := range []string{
				"Location", "Content-Location", "SourceMap", "X-SourceMap", "Service-Worker-Allowed", "HX-Redirect", "HX-Push-Url",
				"HX-Replace-Url", "HX-Location", "Refresh", "Link", "Set-Cookie",
			} {
				h := fields(field, value)
				m.Response(h)
				once := strings.Clone(first(*h, field))
				m.Response(h)
				if twice := first(*h, field); twice != once {
					t.Errorf("%s under %s: %q became %q and then %q", field, path, value, once, twice)
				}
			}
			m.Request(fields("Referer", value, "Destination", value))
		}
	})
}

func TestMap_AllocatesNothingForWhatItHasRoomFor(t *testing.T) {
	response := func(m *Map, h *header.Header) { m.Response(h) }
	request := func(m *Map, h *header.Header) { m.Request(h) }
	for _, test := range []struct {
		what  string
		apply func(*Map, *header.Header)
		h     header.Header
	}{
		{"an answer in which nothing changes", response, *fields(
			"Content-Type", "text/html", "Location", "next?x=/y", "Content-Location", "/robots/doc", "Refresh", "5; url=page",
			"Link", `</wiki/x>; rel=next; title="<a>", <https://other.org/x>`, "Set-Cookie", "sid=1; HttpOnly; Path=/robots",
			"HX-Push-Url", "false", "HX-Location", "http://Example.org:8080/robots/x",
		)},
		{"an answer in which much changes", response, *fields(
			"Location", "/login", "Content-Location", "http://172.18.0.3:3000/doc", "Set-Cookie", "sid=1; Path=/", "Refresh", "1; url=/x",
		)},
		{"a request from a page of the app", request, *fields("Referer", "http://example.org:8080/robots/page?x")},
	} {
		m, h := robots(t), make(header.Header, 0, 20)
		if n := testing.AllocsPerRun(100, func() {
			h = append(h[:0], test.h...)
			test.apply(m, &h)
			m.room = m.room[:0]
		}); n != 0 {
			t.Errorf("%s: %v allocations", test.what, n)
		}
	}
}

func TestMap_KeepsWhatItMappedUntilReset(t *testing.T) {
	m := robots(t)
	var mapped []string
	for range 1000 {
		mapped = append(mapped, m.URL("/login"))
	}
	for _, u := range mapped {
		if u != "/robots/login" {
			t.Fatalf("an address became %q when others were mapped", u)
		}
	}
	m.Reset()
	if m.Host != "" || m.Others != nil || !m.Prefix.Root() || cap(m.room) == 0 || cap(m.room) > roomMost {
		t.Errorf("after Reset: %+v", m)
	}
}

// first is the first value of that name.
func first(h header.Header, name string) string {
	v, _ := h.Lookup(name)
	return v
}

func cookies(h header.Header) []string {
	var all []string
	for _, f := range h {
		if f.Kind == header.SetCookie {
			all = append(all, f.Value)
		}
	}
	return all
}
