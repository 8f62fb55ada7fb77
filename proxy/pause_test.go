package proxy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

// order is a pause as the admin API asks for it.
func order(message string, wait time.Duration) admin.Pause {
	return admin.Pause{Message: message, Wait: wait.Milliseconds()}
}

func pauseRoute(t *testing.T, s *Server, key string, o admin.Pause) admin.Pause {
	t.Helper()
	told, err := s.Pause(key, o)
	if err != nil {
		t.Fatal(err)
	}
	return told
}

// shown is how the admin API shows that a route is paused, nil when it is not.
func shown(t *testing.T, s *Server, key string) *admin.Pause {
	t.Helper()
	for _, r := range s.Routes().Routes {
		if r.Key == key {
			return r.Paused
		}
	}
	t.Fatalf("there is no route %s", key)
	return nil
}

func TestPause_IsShownUntilItIsResumed(t *testing.T) {
	s, _ := fresh(t, "")
	s.SetTable(tableOf(t, "/a", "/b"))
	told := pauseRoute(t, s, "/a", order("  back at five ", time.Minute))
	if told.Message != "back at five" || told.Wait != 60_000 || told.Since.IsZero() || told.Waiting != 0 {
		t.Errorf("told %+v", told)
	}
	if got := shown(t, s, "/a"); got == nil || *got != told {
		t.Errorf("shown %+v, want %+v", got, told)
	}
	if got := shown(t, s, "/b"); got != nil {
		t.Errorf("/b is paused: %+v", got)
	}
	again := pauseRoute(t, s, "/a", order("later", 0))
	if again.Message != "later" || again.Wait != 0 || again.Since != told.Since {
		t.Errorf("changed to %+v", again)
	}
	was, err := s.Resume("/a", "")
	if err != nil || was != again || shown(t, s, "/a") != nil {
		t.Errorf("resumed %+v, %v, and it is shown as %+v", was, err, shown(t, s, "/a"))
	}
	if was, err := s.Resume("/a", ""); err != nil || !was.Since.IsZero() {
		t.Errorf("resumed again: %+v, %v", was, err)
	}
	if s.pauses.Len() != 0 {
		t.Error("requests look for pauses where there is none")
	}
}

func TestPause_HoldsOrdersToTheirRules(t *testing.T) {
	s, _ := fresh(t, "")
	if _, err := s.Pause("/a", order("", 0)); !errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("without a table: %v", err)
	}
	s.SetTable(tableOf(t, "/a"))
	ended := order("", 0)
	ended.Until = time.Now().Add(-time.Second)
	for name, test := range map[string]struct {
		key   string
		order admin.Pause
		want  error
		text  string
	}{
		"unknown":  {"/x", order("", 0), admin.ErrNoRoute, "no such route: /x"},
		"no path":  {"a", order("", 0), admin.ErrRefused, "write it as /path"},
		"lines":    {"/a", order("one\ntwo", 0), admin.ErrRefused, `"one\ntwo" is not one line`},
		"no text":  {"/a", order("\xff", 0), admin.ErrRefused, "not one line of text"},
		"long":     {"/a", order(strings.Repeat("가", admin.MaxMessage+1), 0), admin.ErrRefused, "281 characters; 280 is the most"},
		"negative": {"/a", order("", -1*time.Second), admin.ErrRefused, "-1000 ms"},
		"too long": {"/a", order("", admin.MaxWait+time.Millisecond), admin.ErrRefused, "0 to 600000"},
		"ended":    {"/a", ended, admin.ErrRefused, "is over already"},
		// In nanoseconds that is more than there is.
		"overflow": {"/a", admin.Pause{Wait: 1 << 60}, admin.ErrRefused, "0 to 600000"},
	} {
		if _, err := s.Pause(test.key, test.order); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %q", name, err, test.text)
		}
	}
	if shown(t, s, "/a") != nil {
		t.Error("an order that was refused is in force")
	}
	if _, err := s.Resume("/x", ""); !errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("resuming an unknown route: %v", err)
	}
	if _, err := s.Resume("x", ""); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("resuming no route: %v", err)
	}
	pauseRoute(t, s, "/a", order(strings.Repeat("가", admin.MaxMessage), admin.MaxWait))
}

