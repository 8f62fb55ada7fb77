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
	return mounted(t, "/robots", route.Strip)
}

// knowing is an app at /robots that knows its prefix.
func knowing(t testing.TB) *Map {
	t.Helper()
	return mounted(t, "/robots", route.Preserve)
}

func mounted(t testing.TB, path string, how route.Mount) *Map {
	t.Helper()
	prefix, err := route.ParsePrefix(path)
	if err != nil {
		t.Fatal(err)
	}
	app := NewApp(&route.Route{Key: route.Key{Prefix: prefix}, Service: "bots", Mount: how},
		&route.Target{ID: "3f2a9c1b4d5e", Name: "club-bots-1", Address: "172.18.0.3:3000", Scheme: route.HTTP})
	return &Map{App: app, Host: "Example.org:8080", Path: path + "/js/page", Asked: "/js/page", Routes: beside{app}}
}

// beside are the routes of a table: the app, and one at /wiki.
type beside struct{ *App }

func (beside) Foreign(path string) bool { return path == "/wiki" || strings.HasPrefix(path, "/wiki/") }

func (b beside) Inner(path string) (string, bool) {
	if b.Foreign(path) {
		return "", false
	}
	return (&Map{App: b.App}).below(path)
}

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
		{"https://example.org/x", "https://example.org/x"},
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

// An address may be made of one party's host and another's port.
func TestMap_KnowsTheAppByEachOfItsAddresses(t *testing.T) {
	const plain, tls = "http://Example.org:8080", "https://Example.org:8443"
	for _, test := range []struct{ in, below string }{
		{"http://example.org:3000/x/", "/x/"},       // the client's host, the container's port
		{"//example.org:3000/x/", "/x/"},            // the same without a scheme
		{"http://example.org/x/", "/x/"},            // without the client's port
		{"http://example.org:80/x/", "/x/"},         // with the one of the scheme
		{"http://172.18.0.3:3000/x/", "/x/"},        // the container's address
		{"http://bots:3000/x/", "/x/"},              // its service
		{"http://Club-Bots-1:3000/x/", "/x/"},       // its name
		{"http://3f2a9c1b4d5e:3000/x/", "/x/"},      // its host name
		{"http://localhost:3000/x/", "/x/"},         // what any server may call itself
		{"http://127.0.0.1:3000", "/"},              //
		{"http://[::1]:3000?x", "/?x"},              //
		{"http://0.0.0.0:3000/x/", "/x/"},           //
		{"http://example.org:3000/wiki/", "/wiki/"}, // all of its own paths are the app's,
		{"http://bots:3000/wiki/", "/wiki/"},        // whatever other routes there are
		{"http://localhost:3000/?statement=1", "/?statement=1"},
		{"http://localhost:3000/v2/u?_state=1&upload_state=2", "/v2/u?_state=1&upload_state=2"},
	} {
		m := robots(t)
		want := plain + "/robots" + test.below
		if strings.HasPrefix(test.in, "//") {
			want = strings.TrimPrefix(want, "http:")
		}
		if got := m.URL(test.in); got != want {
			t.Errorf("URL(%q) = %q, want %q", test.in, got, want)
		}
		m = robots(t)
		m.Secure, m.Host = true, "Example.org:8443"
		want = tls + "/robots" + test.below
		if strings.HasPrefix(test.in, "//") {
			want = strings.TrimPrefix(want, "https:")
		}
		if got := m.URL(test.in); got != want {
			t.Errorf("URL(%q) = %q over TLS, want %q", test.in, got, want)
		}
	}
}

func TestMap_ChangesOnlyWhatIsProvablyTheApp(t *testing.T) {
	for _, u := range []string{
		"http://example.org:9000/x", "http://example.org:8081/x", "https://example.org/x", "http://other.org:3000/x", "http://other.org:8080/x",
		"http://172.18.0.3:9000/x", "http://172.18.0.4:3000/x", "http://bots:9000/x", "http://bots.example:3000/x", "http://localhost:9000/x",
		"http://localhost/x", "http://sub.example.org:3000/x", "http://example.org:3000@evil.org/x", "http://example.org:port/x", "http://:3000/x",
		"http://127.evil.org:3000/x", "ws://example.org:3000/x",
		// What a program on the client's machine waits for.
		"http://localhost:3000/callback?code=abc&state=x", "http://127.0.0.1:3000/#access_token=x",
		"http://localhost:3000/callback?session_state=1&error=access_denied&state=x", "http://localhost:3000/callback?a&state=x",
	} {
		if m := robots(t); m.URL(u) != u {
			t.Errorf("URL(%q) = %q", u, m.URL(u))
		}
	}
}

