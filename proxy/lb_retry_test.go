package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/route"
)

func TestRetry_TriesOtherTargetsWhenSomeRefuse(t *testing.T) {
	echoed := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d", r.Method, len(body))
	}
	alive := app(t, "z", echoed)
	long := strings.Repeat("x", 300_000)
	asks := map[string]string{}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "LINK"} {
		asks[method+" 5"] = requestOf(method, "/x/", "hello")
		asks[method+" 300000"] = requestOf(method, "/x/", long)
		asks[method+" 200000"] = inChunks(method, "/x/", long[:200_000])
	}
	for want, ask := range asks {
		r := mount(t, "/x", route.Strip, at("a", refusingAddress(t)), at("b", refusingAddress(t)), at("c", refusingAddress(t)), alive)
		r.Balance = route.RoundRobin
		p := start(t, Config{}, r)
		for range 2 {
			if got := p.raw(t, "POST", ask); got.StatusCode != 200 || got.body != want {
				t.Errorf("%s: %d %q", want, got.StatusCode, got.body)
			}
		}
		if n := p.log.lines("does not accept connections"); n == 0 {
			t.Errorf("%s: no target that refuses was asked", want)
		}
		p.stop()
	}
}

func TestRetry_TriesAnotherTargetWhenOneBreaksOff(t *testing.T) {
	for _, c := range []struct {
		ask    string
		again  bool
		status int
	}{
		{requestOf("GET", "/x/", ""), true, 200},
		{requestOf("GET", "/x/", "hello"), true, 200},
		{requestOf("HEAD", "/x/", ""), true, 200},
		{requestOf("PUT", "/x/", "hello"), true, 200},
		{requestOf("DELETE", "/x/", ""), true, 200},
		{requestOf("POST", "/x/", ""), false, 502},
		{requestOf("POST", "/x/", "hello"), false, 502},
		{requestOf("PATCH", "/x/", "hello"), false, 502},
		{inChunks("POST", "/x/", "hello"), false, 502},
		// A streamed body is not kept.
		{inChunks("PUT", "/x/", "hello"), false, 502},
		{requestOf("PUT", "/x/", strings.Repeat("x", 300_000)), false, 502},
	} {
		method, _, _ := strings.Cut(c.ask, " ")
		f := newTargetSet(t, 3, func(turn int, _ string, w http.ResponseWriter, r *http.Request) {
			if turn == 1 {
				breakOff(w, r)
				return
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s", body)
		})
		p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
		got := p.raw(t, method, c.ask)
		asked, line := f.requests(), c.ask[:min(len(c.ask), 120)]
		switch {
		case got.StatusCode != c.status:
			t.Errorf("%q: %d, want %d", line, got.StatusCode, c.status)
		case c.again && (len(asked) != 2 || asked[0] == asked[1]):
			t.Errorf("%q was sent to %v, want two targets", line, asked)
		case c.again && method != "HEAD" && !strings.HasSuffix(c.ask, "\r\n\r\n"+got.body):
			t.Errorf("%q: the second target got %q", line, got.body)
		case !c.again && len(asked) != 1:
			t.Errorf("%q was sent to %v, want one target", line, asked)
		}
		p.stop()
	}
}

func TestRetry_TriesAnotherTargetAfterServerErrors(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		again  bool
	}{
		{"GET", 500, true},
		{"GET", 502, true},
		{"GET", 503, true},
		{"GET", 504, true},
		{"HEAD", 503, true},
		{"OPTIONS", 503, true},
		{"GET", 404, false},
		{"GET", 501, false},
		{"GET", 505, false},
		{"GET", 429, false},
		{"POST", 500, false},
		{"POST", 503, false},
		{"PUT", 503, false},
		{"DELETE", 500, false},
	} {
		f := newTargetSet(t, 2, func(turn int, _ string, w http.ResponseWriter, _ *http.Request) {
			if turn == 1 {
				w.Header().Set("X-First", "yes")
				w.WriteHeader(c.status)
			}
			fmt.Fprintf(w, "response %d", turn)
		})
		p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
		got := p.do(t, c.method, "/x/")
		want, body, asked := c.status, "response 1", 1
		if c.again {
			want, body, asked = 200, "response 2", 2
		}
		if c.method == "HEAD" {
			body = ""
		}
		if got.StatusCode != want || got.body != body || len(f.requests()) != asked || (got.Header.Get("X-First") == "") != c.again {
			t.Errorf("%s with %d: %d %q %v after %v", c.method, c.status, got.StatusCode, got.body, got.Header, f.requests())
		}
		p.stop()
	}
}

func TestRetry_PassesOnTheLastOfServerErrors(t *testing.T) {
	f := newTargetSet(t, 5, func(turn int, _ string, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		fmt.Fprintf(w, "the app's own words, %d", turn)
	})
	p := start(t, Config{}, mount(t, "/two", route.Strip, f.targets[:2]...), mount(t, "/five", route.Strip, f.targets...))
	if got := p.do(t, "GET", "/two/"); got.StatusCode != 500 || got.body != "the app's own words, 2" {
		t.Errorf("of two: %d %q", got.StatusCode, got.body)
	}
	if got := p.do(t, "GET", "/five/"); got.StatusCode != 500 || got.body != "the app's own words, 5" {
		t.Errorf("of five: %d %q, want the last response", got.StatusCode, got.body)
	}
	if strings.Contains(p.log.String(), "level=WARN") {
		t.Errorf("it is not known that a target is to blame:\n%s", p.log)
	}
}

func TestRetry_PassesOnAFailureWhenTheOthersRefuse(t *testing.T) {
	failing := app(t, "a", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "the app's own words")
	})
	// Which target comes first is random.
	for range 16 {
		p := start(t, Config{}, mount(t, "/x", route.Strip, failing, at("b", refusingAddress(t))))
		if got := p.do(t, "GET", "/x/"); got.StatusCode != 500 || got.body != "the app's own words" {
			t.Errorf("%d %q", got.StatusCode, got.body)
		}
		p.stop()
	}
}

func TestRetry_SendsARequestThriceAtMost(t *testing.T) {
	f := newTargetSet(t, 5, func(_ int, _ string, w http.ResponseWriter, r *http.Request) { breakOff(w, r) })
	p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
	if got := p.do(t, "GET", "/x/"); got.StatusCode != 502 {
		t.Errorf("%d, want 502", got.StatusCode)
	}
	if asked := f.requests(); len(asked) != 3 {
		t.Errorf("it was sent to %v", asked)
	}
}

func TestRetry_KeepsToItsBudget(t *testing.T) {
	const requests = 1000
	f := newTargetSet(t, 3, func(_ int, _ string, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
	c := keepingClient(t)
	for range requests {
		if status, _ := fetch(t, p, c, "/x/"); status != 500 {
			t.Fatalf("%d, want what the app says", status)
		}
	}
	// The budget: 100 in reserve, and a fifth of the requests.
	if n := len(f.requests()); n > requests*12/10+100 || n < requests+100 {
		t.Errorf("%d requests became %d", requests, n)
	}
}
