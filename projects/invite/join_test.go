package invite

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/projects/invite/link"
)

func TestJoin_LeadsToTheLinkAfterTheProof(t *testing.T) {
	s := open(t, lay(t, "kind: slack", link.Link{URL: secret}))
	a := ask(s, "", http.MethodPost, "/join", provenForm(tokenIn(t, "join", get(s, "/").body)))
	if a.status != http.StatusSeeOther || a.header.Get("Location") != secret {
		t.Fatalf("%d to %q", a.status, a.header.Get("Location"))
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", a.header)
	}
}

// Nothing that anybody gets without the proof or the patience has the link, or a part of it that would do.
func TestJoin_TellsTheLinkToNobodyElse(t *testing.T) {
	dir := lay(t, "kind: slack\nform: true\ncontact: robots@school.example", link.Link{URL: secret})
	write(t, dir+"/private/webhook", "https://hooks.slack.com/services/T/B/webhooksecret")
	s := open(t, dir)
	token := tokenIn(t, "join", get(s, "/").body)
	var seen []answer
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
		for _, target := range []string{"/", "/?lang=ko", "/join", "/join?token=" + token, "/token", "/request", "/logo", "/icon.svg", "/robots.txt", "/x/y", Health} {
			seen = append(seen, ask(s, "", method, target, nil))
		}
	}
	for _, form := range []url.Values{
		{},
		{"token": {token}},
		{"token": {token}, "proof": {"1"}},
		{"token": {token}, "proof": {"x"}},
		{"token": {token}, "proof": {"-1"}},
		{"token": {"x"}, "proof": {"1"}},
		{"token": {strings.Repeat("A", 4000)}},
		{"token": {s.tokens.issue(toRequest, time.Now().Add(-time.Minute))}},
	} {
		seen = append(seen, ask(s, "", http.MethodPost, "/join", form), ask(s, "", http.MethodPost, "/request", form))
	}
	for _, a := range seen {
		for _, part := range []string{"zt-2secret", "join.slack.com", "webhooksecret", "hooks.slack.com"} {
			text := a.all()
			if strings.Contains(text, part) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
				t.Fatalf("%s is in %s", part, text)
			}
		}
	}
	if a := ask(s, "", http.MethodPost, "/join", provenForm(token)); a.header.Get("Location") != secret {
		t.Errorf("the token is spent: %d", a.status)
	}
}

func TestJoin_TakesATokenOnce(t *testing.T) {
	s := open(t, lay(t, "kind: slack", link.Link{URL: secret}))
	form := provenForm(tokenIn(t, "join", get(s, "/").body))
	var led, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a := ask(s, "", http.MethodPost, "/join", form)
			mu.Lock()
			defer mu.Unlock()
			switch a.status {
			case http.StatusSeeOther:
				led++
			case http.StatusForbidden:
				refused++
			}
		})
	}
	all.Wait()
	if led != 1 || refused != 7 {
		t.Errorf("%d led there, %d were refused", led, refused)
	}
	a := ask(s, "", http.MethodPost, "/join", form)
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "press the button once more") {
		t.Fatalf("used again: %d", a.status)
	}
	// The page that says so is a way in by itself.
	if again := ask(s, "", http.MethodPost, "/join", provenForm(tokenIn(t, "join", a.body))); again.status != http.StatusSeeOther {
		t.Errorf("from the page after it: %d", again.status)
	}
}

func TestJoin_WithoutScriptTakesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, lay(t, "kind: slack", link.Link{URL: secret}))
		token := tokenIn(t, "join", get(s, "/").body)
		form := url.Values{"token": {token}, "proof": {""}}
		time.Sleep(2999 * time.Millisecond)
		if a := ask(s, "", http.MethodPost, "/join", form); a.status != http.StatusForbidden || !strings.Contains(a.body, "wait three seconds") {
			t.Errorf("before its time: %d", a.status)
		}
		time.Sleep(time.Millisecond)
		if a := ask(s, "", http.MethodPost, "/join", form); a.header.Get("Location") != secret {
			t.Errorf("in its time: %d", a.status)
		}
		form.Set("token", tokenIn(t, "join", get(s, "/").body))
		time.Sleep(10*time.Minute + time.Millisecond)
		if a := ask(s, "", http.MethodPost, "/join", form); a.status != http.StatusForbidden || !strings.Contains(a.body, "open for a while") {
			t.Errorf("after its time: %d", a.status)
		}
		late := provenForm(form.Get("token"))
		if a := ask(s, "", http.MethodPost, "/join", late); a.status != http.StatusForbidden {
			t.Errorf("after its time with a proof: %d", a.status)
		}
		fresh := strings.TrimSpace(get(s, "/token").body)
		if a := ask(s, "", http.MethodPost, "/join", provenForm(fresh)); a.header.Get("Location") != secret {
			t.Errorf("with a renewed token: %d", a.status)
		}
	})
}

func TestJoin_OpenPagesOutliveARestart(t *testing.T) {
	dir := lay(t, "kind: slack", link.Link{URL: secret})
	form := provenForm(tokenIn(t, "join", get(open(t, dir), "/").body))
	if a := ask(open(t, dir), "", http.MethodPost, "/join", form); a.status != http.StatusSeeOther {
		t.Errorf("after a restart: %d", a.status)
	}
	other := open(t, lay(t, "kind: slack", link.Link{URL: secret}))
	if a := ask(other, "", http.MethodPost, "/join", form); a.status != http.StatusForbidden {
		t.Errorf("the token of another page: %d", a.status)
	}
}

