package live

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// pausing has pauses with the table and the log that they see.
type pausing struct {
	pauses *Pauses
	table  atomic.Pointer[route.Table]
	log    bytes.Buffer
}

// newPausing restores the pauses in a folder, and has a table of those paths.
func newPausing(t testing.TB, folder string, paths ...string) *pausing {
	t.Helper()
	p := &pausing{}
	p.set(t, paths...)
	p.pauses = NewPauses(slog.New(slog.NewTextHandler(&p.log, nil)), Store{Folder: folder}, p.table.Load)
	p.pauses.Restore(time.Now())
	return p
}

// set replaces the table. Without paths there is none.
func (p *pausing) set(t testing.TB, paths ...string) {
	t.Helper()
	var routes []route.Route
	for _, path := range paths {
		routes = append(routes, route.Route{Key: keyOf(t, path)})
	}
	if len(paths) > 0 {
		p.table.Store(route.Build(routes, nil))
	}
}

func keyOf(t testing.TB, path string) route.Key {
	t.Helper()
	key, err := route.ParseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (p *pausing) pause(t testing.TB, key string, order admin.Pause) admin.Pause {
	t.Helper()
	is, err := p.pauses.Pause(key, order)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// paused returns the pause of a route, nil if it is not paused.
func (p *pausing) paused(t testing.TB, path string) *admin.Pause {
	t.Helper()
	if of := p.pauses.Of(keyOf(t, path), time.Now()); of != nil {
		is := of.Describe()
		return &is
	}
	return nil
}

func TestPauses_HoldARouteUntilItIsResumed(t *testing.T) {
	p := newPausing(t, "", "/a", "/b")
	first := p.pause(t, "/a", admin.Pause{Message: "  back at five ", Wait: 60_000})
	if first.Message != "back at five" || first.Wait != 60_000 || first.Since.IsZero() || first.Waiting != 0 {
		t.Errorf("paused as %+v", first)
	}
	if got := p.paused(t, "/a"); got == nil || *got != first || p.paused(t, "/b") != nil {
		t.Errorf("/a is paused as %+v, want %+v; /b as %+v", got, first, p.paused(t, "/b"))
	}
	again := p.pause(t, "/a", admin.Pause{Message: "later"})
	if again.Message != "later" || again.Wait != 0 || again.Since != first.Since {
		t.Errorf("changed to %+v", again)
	}
	if was, err := p.pauses.Resume("/a", ""); err != nil || was != again || p.paused(t, "/a") != nil {
		t.Errorf("resumed %+v, %v, and it is paused as %+v", was, err, p.paused(t, "/a"))
	}
	if was, err := p.pauses.Resume("/a", ""); err != nil || !was.Since.IsZero() {
		t.Errorf("resumed again: %+v, %v", was, err)
	}
	if p.pauses.Len() != 0 {
		t.Error("requests look for pauses where there are none")
	}
}

func TestPauses_RefuseInvalidOrders(t *testing.T) {
	p := newPausing(t, "")
	if _, err := p.pauses.Pause("/a", admin.Pause{}); !errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("without a table: %v", err)
	}
	p.set(t, "/a")
	for name, test := range map[string]struct {
		key   string
		order admin.Pause
		want  error
		text  string
	}{
		"unknown":  {"/x", admin.Pause{}, admin.ErrNoRoute, "no such route: /x"},
		"no path":  {"a", admin.Pause{}, admin.ErrRefused, "write it as /path"},
		"lines":    {"/a", admin.Pause{Message: "one\ntwo"}, admin.ErrRefused, `"one\ntwo" is not one line`},
		"no text":  {"/a", admin.Pause{Message: "\xff"}, admin.ErrRefused, "not one line of text"},
		"long":     {"/a", admin.Pause{Message: strings.Repeat("가", admin.MaxMessage+1)}, admin.ErrRefused, "281 characters; 280 is the most"},
		"negative": {"/a", admin.Pause{Wait: -1000}, admin.ErrRefused, "-1000 ms"},
		"too long": {"/a", admin.Pause{Wait: admin.MaxWait.Milliseconds() + 1}, admin.ErrRefused, "0 to 600000"},
		"ended":    {"/a", admin.Pause{Until: time.Now().Add(-time.Second)}, admin.ErrRefused, "is over already"},
		// In nanoseconds that is more than there is.
		"overflow": {"/a", admin.Pause{Wait: 1 << 60}, admin.ErrRefused, "0 to 600000"},
	} {
		if _, err := p.pauses.Pause(test.key, test.order); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %q", name, err, test.text)
		}
	}
	if p.pauses.Len() != 0 {
		t.Error("an order that was refused paused the route")
	}
	if _, err := p.pauses.Resume("/x", ""); !errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("resuming an unknown route: %v", err)
	}
	if _, err := p.pauses.Resume("x", ""); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("resuming no route: %v", err)
	}
	p.pause(t, "/a", admin.Pause{Message: strings.Repeat("가", admin.MaxMessage), Wait: admin.MaxWait.Milliseconds()})
}