// The scheme and the port of an app that keeps its prefix are mapped, and no path is.
func TestMap_KeepsThePathsOfAnAppThatKnowsItsPrefix(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"http://example.org/robots/x/", "https://example.org/robots/x/"},
		{"http://example.org:80/robots/x/?y#z", "https://example.org/robots/x/?y#z"},
		{"http://example.org:443/robots/", "https://example.org/robots/"},
		{"http://example.org:3000/robots/x/", "https://example.org/robots/x/"},
		{"http://172.18.0.3:3000/robots/", "https://example.org/robots/"},
		{"http://bots:3000", "https://example.org"},
		{"http://bots:3000?x", "https://example.org/?x"},
		{"http://example.org/", "https://example.org/"},
		{"http://example.org/wiki/", "https://example.org/wiki/"},
		{"https://example.org/robots/", "https://example.org/robots/"},
		{"/robots/x", "/robots/x"},
		{"/x", "/x"},
		{"x", "x"},
		{"http://other.org/robots/x", "http://other.org/robots/x"},
		{"http://example.org:9000/robots/x", "http://example.org:9000/robots/x"},
	} {
		m := knowing(t)
		m.Secure, m.Host = true, "example.org"
		if got := m.URL(test.in); got != test.want {
			t.Errorf("URL(%q) = %q, want %q", test.in, got, test.want)
		}
		m.App.Prefix = route.Prefix{}
		if got := m.URL(test.in); got != test.want {
			t.Errorf("URL(%q) = %q at the root, want %q", test.in, got, test.want)
		}
	}
}

func TestMap_KeepsThePortThatATrustedProxyNames(t *testing.T) {
	m := knowing(t)
	m.Secure, m.Host, m.Port = true, "example.org", "8443"
	for in, want := range map[string]string{
		"http://example.org:8443/x": "https://example.org:8443/x", "https://example.org:8443/x": "https://example.org:8443/x",
		"http://example.org/x": "https://example.org/x", "http://example.org:3000/x": "https://example.org/x",
	} {
		if got := m.URL(in); got != want {
			t.Errorf("URL(%q) = %q, want %q", in, got, want)
		}
	}
}

// The path of the request with a slash appended is a folder of the app, even if another route has that prefix.
func TestMap_RedirectsToAFolderOfTheNameOfAnotherRoute(t *testing.T) {
	m := robots(t)
	m.Path, m.Asked = "/robots/wiki", "/wiki"
	if got := m.URL("/wiki/"); got != "/robots/wiki/" {
		t.Errorf("URL = %q", got)
	}
	if got := m.URL("/wiki/Main"); got != "/wiki/Main" {
		t.Errorf("URL = %q, want the address of the other app", got)
	}
}

func TestMap_KeepsHTTPSThatTheAppAsksFor(t *testing.T) {
	m := robots(t)
	m.Host = "example.org"
	if got := m.URL("https://example.org/login"); got != "https://example.org/robots/login" {
		t.Errorf("an upgrade to https became %q, which would redirect forever", got)
	}
	if got := m.URL("https://172.18.0.3:3000/login"); got != "http://example.org/robots/login" {
		t.Errorf("an app that says https of itself alone: %q", got)
	}
	m.Host = "example.org:8080"
	if got := m.URL("https://example.org:3000/login"); got != "https://example.org/robots/login" {
		t.Errorf("an upgrade to https with the container's port: %q", got)
	}
	m.Host = "example.org"
	m.App.Secure = true
	if got := m.URL("https://example.org/login"); got != "http://example.org/robots/login" {
		t.Errorf("an app that is asked over TLS itself: %q", got)
	}
	m.Secure = true
	if got := m.URL("http://example.org/login"); got != "https://example.org/robots/login" {
		t.Errorf("an app that does not know of https: %q", got)
	}
}