func TestJoin_BoundsOneClientAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, lay(t, "kind: slack", link.Link{URL: secret}))
		try := func(client string) answer {
			token := s.tokens.issue(toJoin, time.Now())
			time.Sleep(3 * time.Second)
			return ask(s, client, http.MethodPost, "/join", url.Values{"token": {token}})
		}
		var last answer
		for range 60 {
			if last = try("2001:db8::1"); last.status == http.StatusTooManyRequests {
				break
			}
		}
		if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" || !strings.Contains(last.body, "Too many came from your network") {
			t.Fatalf("%d, %v", last.status, last.header)
		}
		if a := try("2001:db8::ffff"); a.status != http.StatusTooManyRequests {
			t.Errorf("another address of the same network: %d", a.status)
		}
		for _, client := range []string{"2001:db8:1::1", "198.51.100.7", ""} {
			if a := try(client); a.status != http.StatusSeeOther {
				t.Errorf("%q: %d", client, a.status)
			}
		}
		time.Sleep(time.Hour)
		if a := try("2001:db8::1"); a.status != http.StatusSeeOther {
			t.Errorf("an hour later: %d", a.status)
		}
	})
}

func TestClientOf_BelievesTheGatewayAlone(t *testing.T) {
	for _, c := range []struct{ peer, said, want string }{
		{"172.18.0.2:4000", "198.51.100.7", "198.51.100.7"},
		{"172.18.0.2:4000", "198.51.100.7, 203.0.113.9, 10.0.0.1", "198.51.100.7"},
		{"172.18.0.2:4000", "192.168.1.5", "192.168.1.5"},
		{"172.18.0.2:4000", "", "172.18.0.2"},
		{"172.18.0.2:4000", "unknown", "172.18.0.2"},
		{"[fd00::2]:4000", "2001:db8::1", "2001:db8::1"},
		{"[::ffff:172.18.0.2]:4000", "::ffff:198.51.100.7", "198.51.100.7"},
		{"203.0.113.9:4000", "198.51.100.7", "203.0.113.9"},
		{"[2001:db8::9]:4000", "198.51.100.7", "2001:db8::9"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.said != "" {
			r.Header.Set("X-Forwarded-For", c.said)
		}
		if got := clientOf(r); got.String() != c.want {
			t.Errorf("%s says %q: %s, want %s", c.peer, c.said, got, c.want)
		}
	}
}

func TestJoin_CountsEachOnceAndNoLinkTooOften(t *testing.T) {
	dir := lay(t, "kind: slack", link.Link{URL: secret + "1", Max: 30}, link.Link{URL: secret + "2", Max: 25})
	s := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { s.tally.keep(ctx) })
	var mu sync.Mutex
	led := map[string]int{}
	var all sync.WaitGroup
	for i := range 80 {
		all.Go(func() {
			form := url.Values{"token": {s.tokens.issue(toJoin, time.Now().Add(-time.Minute))}}
			a := ask(s, fmt.Sprintf("198.51.100.%d", i), http.MethodPost, "/join", form)
			mu.Lock()
			defer mu.Unlock()
			led[a.header.Get("Location")]++
		})
	}
	all.Wait()
	stop()
	keeping.Wait()
	if led[secret+"1"] != 30 || led[secret+"2"] != 25 || led[""] != 25 {
		t.Errorf("led to %v", led)
	}
	counts := countsIn(t, dir)
	if one, two := counts.Joins(link.IDOf(secret+"1")), counts.Joins(link.IDOf(secret+"2")); one != 30 || two != 25 {
		t.Errorf("counted %d and %d", one, two)
	}
}

func TestJoin_ChangesOfLinksShowWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := lay(t, "kind: slack\nowner: ada@school.example")
		s := open(t, dir)
		join := func() answer {
			token := s.tokens.issue(toJoin, time.Now())
			time.Sleep(3 * time.Second)
			return ask(s, "", http.MethodPost, "/join", url.Values{"token": {token}})
		}
		if a := get(s, "/"); a.status != http.StatusOK || !strings.Contains(a.body, "closed right now") || !strings.Contains(a.body, "mailto:ada@school.example") || strings.Contains(a.body, "<script>") {
			t.Errorf("without a link: %d\n%s", a.status, a.body)
		}
		if a := join(); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "closed right now") {
			t.Errorf("joining without a link: %d", a.status)
		}
		setLinks(t, dir, link.Link{URL: secret})
		if a := join(); a.header.Get("Location") != secret {
			t.Errorf("after it was set: %d", a.status)
		}
		if a := get(s, "/"); strings.Contains(a.body, "ada@school.example") {
			t.Error("the owner is told where there is a way in")
		}
		write(t, dir+"/private/"+LinksFile, "{")
		if a := join(); a.header.Get("Location") != secret {
			t.Errorf("after the file was broken: %d", a.status)
		}
		setLinks(t, dir, link.Link{URL: secret, Disabled: true}, link.Link{URL: secret + "2", Max: 1})
		if a := join(); a.header.Get("Location") != secret+"2" {
			t.Errorf("after another was set: %d to %s", a.status, a.header.Get("Location"))
		}
		if a := join(); a.status != http.StatusServiceUnavailable {
			t.Errorf("after the other was full: %d", a.status)
		}
	})
}