func TestPause_SurvivesTablesAndRestarts(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "made")
	s, _ := fresh(t, folder)
	s.SetTable(tableOf(t, "/a", "/b"))
	asked := order("back at five", time.Minute)
	asked.Until = time.Now().Add(time.Hour)
	want := pauseRoute(t, s, "/a", asked)
	pauseRoute(t, s, "/b", order("", 0))
	s.SetTable(tableOf(t, "/b"))
	s.SetTable(tableOf(t, "/a", "/b"))
	if got := shown(t, s, "/a"); got == nil || *got != want {
		t.Errorf("after another table: %+v, want %+v", got, want)
	}
	s, log := fresh(t, folder)
	got := shown(t, s, "/a")
	if got == nil || got.Message != want.Message || got.Wait != want.Wait || !got.Since.Equal(want.Since) || !got.Until.Equal(want.Until) {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
	if _, err := s.Resume("/a", ""); err != nil {
		t.Error(err)
	}
	s, _ = fresh(t, folder)
	if shown(t, s, "/a") != nil || shown(t, s, "/b") == nil {
		t.Error("a restart brings back what was resumed, or loses what was not")
	}
	if strings.Contains(log.String(), "WARN") {
		t.Errorf("warnings:\n%s", log)
	}
}

func TestPause_EndsWhenItsTimeIsOver(t *testing.T) {
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	s.SetTable(tableOf(t, "/a"))
	asked := order("", 0)
	asked.Until = time.Now().Add(time.Hour)
	pauseRoute(t, s, "/a", asked)
	key := s.current.Load().Table.Routes()[0].Key
	p := s.pauses.Of(key, time.Now())
	if p == nil || s.pauses.Of(key, asked.Until.Add(-time.Second)) != p || s.pauses.Of(key, asked.Until) != nil {
		t.Error("a request is not held for as long as was asked")
	}
	place := p.Join()
	if next := s.pauses.Tend(asked.Until.Add(-10 * time.Second)); next != 10*time.Second {
		t.Errorf("it is looked at again in %v, want 10 s", next)
	}
	select {
	case <-place.Turn():
		t.Error("the pause was over too soon")
	default:
	}
	s.pauses.Tend(asked.Until)
	select {
	case <-place.Turn():
	default:
		t.Error("who waits does not go on at the end")
	}
	if s, _ := fresh(t, folder); shown(t, s, "/a") != nil {
		t.Error("a restart brings back what is over")
	}
}

func TestPause_IsEndedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := fresh(t, "")
		s.SetTable(tableOf(t, "/a", "/b"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.pauses.Run(ctx); close(ended) }()
		for key, d := range map[string]time.Duration{"/a": 3 * time.Second, "/b": 100 * time.Minute} {
			asked := order("", 0)
			asked.Until = time.Now().Add(d)
			pauseRoute(t, s, key, asked)
		}
		for _, left := range []int{1, 0} {
			p := s.pauses.Of(s.current.Load().Table.Routes()[1-left].Key, time.Now())
			place := p.Join()
			<-place.Turn()
			if until := p.Describe().Until; !time.Now().Equal(until) || s.pauses.Len() != left {
				t.Errorf("it was ended %v late; %d are left, want %d", time.Since(until), s.pauses.Len(), left)
			}
		}
		cancel()
		<-ended
	})
}