func TestMap_AtTheRootMapsOnlyTheContainer(t *testing.T) {
	m := mounted(t, "/", route.Strip)
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

func TestMap_IsRootRelativeWithoutAHost(t *testing.T) {
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
		{"X-Pingback", "http://example.org:3000/xmlrpc.php", "http://Example.org:8080/robots/xmlrpc.php"},
		{"Operation-Location", "/jobs/1", "/robots/jobs/1"},
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
		{"Set-Cookie", "sid=1; Domain=localhost; Path=/; Secure", "sid=1; Path=/robots; Secure"},
		{"Set-Cookie", "sid=1; Path=/; domain = .bots ", "sid=1; Path=/robots"},
		{"Set-Cookie", "sid=1; Domain=172.18.0.3", "sid=1"},
		{"Set-Cookie", "sid=1; Domain=org", "sid=1; Domain=org"},
		{"Set-Cookie", "sid=1; Domain=", "sid=1; Domain="},
		{"Turbolinks-Location", "http://example.org:8080/projects/1", "http://Example.org:8080/robots/projects/1"},
		{"Turbo-Location", "/projects/1", "/robots/projects/1"},
		{"X-XHR-Redirected-To", "/projects/1", "/robots/projects/1"},
		{"X-Redirect", "/login", "/robots/login"},
		{"X-Inertia-Location", "/login", "/robots/login"},
		{"X-PJAX-URL", "http://localhost:3000/page", "http://Example.org:8080/robots/page"},
		{"X-Up-Location", "/page", "/robots/page"},
		{"X-Accel-Redirect", "/files/1", "/files/1"},
		{"X-Sendfile", "/files/1", "/files/1"},
		{"Lock-Token", "<http://example.org:8080/token>", "<http://example.org:8080/token>"},
		{"Access-Control-Allow-Origin", "http://example.org:8080", "http://example.org:8080"},
		{
			"Content-Security-Policy", "default-src 'self' http://example.org:3000 http://bots:3000/js/ https://other.org; report-uri /csp /wiki/csp",
			"default-src 'self' http://Example.org:8080 http://Example.org:8080/robots/js/ https://other.org; report-uri /robots/csp /wiki/csp",
		},
		{"Content-Security-Policy-Report-Only", "REPORT-URI  http://bots:3000/csp , img-src http://example.org:*", "REPORT-URI  http://Example.org:8080/robots/csp , img-src http://example.org:*"},
		{"Content-Security-Policy", "sandbox", "sandbox"},
		{"Content-Security-Policy", ";, ;", ";, ;"},
		{"Reporting-Endpoints", `csp="/csp", main="https://other.org/x", odd="/a\"b`, `csp="/robots/csp", main="https://other.org/x", odd="/a\"b`},
		{"Speculation-Rules", `"/rules/a.json", "b.json"`, `"/robots/rules/a.json", "b.json"`},
		{"Use-As-Dictionary", `match="/js/*", id="x"`, `match="/robots/js/*", id="x"`},
		{"WWW-Authenticate", `Bearer realm="http://example.org:3000/v2/token",service="bots", Basic realm="/x"`, `Bearer realm="http://Example.org:8080/robots/v2/token",service="bots", Basic realm="/x"`},
		{"Service-Worker-Allowed", "/app", "/robots/app"},
		{"Service-Worker-Allowed", "http://bots:3000/", "/robots/"},
		{"Service-Worker-Allowed", "/robots", "/robots/"},
		{"Service-Worker-Allowed", "./", "/robots/js/"},
		{"Service-Worker-Allowed", "../", "/robots/"},
		{"Service-Worker-Allowed", "../../", ""},
		{"Service-Worker-Allowed", "/../", ""},
		{"Service-Worker-Allowed", "/%2e%2e/", ""},
		{"Service-Worker-Allowed", "/wiki/", "/robots/wiki/"},
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

// originWide are fields that apply to all apps of the host.
var originWide = []string{
	"Strict-Transport-Security", "max-age=1; includeSubDomains", "alt-svc", "h3=\":443\"", "NEL", "{}", "Report-To", "{}", "Accept-CH", "DPR",
	"Accept-CH-Lifetime", "1", "Critical-CH", "DPR", "Public-Key-Pins", "x", "Public-Key-Pins-Report-Only", "x", "Expect-CT", "max-age=1",
	"Origin-Agent-Cluster", "?1", "Sec-Session-Registration", `(ES256);path="/x"`, "Clear-Site-Data", `"*"`, "CLEAR-SITE-DATA", `"cache"`,
}

func TestMap_DropsOriginWideFieldsBelowAPrefix(t *testing.T) {
	pageWide := []string{
		"Permissions-Policy", "camera=()", "Cross-Origin-Opener-Policy", "same-origin", "X-Frame-Options", "DENY", "Set-Login", "logged-in",
		"No-Vary-Search", "params", "Referrer-Policy", "no-referrer", "X-Permitted-Cross-Domain-Policies", "none",
	}
	all := fields(slices.Concat(originWide, pageWide)...)
	for what, m := range map[string]*Map{"strip": robots(t), "preserve": knowing(t)} {
		h := slices.Clone(*all)
		m.Response(&h)
		if want := *fields(pageWide...); !slices.Equal(h, want) {
			t.Errorf("%s: %v is left, want %v", what, h, want)
		}
		m.App.Origin = true
		h = slices.Clone(*all)
		if m.Response(&h); !slices.Equal(h, *all) {
			t.Errorf("%s: %v is left where the route keeps it", what, h)
		}
	}
	for _, r := range []*route.Route{{}, {Key: route.Key{Prefix: robots(t).App.Prefix}, Policy: route.Policy{KeepOrigin: true}}} {
		if a := NewApp(r, &route.Target{}); !a.Origin {
			t.Errorf("an app of %v may not speak for its origin", r.Key)
		}
	}
}

// The scope of a service worker is never wider than the app.
func TestMap_KeepsWorkersBelowThePrefixOfAnAppThatKnowsIt(t *testing.T) {
	for in, want := range map[string]string{
		"/": "", "/robots": "/robots/", "/robots/": "/robots/", "/robots/app/": "/robots/app/", "/robotsarmy": "", "../": "/robots/", "../..": "",
		"https://example.org:8080/robots/": "/robots/", "http://example.org:8080/": "", "/robots/../": "", "%zz": "",
	} {
		h := fields("Service-Worker-Allowed", in)
		knowing(t).Response(h)
		if got := first(*h, "Service-Worker-Allowed"); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	h, m := fields("Service-Worker-Allowed", "/"), knowing(t)
	m.App.Origin = true
	if m.Response(h); first(*h, "Service-Worker-Allowed") != "/" {
		t.Errorf("an app that speaks for its origin: %v", h)
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
		h := fields("Referer", test.in, "HX-Current-URL", test.in, "Turbolinks-Referrer", test.in, "X-XHR-Referer", test.in, "Origin", test.in)
		robots(t).Request(h)
		for _, name := range []string{"Referer", "HX-Current-URL", "Turbolinks-Referrer", "X-XHR-Referer"} {
			if got := first(*h, name); got != test.want {
				t.Errorf("%s %q became %q, want %q", name, test.in, got, test.want)
			}
		}
		if got := first(*h, "Origin"); got != test.in {
			t.Errorf("Origin %q became %q, want it kept", test.in, got)
		}
	}
}

// A resource has the scheme, the host and the path of a request to the app.
func TestMap_MapsResourcesToRequestsToTheApp(t *testing.T) {
	for _, test := range []struct{ in, strip, preserve string }{
		{"https://example.org/robots/a%2Fb%20c?x", "http://Example.org/a%2Fb%20c?x", "http://Example.org/robots/a%2Fb%20c?x"},
		{"https://EXAMPLE.org:443/robots/%7Ex/", "http://Example.org/%7Ex/", "http://Example.org/robots/%7Ex/"},
		{"http://example.org/robots", "http://Example.org/", "http://Example.org/robots"},
		{"/robots/x", "/x", "/robots/x"},
		{"https://example.org/wiki/x", "https://example.org/wiki/x", "https://example.org/wiki/x"},
		{"https://other.org/robots/x", "https://other.org/robots/x", "https://other.org/robots/x"},
		{"https://example.org:9000/robots/x", "https://example.org:9000/robots/x", "https://example.org:9000/robots/x"},
		{"https://me@example.org/robots/x", "https://me@example.org/robots/x", "https://me@example.org/robots/x"},
		{"robots/x", "robots/x", "robots/x"},
		{"", "", ""},
	} {
		for how, want := range map[route.Mount]string{route.Strip: test.strip, route.Preserve: test.preserve} {
			m := mounted(t, "/robots", how)
			m.Secure, m.Host = true, "Example.org"
			h := fields("Destination", test.in, "If", "<"+test.in+"> (<http://example.org/robots/token> [\"<)\"]) (Not <DAV:no-lock>)", "Lock-Token", "<"+test.in+">")
			m.Request(h)
			if got := first(*h, "Destination"); got != want {
				t.Errorf("%s: Destination %q became %q, want %q", how, test.in, got, want)
			}
			if got, want := first(*h, "If"), "<"+want+"> (<http://example.org/robots/token> [\"<)\"]) (Not <DAV:no-lock>)"; got != want {
				t.Errorf("%s: If became %q, want %q", how, got, want)
			}
			if got := first(*h, "Lock-Token"); got != "<"+test.in+">" {
				t.Errorf("%s: Lock-Token became %q", how, got)
			}
			m.App.Secure = true
			m.Request(fields("If", "<<", "If", "(<>", "If", "<"))
			if got := m.resource("https://example.org/robots/x"); !strings.HasPrefix(got, "https://Example.org/") {
				t.Errorf("%s: an app that is asked over TLS gets %q", how, got)
			}
		}
	}
}

func TestMap_FindsDestinationsOfOtherApps(t *testing.T) {
	for destination, want := range map[string]bool{
		"http://example.org:8080/robots/x": false, "http://example.org:8080/x": true, "http://example.org:8080/wiki/x": true, "/wiki/x": true,
		"/robots/x": false, "https://other.org/x": false, "nonsense": false, "//other.org/x": false, "http://example.org:8080": true,
	} {
		if got := robots(t).ForeignDestination(*fields("Destination", destination)); got != want {
			t.Errorf("%q is foreign: %v", destination, got)
		}
	}
	if robots(t).ForeignDestination(nil) {
		t.Error("no destination is foreign")
	}
}

func FuzzMap(f *testing.F) {
	for _, seed := range []string{
		"/login", "//example.org:8080/x", "http://172.18.0.3:3000", "5; url='/x'", `</a>; t="<b>", </c>`, "a=1; Path=/",
		"http://example.org:3000/wiki", "https://bots:3000?x", "default-src http://example.org; report-uri /x", `Bearer realm="http://bots:3000/x"`, "a=1; Domain=bots", "../..",
		`{"path":"/x"}`, "/%zz", "/%72obots", "\\x", "0;\"", "{\"path\":\"\xff/\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, path := range []string{"/", "/robots", "/a/b%20c"} {
			for _, how := range []route.Mount{route.Strip, route.Preserve} {
				for _, secure := range []bool{false, true} {
					m := mounted(t, path, how)
					m.Secure = secure
					mapsOnce(t, m, value)
					m.Request(fields("Referer", value, "Destination", value, "If", value))
					m.ForeignDestination(*fields("Destination", value))
				}
			}
		}
	})
}

// mapsOnce maps a value in each field of a response, twice.
func mapsOnce(t *testing.T, m *Map, value string) {
	t.Helper()
	for _, field := range []string{
		"Location", "Content-Location", "SourceMap", "X-SourceMap", "Service-Worker-Allowed", "HX-Redirect", "HX-Push-Url",
		"HX-Replace-Url", "HX-Location", "Refresh", "Link", "Set-Cookie", "Content-Security-Policy", "Reporting-Endpoints", "WWW-Authenticate",
	} {
		h := fields(field, value)
		m.Response(h)
		if len(*h) == 0 {
			continue
		}
		once := strings.Clone(first(*h, field))
		m.Response(h)
		if twice := first(*h, field); twice != once {
			t.Errorf("%s of %+v: %q became %q and then %q", field, m.App, value, once, twice)
		}
	}
}

func TestMap_AllocatesNothingWithinItsMemory(t *testing.T) {
	response := func(m *Map, h *header.Header) { m.Response(h) }
	request := func(m *Map, h *header.Header) { m.Request(h) }
	for _, test := range []struct {
		what  string
		apply func(*Map, *header.Header)
		h     header.Header
	}{
		{"a response in which nothing changes", response, *fields(
			"Content-Type", "text/html", "Location", "next?x=/y", "Content-Location", "/robots/doc", "Refresh", "5; url=page",
			"WWW-Authenticate", `Basic realm="wiki"`, "Content-Security-Policy", "default-src 'self'; report-uri /wiki/csp", "Reporting-Endpoints", `csp="https://other.org/x"`,
			"Link", `</wiki/x>; rel=next; title="<a>", <https://other.org/x>`, "Set-Cookie", "sid=1; HttpOnly; Path=/robots",
			"HX-Push-Url", "false", "HX-Location", "http://Example.org:8080/robots/x",
		)},
		{"a response in which much changes", response, *fields(
			"Location", "/login", "Content-Location", "http://172.18.0.3:3000/doc", "Set-Cookie", "sid=1; Path=/", "Refresh", "1; url=/x",
		)},
		{"a request from a page of the app", request, *fields("Referer", "http://example.org:8080/robots/page?x")},
	} {
		m, h := robots(t), make(header.Header, 0, 20)
		if n := testing.AllocsPerRun(100, func() {
			h = append(h[:0], test.h...)
			test.apply(m, &h)
			m.buf = m.buf[:0]
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
	if m.Host != "" || m.Routes != nil || m.App != nil || cap(m.buf) == 0 || cap(m.buf) > maxBuf {
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