func TestPauses_SurviveTablesAndRestarts(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "made")
	p := newPausing(t, folder, "/a", "/b")
	want := p.pause(t, "/a", admin.Pause{Message: "back at five", Wait: 60_000, Until: time.Now().Add(time.Hour)})
	p.pause(t, "/b", admin.Pause{})
	p.set(t, "/b")
	p.set(t, "/a", "/b")
	if got := p.paused(t, "/a"); got == nil || *got != want {
		t.Errorf("after another table: %+v, want %+v", got, want)
	}
	p = newPausing(t, folder, "/a", "/b")
	got := p.paused(t, "/a")
	if got == nil || got.Message != want.Message || got.Wait != want.Wait || !got.Since.Equal(want.Since) || !got.Until.Equal(want.Until) {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
	if _, err := p.pauses.Resume("/a", ""); err != nil {
		t.Error(err)
	}
	if strings.Contains(p.log.String(), "WARN") {
		t.Errorf("warnings:\n%s", &p.log)
	}
	p = newPausing(t, folder, "/a", "/b")
	if p.paused(t, "/a") != nil || p.paused(t, "/b") == nil {
		t.Error("a restart brings back what was resumed, or loses what was not")
	}
}

func TestPauses_EndAtTheirTime(t *testing.T) {
	folder := t.TempDir()
	p := newPausing(t, folder, "/a")
	until := time.Now().Add(time.Hour)
	p.pause(t, "/a", admin.Pause{Until: until})
	key := keyOf(t, "/a")
	of := p.pauses.Of(key, time.Now())
	if of == nil || p.pauses.Of(key, until.Add(-time.Second)) != of || p.pauses.Of(key, until) != nil {
		t.Error("the pause does not last for as long as the order says")
	}
	place := of.Join()
	if next := p.pauses.Tend(until.Add(-10 * time.Second)); next != 10*time.Second {
		t.Errorf("the next look is in %v, want 10 s", next)
	}
	select {
	case <-place.Turn():
		t.Error("the pause was over too soon")
	default:
	}
	p.pauses.Tend(until)
	select {
	case <-place.Turn():
	default:
		t.Error("a request still waits at the end")
	}
	if newPausing(t, folder, "/a").pauses.Len() != 0 {
		t.Error("a restart brings back what is over")
	}
}

func TestPauses_RunEndsThemInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPausing(t, "", "/a", "/b")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.pauses.Run(ctx); close(ended) }()
		for key, d := range map[string]time.Duration{"/a": 3 * time.Second, "/b": 100 * time.Minute} {
			p.pause(t, key, admin.Pause{Until: time.Now().Add(d)})
		}
		for i, path := range []string{"/a", "/b"} {
			of := p.pauses.Of(keyOf(t, path), time.Now())
			<-of.Join().Turn()
			if until := of.Describe().Until; !time.Now().Equal(until) || p.pauses.Len() != 1-i {
				t.Errorf("%s ended %v late; %d are left, want %d", path, time.Since(until), p.pauses.Len(), 1-i)
			}
		}
		cancel()
		<-ended
	})
}

