package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/balance"
	"gateway/proxy/route"
)

// stickyRoute is a sticky route with targets a, b and c, which respond with their name and the cookies that they receive.
func stickyRoute(t *testing.T, path string) route.Route {
	t.Helper()
	f := newTargetSet(t, 3, func(_ int, name string, w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, name, r.Header["Cookie"])
	})
	r := mount(t, path, route.Strip, f.targets...)
	r.Balance = route.Sticky
	return r
}

// cookieOf is the cookie that a response sets, nil if it sets none.
func cookieOf(t *testing.T, got response) *http.Cookie {
	t.Helper()
	all := got.Cookies()
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 || all[0].Name != balance.CookieName {
		t.Errorf("it sets %v", all)
	}
	return all[0]
}

// stickyClient is a client with its cookie and its target.
type stickyClient struct{ cookie, target string }

// stickyClients are clients of all three targets.
func stickyClients(t *testing.T, p *running, path string) (all []stickyClient) {
	t.Helper()
	for range 12 {
		got := p.do(t, "GET", path)
		cookie := cookieOf(t, got)
		if cookie == nil {
			t.Fatalf("%d %q sets no cookie", got.StatusCode, got.body)
		}
		all = append(all, stickyClient{"Cookie: " + cookie.Name + "=" + cookie.Value, got.body})
	}
	slices.SortFunc(all, func(a, b stickyClient) int { return strings.Compare(a.target, b.target) })
	return all
}

// stays fails unless the client gets a response of the same target, without another cookie.
func (v stickyClient) stays(t *testing.T, p *running, path string) {
	t.Helper()
	if got := p.do(t, "GET", path, v.cookie); got.body != v.target || cookieOf(t, got) != nil {
		t.Fatalf("a client of %s gets %q and %v", v.target, got.body, got.Cookies())
	}
}

func TestSticky_SetsACookieOfTheRouteAlone(t *testing.T) {
	p := start(t, withTLS(t, Config{}), stickyRoute(t, "/x/y"), stickyRoute(t, "/"), mount(t, "/plain", route.Strip, app(t, "plain", nil)))
	for path, prefix := range map[string]string{"/x/y/z": "/x/y", "/z": "/"} {
		if cookie := cookieOf(t, p.do(t, "GET", path)); cookie == nil || cookie.Path != prefix || cookie.Secure {
			t.Errorf("%s sets %v", path, cookie)
		}
		c := p.http2(t, "")
		first := doHTTP2(t, c, requestHTTP2(t, "GET", path, nil))
		cookie := cookieOf(t, first)
		if cookie == nil || !cookie.Secure || cookie.Path != prefix {
			t.Fatalf("%s sets %v over TLS", path, cookie)
		}
		for range 10 {
			// Clients of HTTP/2 may send each cookie in a field of its own.
			got := doHTTP2(t, c, requestHTTP2(t, "GET", path, nil, "Cookie: a=1", "Cookie: "+cookie.Name+"="+cookie.Value, "Cookie: b=2"))
			if got.body[:1] != first.body[:1] || cookieOf(t, got) != nil || strings.Contains(got.body, balance.CookieName) {
				t.Errorf("over HTTP/2, after %s it is %q with %v", first.body, got.body, got.Cookies())
			}
		}
	}
	if cookie := cookieOf(t, p.do(t, "GET", "/plain/")); cookie != nil {
		t.Errorf("a route that is not sticky sets %v", cookie)
	}
}

func TestSticky_StaysThroughTablesAndRestarts(t *testing.T) {
	r, other := stickyRoute(t, "/x"), mount(t, "/other", route.Strip, app(t, "other", nil))
	config := Config{StateDir: t.TempDir()}
	p := start(t, config, r)
	clients := stickyClients(t, p, "/x/")
	if clients[0].target == clients[len(clients)-1].target {
		t.Fatal("all clients have the same target")
	}
	for i := range 100 {
		p.SetTable(route.Build([]route.Route{r, other}[:1+i%2], nil))
		clients[i%len(clients)].stays(t, p, "/x/")
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Fatal(err)
	}
	p = start(t, config)
	for _, v := range clients {
		v.stays(t, p, "/x/")
	}
	// Another key signs other cookies.
	p = start(t, Config{StateDir: t.TempDir()}, r)
	if got := p.do(t, "GET", "/x/", clients[0].cookie); cookieOf(t, got) == nil {
		t.Error("the cookie of another gateway is taken")
	}
}

func TestSticky_MovesWhenTheTargetGoes(t *testing.T) {
	for _, state := range []route.State{route.Stopped, route.Draining, route.Unhealthy} {
		r := stickyRoute(t, "/x")
		p := start(t, Config{}, r)
		clients := stickyClients(t, p, "/x/")
		left := clients[0].target
		targets := slices.Clone(r.Targets)
		for i := range targets {
			if strings.HasPrefix(left, targets[i].Name) {
				targets[i] = inState(state, targets[i])
			}
		}
		p.put(r, targets...)
		for _, v := range clients {
			if v.target != left {
				v.stays(t, p, "/x/")
				continue
			}
			got := p.do(t, "GET", "/x/", v.cookie)
			cookie := cookieOf(t, got)
			if got.body == left || cookie == nil {
				t.Fatalf("%s: a client of %s gets %q and %v", state, left, got.body, cookie)
			}
			moved := stickyClient{"Cookie: " + cookie.Name + "=" + cookie.Value, got.body}
			moved.stays(t, p, "/x/")
			p.put(r, r.Targets...)
			moved.stays(t, p, "/x/")
			p.put(r, targets...)
		}
		p.stop()
	}
}

func TestSticky_MovesWhenTheTargetRefuses(t *testing.T) {
	r := stickyRoute(t, "/x")
	p := start(t, Config{}, r)
	clients := stickyClients(t, p, "/x/")
	dead := slices.Clone(r.Targets)
	for i := range dead {
		if strings.HasPrefix(clients[0].target, dead[i].Name) {
			dead[i].Address = deadAddress(t)
		}
	}
	p.put(r, dead...)
	got := p.do(t, "GET", "/x/", clients[0].cookie)
	if cookie := cookieOf(t, got); got.StatusCode != 200 || got.body == clients[0].target || cookie == nil {
		t.Errorf("%d %q with %v", got.StatusCode, got.body, cookie)
	}
}

func TestSticky_HidesItsCookieFromTheApp(t *testing.T) {
	r := stickyRoute(t, "/x")
	p := start(t, Config{}, r)
	v := stickyClients(t, p, "/x/")[0]
	ours := strings.TrimPrefix(v.cookie, "Cookie: ")
	for sent, seen := range map[string]string{ours: "[]", "a=1; " + ours + "; b=2": "[a=1; b=2]", balance.CookieName + "=forged; a=1; " + ours: "[a=1]"} {
		if got := p.do(t, "GET", "/x/", "Cookie: "+sent); got.body != v.target[:1]+seen || cookieOf(t, got) != nil {
			t.Errorf("of %q the app received %q; the client gets %v", sent, got.body, got.Cookies())
		}
	}
}
