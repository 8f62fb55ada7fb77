package health

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/route"
)

func TestChecker_KeepsPhaseAndVerdictAcrossSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		c.Set([]Target{at("a:80")})
		pass(spread)
		renamed := at("a:80")
		renamed.Name = "renamed"
		for i := range 550 { // a table each 100 ms, in which the others come and go
			targets := []Target{renamed}
			if i%2 == 0 {
				targets = append(targets, at("b:80"), at("a:80"))
			}
			c.Set(targets)
			pass(100 * time.Millisecond)
		}
		asked := a.times("a:80")
		// One and one more within the interval, and then one in each.
		if len(asked) != 6 && len(asked) != 7 || asked[1].Sub(asked[0]) >= 10*time.Second {
			t.Fatalf("asked at %v", asked)
		}
		for i, when := range asked[1:] {
			if got := when.Sub(asked[1]); got != time.Duration(i)*10*time.Second {
				t.Errorf("check %d came %v after the second", i+2, got)
			}
		}
		if got := r.take(); strings.Count(got, "a:80") != 1 {
			t.Errorf("reported %q", got)
		}
	})
}

// Targets that were added together are checked at different times of the interval.
func TestChecker_SpreadsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, _, stop := start(t, a, io.Discard)
		defer stop()
		var targets []Target
		for i := range 200 {
			targets = append(targets, at(fmt.Sprintf("a%d:80", i)))
		}
		c.Set(targets)
		pass(2 * every10s.Interval)
		var tenths [10]int
		for i := range targets {
			asked := a.times(targets[i].Address)
			last := asked[len(asked)-1].UnixNano() % int64(every10s.Interval)
			tenths[last/int64(time.Second)]++
		}
		for i, n := range tenths {
			if n == 0 || n > 60 {
				t.Errorf("of 200 targets %d are asked in tenth %d of the interval: %v", n, i+1, tenths)
			}
		}
	})
}

func TestChecker_ForgetsWhatWasTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		c.Set([]Target{at("a:80"), at("slow:80")})
		pass(spread)
		a.set("slow:80", 0)
		a.set("a:80", 503)
		pass(10 * time.Second)
		r.take()
		c.Set(nil) // while slow is being asked
		if got := verdictOf(c, at("a:80").Key); got != "unknown" {
			t.Errorf("after its removal it is %s", got)
		}
		asked, slow := len(a.times("a:80")), len(a.times("slow:80"))
		pass(time.Minute)
		if got := r.take(); got != "" || len(a.times("a:80")) != asked || len(a.times("slow:80")) != slow {
			t.Errorf("reported %q, asked %v", got, a.times("a:80"))
		}
		c.Set([]Target{at("a:80")})
		pass(spread)
		if got := r.take(); got != "a:80 false GET /health answered 503" {
			t.Errorf("back again: %q", got)
		}
	})
}

func TestChecker_TellsTargetsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		base := at("a:80")
		other := []Target{base, base, base, base, base, base}
		other[1].ID = "younger"
		other[2].Scheme = route.H2C
		other[3].Host = "example.org"
		other[4].Check.Path = "/other"
		other[5].Check.Rise = 5
		none := []Target{base, base}
		none[0].Address, none[1].Check.Path = "", ""
		c.Set(slices.Concat(other, none, other))
		pass(spread)
		// The second check of a target comes at any time after its first, perhaps within this time.
		got, asked := strings.Count(r.take(), "a:80 true"), len(a.times("a:80"))
		if got != len(other) || asked < len(other) || asked > 2*len(other) || len(a.times("")) != 0 {
			t.Errorf("%d reports, asked %d times", got, asked)
		}
	})
}

func TestChecker_SlowTargetsDelayNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		var targets []Target
		for i := range 1000 {
			address := fmt.Sprintf("10.0.%d.%d:80", i/250, i%250)
			if i%10 != 0 {
				a.set(address, 0)
			}
			targets = append(targets, at(address))
		}
		c.Set(targets)
		pass(spread)
		if got := strings.Count(r.take(), "true"); got != 100 {
			t.Errorf("%d of 100 passed at once", got)
		}
		pass(5 * time.Second)
		if got := strings.Count(r.take(), "false no response within 5s"); got != 900 {
			t.Errorf("%d of 900 failed in time", got)
		}
		pass(25 * time.Second)
		// The second check of a target that passes comes at any time within the interval.
		if fast, slow := len(a.times(targets[0].Address)), len(a.times(targets[1].Address)); fast != 4 && fast != 5 || slow != 5 {
			t.Errorf("checked %d and %d times in 30s", fast, slow)
		}
	})
}

