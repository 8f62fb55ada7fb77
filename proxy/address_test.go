package proxy

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// redirecting is an app that redirects to its query.
func redirecting(t *testing.T, name string) route.Target {
	t.Helper()
	return app(t, name, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	})
}

// leadsTo requests a path of an app that redirects, and compares the Location that the client gets.
func (p *running) leadsTo(t *testing.T, path, to, want string, fields ...string) {
	t.Helper()
	if got := p.do(t, "GET", path+"?"+to, fields...).Header.Get("Location"); got != want {
		t.Errorf("%s, which redirects to %s, leads to %q, want %q", path, to, got, want)
	}
}

func TestMapping_ReplacesTheAddressOfTheApp(t *testing.T) {
	blog, shop := redirecting(t, "blog"), redirecting(t, "shop")
	_, port, err := net.SplitHostPort(blog.Address)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, Config{Trusted: trusting(t, "127.0.0.1")},
		mount(t, "/blog", route.Preserve, blog), mount(t, "/shop", route.Strip, shop), mount(t, "/", route.Strip, blog))
	for _, tls := range []string{"http", "https"} {
		says := "X-Forwarded-Proto: " + tls
		p.leadsTo(t, "/blog/x", "http://example.org/blog/x/", tls+"://example.org/blog/x/", says)
		p.leadsTo(t, "/blog/x", "http://example.org:"+port+"/blog/x/", tls+"://example.org/blog/x/", says)
		p.leadsTo(t, "/blog/x", "http://blog:"+port+"/blog/x/", tls+"://example.org/blog/x/", says)
		p.leadsTo(t, "/x", "http://example.org:"+port+"/x/", tls+"://example.org/x/", says)
		p.leadsTo(t, "/x", "http://example.org:"+port+"/shop/", tls+"://example.org/shop/", says)
		p.leadsTo(t, "/shop/x", "http://"+shop.Address+"/x/", tls+"://example.org/shop/x/", says)
		// That is the port of another app.
		p.leadsTo(t, "/shop/x", "http://example.org:"+port+"/x/", "http://example.org:"+port+"/x/", says)
	}
}

// If two routes lead to one app, the route of the request owns all its paths.
func TestMapping_PrefersTheRouteOfTheRequest(t *testing.T) {
	registry, wiki := redirecting(t, "registry"), redirecting(t, "wiki")
	other := mount(t, "/other", route.Strip, wiki)
	// The same service at another port is another app.
	other.Service = "registry"
	p := start(t, Config{}, mount(t, "/reg", route.Strip, registry), mount(t, "/v2", route.Preserve, registry), mount(t, "/wiki", route.Strip, wiki), other)
	p.leadsTo(t, "/reg/v2/x", "/v2/y", "/reg/v2/y")
	p.leadsTo(t, "/reg/v2/x", "/v2", "/reg/v2")
	p.leadsTo(t, "/reg/v2/x", "http://example.org/v2/y", "http://example.org/reg/v2/y")
	p.leadsTo(t, "/v2/x", "/v2/y", "/v2/y")
	p.leadsTo(t, "/reg/x", "/wiki/y", "/wiki/y")
	p.leadsTo(t, "/reg/x", "/other/y", "/other/y")
	// A folder with the name of another route.
	p.leadsTo(t, "/reg/wiki", "/wiki/", "/reg/wiki/")
}