func TestPause_OutlivesItsRouteForADay(t *testing.T) {
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	s.SetTable(tableOf(t, "/a", "/b"))
	pauseRoute(t, s, "/a", order("", 0))
	now := time.Now()
	away := func() { s.SetTable(tableOf(t, "/b")); s.pauses.Tend(now) }
	back := func() { s.SetTable(tableOf(t, "/a", "/b")); s.pauses.Tend(now) }
	away()
	now = now.Add(live.AbsentFor - time.Second)
	back()
	if shown(t, s, "/a") == nil {
		t.Fatal("the route came back within a day and is not paused")
	}
	away()
	s, _ = fresh(t, folder)
	now = now.Add(live.AbsentFor)
	s.pauses.Tend(now)
	if s.pauses.Len() != 1 {
		t.Fatal("the day begins when the route leaves, not before")
	}
	if was, err := s.Resume("/a", ""); err != nil || was.Since.IsZero() {
		t.Errorf("resuming a paused route that is not in the table: %+v, %v", was, err)
	}
	back()
	pauseRoute(t, s, "/a", order("", 0))
	away()
	s, _ = fresh(t, folder)
	now = now.Add(live.AbsentFor + time.Second)
	s.pauses.Tend(now)
	back()
	if shown(t, s, "/a") != nil {
		t.Error("a route that was away for more than a day is still paused; a restart does not make it younger")
	}
}

func TestPause_SetsACorruptFileAside(t *testing.T) {
	for _, content := range []string{"", "{", `[{"path":"no slash"}]`, `[{"path":"/a","wait":"x"}]`} {
		folder := t.TempDir()
		file := filepath.Join(folder, "pauses.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, log := fresh(t, folder)
		if kept, err := os.ReadFile(file + ".bad"); err != nil || string(kept) != content || !strings.Contains(log.String(), "cannot be read") {
			t.Errorf("%q: set aside %q, %v\n%s", content, kept, err, log)
		}
		s.SetTable(tableOf(t, "/a"))
		pauseRoute(t, s, "/a", order("", 0))
		if s, _ := fresh(t, folder); shown(t, s, "/a") == nil {
			t.Errorf("%q: the next pause is not kept", content)
		}
	}
}

func TestPause_IsInForceWhenItCannotBeKept(t *testing.T) {
	blocker := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, log := fresh(t, blocker)
	s.SetTable(tableOf(t, "/a", "/b"))
	pauseRoute(t, s, "/a", order("", 0))
	pauseRoute(t, s, "/b", order("", 0))
	if n := strings.Count(log.String(), "paused routes are not on disk"); n != 1 || shown(t, s, "/a") == nil {
		t.Errorf("warned %d times, want once:\n%s", n, log)
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	s.pauses.Tend(time.Now())
	reportAgent(t, s)
	if s, _ := fresh(t, blocker); shown(t, s, "/b") == nil {
		t.Error("the pauses were not written when that became possible")
	}
}

func TestPause_IsSafeWhileAllHappensAtOnce(t *testing.T) {
	s, _ := fresh(t, t.TempDir())
	s.SetTable(tableOf(t, "/a", "/b"))
	key := s.current.Load().Table.Routes()[0].Key
	done := make(chan struct{})
	work := []func(){
		func() { pauseRoute(t, s, "/a", order("x", time.Second)) },
		func() { _, _ = s.Resume("/a", "") },
		func() { s.pauses.Of(key, time.Now()); s.Routes() },
		func() { s.pauses.Tend(time.Now()); s.SetTable(tableOf(t, "/a")); s.SetTable(tableOf(t, "/a", "/b")) },
	}
	for _, f := range work {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 20 {
				f()
			}
		}()
	}
	for range work {
		<-done
	}
	if _, err := s.Resume("/a", ""); err != nil || s.pauses.Of(key, time.Now()) != nil {
		t.Errorf("after all: %v", err)
	}
}

// BenchmarkPaused is what a request pays: with no route paused, and with another one.
func BenchmarkPaused(b *testing.B) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]route.Key, 2)
	for i, path := range []string{"/a", "/b"} {
		if keys[i], err = route.ParseKey(path); err != nil {
			b.Fatal(err)
		}
	}
	s.SetTable(route.Build([]route.Route{{Key: keys[0]}, {Key: keys[1]}}, nil))
	now := time.Now()
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s.pauses.Of(keys[1], now) != nil {
				b.Fatal("it is paused")
			}
		}
	}
	b.Run("none", run)
	if _, err := s.Pause("/a", admin.Pause{}); err != nil {
		b.Fatal(err)
	}
	b.Run("another", run)
}