func TestChecker_WantsTheResponseToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		a.set("a:80", hangsInBody)
		c.Set([]Target{at("a:80")})
		pass(spread + 5*time.Second)
		if got := r.take(); got != "a:80 false its response did not end within 5s" {
			t.Errorf("got %q", got)
		}
	})
}

func TestChecker_LogsChangesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, log := newApp(), &bytes.Buffer{}
		c, _, stop := start(t, a, log)
		c.Set([]Target{at("a:80"), at("b:80")})
		pass(time.Minute)
		if log.Len() != 0 {
			t.Errorf("all is well: %s", log)
		}
		a.set("a:80", 503)
		pass(5 * time.Minute)
		a.set("a:80", 204)
		pass(5 * time.Minute)
		stop()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], `target=app-a:80 address=a:80 reason="GET /health answered 503"`) ||
			!strings.Contains(lines[1], "level=INFO") || !strings.Contains(lines[1], "target=app-a:80") {
			t.Errorf("got %s", log)
		}
	})
}

func TestChecker_RunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		a.set("hung:80", 0)
		c.Set([]Target{at("a:80"), at("hung:80")})
		pass(spread)
		asked := len(a.times("a:80"))
		stop() // while one hangs: it says nothing of it
		pass(time.Hour)
		if got := r.take(); got != "a:80 true" || len(a.times("a:80")) != asked {
			t.Errorf("reported %q, asked %v", got, a.times("a:80"))
		}
		a.set("a:80", 503)
		c.Set([]Target{at("a:80"), at("new:80")})
		run(t, c)
		pass(spread)
		if got := r.take(); got != "new:80 true" {
			t.Errorf("a verdict that stood: %q", got)
		}
		pass(20 * time.Second)
		if got := r.take(); got != "a:80 false GET /health answered 503" {
			t.Errorf("it changed: %q", got)
		}
	})
}

func TestChecker_FillsInDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		bare, odd := at("a:80"), at("b:80")
		bare.Check = route.Check{Path: "/"}
		odd.Check = route.Check{Path: "/", Interval: -1, Timeout: -1, Rise: -1, Fall: -1}
		a.set("a:80", 0)
		c.Set([]Target{bare, odd})
		pass(spread + 5*time.Second)
		if got := r.take(); got != "b:80 true; a:80 false no response within 5s" {
			t.Errorf("got %q", got)
		}
		pass(time.Minute)
		for address, pause := range map[string]time.Duration{"a:80": 15 * time.Second, "b:80": 10 * time.Second} {
			asked := a.times(address)
			if last := len(asked) - 1; asked[last].Sub(asked[last-1]) != pause {
				t.Errorf("%s is asked at %v", address, asked)
			}
		}
	})
}

func TestChecker_MayBeUsedByItsReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Checker
		said := make(map[string]int)
		c = New(Config{
			Log: slog.New(slog.DiscardHandler), Transport: func(route.Scheme) http.RoundTripper { return newApp() },
			Report: func(key Key, _ bool, _ string) {
				said[key.Address+" "+verdictOf(c, key)]++
				c.Set([]Target{at("b:80")})
			},
		})
		c.Set([]Target{at("a:80")})
		stop := run(t, c)
		pass(time.Second)
		stop()
		if len(said) != 2 || said["a:80 passing"] != 1 || said["b:80 passing"] != 1 {
			t.Errorf("got %v", said)
		}
	})
}