func TestMapping_MapsDestinations(t *testing.T) {
	dav, heads := recordHeads(t)
	other := mount(t, "/other", route.Strip, app(t, "other", nil))
	p := start(t, Config{Trusted: trusting(t, "127.0.0.1")},
		mount(t, "/dav", route.Strip, dav), mount(t, "/kept", route.Preserve, dav), mount(t, "files.example.org/", route.Strip, dav), other)
	for _, c := range []struct{ host, path, destination, want string }{
		{"example.org", "/dav/a", "https://example.org/dav/b%2Fc", "http://example.org/b%2Fc"},
		{"example.org:8443", "/dav/a", "https://example.org:8443/dav/b", "http://example.org:8443/b"},
		{"example.org", "/kept/a", "https://example.org/kept/b", "http://example.org/kept/b"},
		{"files.example.org", "/a", "https://files.example.org:443/b", "http://files.example.org/b"},
		// The other route of the app maps the path in its own way.
		{"example.org", "/dav/a", "https://example.org/kept/b", "http://example.org/kept/b"},
		{"example.org", "/kept/a", "https://example.org/dav/b", "http://example.org/b"},
		// The app itself refuses another host.
		{"example.org", "/dav/a", "https://elsewhere.org/dav/b", "https://elsewhere.org/dav/b"},
	} {
		for _, method := range []string{"COPY", "MOVE"} {
			got := p.raw(t, method, method+" "+c.path+" HTTP/1.1\r\nHost: "+c.host+"\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"+
				"Destination: "+c.destination+"\r\nIf: <"+c.destination+"> (<urn:uuid:1>)\r\n\r\n")
			if got.StatusCode != 200 {
				t.Fatalf("%s %s to %s: %d", method, c.path, c.destination, got.StatusCode)
			}
			head := <-heads
			if got := strings.Join(fields(head, "Destination"), "|"); got != c.want {
				t.Errorf("%s to %s reaches the app as %q, want %q", c.path, c.destination, got, c.want)
			}
			if got, want := strings.Join(fields(head, "If"), "|"), "<"+c.want+"> (<urn:uuid:1>)"; got != want {
				t.Errorf("If is %q, want %q", got, want)
			}
		}
	}
	for path, destinations := range map[string][]string{
		"/dav/a":  {"http://example.org/other/b", "/other/b", "http://example.org/b", "http://example.org/dav/../b", "http://example.org"},
		"/kept/a": {"http://example.org/other/b", "http://example.org/b"},
	} {
		for _, destination := range destinations {
			if got := p.do(t, "MOVE", path, "Destination: "+destination); got.StatusCode != 502 || !strings.Contains(got.body, "another project") {
				t.Errorf("MOVE %s to %s: %d %q", path, destination, got.StatusCode, got.body)
			}
		}
	}
	// Other methods have no destination.
	if got := p.do(t, "GET", "/dav/a", "Destination: /other/b"); got.StatusCode != 200 {
		t.Errorf("GET: %d", got.StatusCode)
	}
}

// A header for the whole origin concerns all projects on the host.
func TestMapping_DropsHeadersOfTheOriginBelowAPrefix(t *testing.T) {
	handle := func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Strict-Transport-Security": "max-age=1", "Alt-Svc": "clear", "Clear-Site-Data": `"*"`, "Service-Worker-Allowed": "/", "Content-Type": "text/css",
		} {
			w.Header().Set(name, value)
		}
	}
	plain := app(t, "plain", handle)
	multiplexed := appH2C(t, "h2c", handle)
	kept := mount(t, "/kept", route.Strip, plain)
	kept.KeepOrigin = true
	p := start(t, withTLS(t, Config{}), mount(t, "/", route.Strip, plain), mount(t, "/below", route.Strip, plain), mount(t, "/knows", route.Preserve, plain),
		mount(t, "/h2c", route.Strip, multiplexed), mount(t, "own.example.org/", route.Strip, plain), mount(t, "own.example.org/below", route.Strip, plain), kept)
	for _, c := range []struct{ host, path, hsts, worker string }{
		{"example.org", "/", "max-age=1", "/"},
		{"example.org", "/below/", "", "/below/"},
		{"example.org", "/knows/", "", ""},
		{"example.org", "/h2c/", "", "/h2c/"},
		{"example.org", "/kept/", "max-age=1", "/kept/"},
		{"own.example.org", "/", "max-age=1", "/"},
		{"own.example.org", "/below/", "", "/below/"},
	} {
		ask := "GET " + c.path + " HTTP/1.1\r\nHost: " + c.host + "\r\nConnection: close\r\n\r\n"
		h2 := requestHTTP2(t, "GET", c.path, nil)
		h2.Host = c.host
		for i, got := range []response{p.raw(t, "GET", ask), doHTTP2(t, p.http2(t, ""), h2)} {
			for name, want := range map[string]string{"Strict-Transport-Security": c.hsts, "Service-Worker-Allowed": c.worker, "Content-Type": "text/css"} {
				if value := got.Header.Get(name); value != want {
					t.Errorf("way %d, %s%s: %s is %q, want %q", i, c.host, c.path, name, value, want)
				}
			}
			if kept := got.Header.Get("Alt-Svc")+got.Header.Get("Clear-Site-Data") != ""; kept != (c.hsts != "") {
				t.Errorf("way %d, %s%s: %v", i, c.host, c.path, got.Header)
			}
		}
	}
}