func TestPauses_OutliveTheirRouteForADay(t *testing.T) {
	folder := t.TempDir()
	p := newPausing(t, folder, "/a", "/b")
	p.pause(t, "/a", admin.Pause{})
	now := time.Now()
	leaves := func() { p.set(t, "/b"); p.pauses.Tend(now) }
	returns := func() { p.set(t, "/a", "/b"); p.pauses.Tend(now) }
	leaves()
	now = now.Add(AbsentFor - time.Second)
	returns()
	if p.paused(t, "/a") == nil {
		t.Fatal("the route came back within a day and is not paused")
	}
	leaves()
	p = newPausing(t, folder, "/b")
	now = now.Add(AbsentFor)
	p.pauses.Tend(now)
	if p.pauses.Len() != 1 {
		t.Fatal("the day begins when the route leaves, not before")
	}
	if was, err := p.pauses.Resume("/a", ""); err != nil || was.Since.IsZero() {
		t.Errorf("resuming a paused route that is not in the table: %+v, %v", was, err)
	}
	returns()
	p.pause(t, "/a", admin.Pause{})
	leaves()
	p = newPausing(t, folder, "/b")
	now = now.Add(AbsentFor + time.Second)
	p.pauses.Tend(now)
	returns()
	if p.paused(t, "/a") != nil {
		t.Error("a route that was away for more than a day is still paused; a restart does not make it younger")
	}
}

func TestPauses_SetACorruptFileAside(t *testing.T) {
	for _, content := range []string{"", "{", `[{"path":"no slash"}]`, `[{"path":"/a","wait":"x"}]`} {
		folder := t.TempDir()
		file := filepath.Join(folder, pausesFile)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		p := newPausing(t, folder, "/a")
		if kept, err := os.ReadFile(file + ".bad"); err != nil || string(kept) != content || !strings.Contains(p.log.String(), "cannot be read") {
			t.Errorf("%q: set aside %q, %v\n%s", content, kept, err, &p.log)
		}
		p.pause(t, "/a", admin.Pause{})
		if newPausing(t, folder, "/a").pauses.Len() != 1 {
			t.Errorf("%q: the next pause is not kept", content)
		}
	}
}

func TestPauses_HoldWhenTheyCannotBeKept(t *testing.T) {
	blocker := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPausing(t, blocker, "/a", "/b")
	p.pause(t, "/a", admin.Pause{})
	p.pause(t, "/b", admin.Pause{})
	if n := strings.Count(p.log.String(), "paused routes are not on disk"); n != 1 || p.paused(t, "/a") == nil {
		t.Errorf("warned %d times, want once:\n%s", n, &p.log)
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	p.pauses.Tend(time.Now())
	if newPausing(t, blocker, "/a", "/b").pauses.Len() != 2 {
		t.Error("the pauses were not written when that became possible")
	}
}

func TestPauses_AreSafeForConcurrentUse(t *testing.T) {
	p := newPausing(t, t.TempDir(), "/a", "/b")
	key := keyOf(t, "/a")
	var all sync.WaitGroup
	for _, f := range []func(){
		func() { p.pause(t, "/a", admin.Pause{Message: "x", Wait: 1000}) },
		func() { _, _ = p.pauses.Resume("/a", "") },
		func() {
			if of := p.pauses.Of(key, time.Now()); of != nil {
				of.Describe()
			}
		},
		func() { p.pauses.Tend(time.Now()) },
	} {
		all.Go(func() {
			for range 20 {
				f()
			}
		})
	}
	all.Wait()
	if _, err := p.pauses.Resume("/a", ""); err != nil || p.pauses.Of(key, time.Now()) != nil {
		t.Errorf("after all: %v", err)
	}
}

// BenchmarkPauses_Of is what each request pays: with no route paused, and with another one.
func BenchmarkPauses_Of(b *testing.B) {
	p, key, now := newPausing(b, "", "/a", "/b"), keyOf(b, "/b"), time.Now()
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.pauses.Of(key, now) != nil {
				b.Fatal("it is paused")
			}
		}
	}
	b.Run("none", run)
	p.pause(b, "/a", admin.Pause{})
	b.Run("another", run)
}