// A target that has not passed yet is checked again soon, after pauses that double up to the interval.
func TestChecker_ChecksStartingTargetsMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		quick := at("quick:80")
		quick.Check.Interval = time.Second
		a.set("a:80", 503)
		a.set("quick:80", 503)
		c.Set([]Target{at("a:80"), quick})
		pass(time.Minute)
		for address, want := range map[string]string{
			"a:80": "[250ms 500ms 1s 2s 4s 8s 10s 10s 10s 10s]", "quick:80": "[250ms 500ms 1s 1s 1s 1s 1s 1s 1s 1s]",
		} {
			asked := a.times(address)
			var pauses []time.Duration
			for i := range 10 {
				pauses = append(pauses, asked[i+1].Sub(asked[i]))
			}
			if got := fmt.Sprint(pauses); got != want {
				t.Errorf("%s was asked after %s, want %s", address, got, want)
			}
		}
		r.take()
		a.set("a:80", 200)
		pass(10 * time.Second)
		if got := r.take(); got != "a:80 true" {
			t.Errorf("the first check that passes: %q", got)
		}
		// From then on it is one like the others.
		a.set("a:80", 503)
		pass(time.Minute)
		asked := a.times("a:80")
		last := len(asked) - 1
		if got := asked[last].Sub(asked[last-1]); got != 10*time.Second || r.take() != "a:80 false GET /health answered 503" {
			t.Errorf("failing again, it is asked after %v", got)
		}
	})
}

// TestVerdict_CountsInARow reads P and F as checks that pass and fail, and p, f and u as the verdict after each.
func TestVerdict_CountsInARow(t *testing.T) {
	check := &route.Check{Rise: 2, Fall: 3}
	for results, want := range map[string]string{
		"P": "p", "F": "f", "PFFPFFF": "pppppp" + "f", "FPFPPFP": "fpppppp", "FFFFPP": "ffffpp", "PFPFPF": "pppppp",
		"PFFFPFPP": "pppffffp", "FPFFFPP": "fpppffp",
	} {
		var v verdict
		var got strings.Builder
		for _, result := range results {
			reason := ""
			if result == 'F' {
				reason = "it failed"
			}
			v.add(reason, check)
			got.WriteString(v.String()[:1])
			if v.passing == (v.reason != "") && result == 'F' {
				t.Errorf("%s: %s", results, v)
			}
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", results, got.String(), want)
		}
	}
}

func TestSet_AllocatesNothingForWhatItHas(t *testing.T) {
	c := New(Config{Log: slog.New(slog.DiscardHandler)})
	targets := make([]Target, 1000)
	for i := range targets {
		targets[i] = at(fmt.Sprintf("10.0.0.1:%d", i))
	}
	c.Set(targets)
	if n := testing.AllocsPerRun(10, func() { c.Set(targets) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSet_Thousand(b *testing.B) {
	c := New(Config{Log: slog.New(slog.DiscardHandler)})
	targets := make([]Target, 1000)
	for i := range targets {
		targets[i] = at(fmt.Sprintf("10.0.0.1:%d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Set(targets)
	}
}

// TestChecker_DropsLateResults makes the result of a loop come after its end, when another one has its key.
func TestChecker_DropsLateResults(t *testing.T) {
	r := &reports{}
	c := New(Config{Report: r.add, Log: slog.New(slog.DiscardHandler)})
	one := at("a:80")
	c.Set([]Target{one})
	late := c.loops[one.Key]
	c.Set(nil)
	c.settle(outcome{late, ""})
	c.Set([]Target{one})
	c.settle(outcome{late, "it failed"})
	if got := verdictOf(c, one.Key); got != "unknown" || r.take() != "" {
		t.Errorf("got %s", got)
	}
	c.settle(outcome{c.loops[one.Key], "it failed"})
	if got := verdictOf(c, one.Key); got != "failing: it failed" || r.take() != "a:80 false it failed" {
		t.Errorf("got %s", got)
	}
}

func TestAsk_ReturnsTheStatusOrWhyThereIsNone(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if r.Host != "example.org" || r.UserAgent() != agent {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer app.Close()
	c := New(Config{})
	key := Key{Address: app.Listener.Addr().String(), Scheme: route.HTTP, Host: "example.org", Check: route.Check{Path: "/"}}
	if status, why := c.Ask(t.Context(), key); status != http.StatusOK || why != "" {
		t.Errorf("got %d %q", status, why)
	}
	key.Check.Path = "/bad"
	if status, why := c.Ask(t.Context(), key); status != http.StatusInternalServerError || why != "" {
		t.Errorf("of a failing page: %d %q", status, why)
	}
	app.Close()
	if status, why := c.Ask(t.Context(), key); status != 0 || why != "connection refused" {
		t.Errorf("of nothing: %d %q", status, why)
	}
}
