package expiry

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/notify"
)

// engine is one in memory.
type engine struct {
	mu         sync.Mutex
	containers []docker.Container
	err        error
}

func (e *engine) Containers(context.Context, ...string) ([]docker.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.containers), e.err
}

func (e *engine) KeepRunning(_ context.Context, id string, _ bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.containers {
		if e.containers[i].ID == id {
			e.containers[i].Restart = "unless-stopped"
		}
	}
	return nil
}

func (e *engine) Container(_ context.Context, id string) (docker.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.ID == id {
			return c, e.err
		}
	}
	return docker.Container{}, docker.ErrNotFound
}

func (e *engine) Stop(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.containers {
		if e.containers[i].ID == id {
			e.containers[i].State = "exited"
		}
	}
	return e.err
}

func (e *engine) add(name, project string, labels map[string]string) {
	if project != "" {
		labels[label.ComposeProject] = project
	}
	e.containers = append(e.containers, docker.Container{ID: name, Name: name, Labels: labels, State: "running"})
}

// running are the names of those that run.
func (e *engine) running() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for _, c := range e.containers {
		if c.State == "running" {
			names = append(names, c.Name)
		}
	}
	return names
}

// bench is a job on an engine, with the notifications to owners.
type bench struct {
	*engine
	notified []string
	dir      string
}

// said is the notifications so far.
func (b *bench) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.notified)
}

// job prepares one that works at 04:00.
func (b *bench) job(t *testing.T, zone string) *Job {
	t.Helper()
	at, err := ParseDaily("04:00", zone)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Engine: b.engine, At: at, State: b.dir, Logger: slog.New(slog.DiscardHandler), Tell: func(_ context.Context, m notify.Message) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notified = append(b.notified, m.Event+" "+m.Project)
		return errors.New("the webhook hangs")
	}})
}

// start runs a job until the returned function is called.
func start(t *testing.T, j *Job) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- j.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func pass(d time.Duration) {
	time.Sleep(d) // The time of the bubble.
	synctest.Wait()
}

func expired() map[string]string {
	return map[string]string{label.Path: "/old", label.Expires: "1999-12-31", label.Owner: "kim"}
}

const day = 24 * time.Hour

// The clock of a bubble begins at midnight UTC on 1 January 2000.
func TestJob_NotifiesThenSuspendsOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{engine: &engine{}, dir: t.TempDir()}
		b.add("old-web-1", "old", expired())
		b.add("old-db-1", "old", map[string]string{})
		b.add("old-more-1", "old", map[string]string{label.Path: "/", label.Redirect: "/old", label.Expires: "2001-12-31"})
		b.add("young", "", map[string]string{label.Path: "/young", label.Expires: "2000-12-31"})
		b.add("timeless", "", map[string]string{label.Path: "/timeless"})
		b.add("root", "", map[string]string{label.Path: "/", label.Expires: "1999-01-01"})
		b.add("two", "", map[string]string{label.Path: "/two", label.Expires: "1999-01-01", "gateway.routes.more.path": "/more"})
		b.add("bad", "", map[string]string{label.Path: "/bad", label.Expires: "1999-01-01", "gateway.bad": "x"})
		j := b.job(t, "UTC")
		stop := start(t, j)
		pass(3 * time.Hour)
		if len(b.said()) > 0 {
			t.Errorf("before the hour: %q", b.said())
		}
		pass(2 * time.Hour)
		if !slices.Equal(b.said(), []string{"notify old"}) || len(b.running()) != 8 {
			t.Errorf("notified %q, running %q", b.said(), b.running())
		}
		stop()
		// Another process goes on with it, and what was missed is made up for once.
		j = b.job(t, "UTC")
		stop = start(t, j)
		defer func() { stop() }()
		pass(13 * day)
		if len(b.said()) != 1 {
			t.Errorf("notified %q", b.said())
		}
		pass(day)
		if !slices.Equal(b.said(), []string{"notify old", "suspend old"}) || !slices.Equal(b.running(), []string{"young", "timeless", "root", "two", "bad"}) {
			t.Errorf("notified %q, running %q", b.said(), b.running())
		}
		s := j.Status()
		if s.Stopped != "" || s.Daily != "04:00 UTC" || s.Noticed["old"].Suspended.Format(time.DateOnly) != "2000-01-15" || s.Next.Sub(s.Last) < 23*time.Hour {
			t.Errorf("status %+v", s)
		}
	})
}

func TestJob_MakesUpForAMissedDayOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{engine: &engine{}, dir: t.TempDir()}
		start(t, b.job(t, "UTC"))()
		stop := start(t, b.job(t, "UTC"))
		pass(5 * time.Hour)
		stop()
		b.add("old-web-1", "old", expired())
		pass(3 * day)
		stop = start(t, b.job(t, "UTC"))
		defer func() { stop() }()
		pass(time.Minute)
		if !slices.Equal(b.said(), []string{"notify old"}) {
			t.Errorf("notified %q", b.said())
		}
	})
}

func TestJob_StopsForMoreThanFiveAndTriesAgainAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{engine: &engine{}, dir: t.TempDir()}
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			b.add(name, "", map[string]string{label.Path: "/" + name, label.Expires: "1999-12-01"})
		}
		j := b.job(t, "UTC")
		defer start(t, j)()
		pass(5 * time.Hour)
		if s := j.Status(); !strings.Contains(s.Stopped, "6 projects are due, more than 5 at once") || len(b.said()) > 0 {
			t.Errorf("status %+v, notified %q", s, b.said())
		}
		b.mu.Lock()
		b.containers, b.err = b.containers[:5], errors.New("the engine is away")
		b.mu.Unlock()
		pass(day)
		if s := j.Status(); !strings.Contains(s.Stopped, "the engine is away") || len(b.said()) > 0 {
			t.Errorf("status %+v, notified %q", s, b.said())
		}
		b.mu.Lock()
		b.err = nil
		b.mu.Unlock()
		pass(2 * time.Minute)
		if s := j.Status(); s.Stopped != "" || len(b.said()) != 5 {
			t.Errorf("status %+v, notified %q", s, b.said())
		}
	})
}

func TestJob_StopsWhenTheClockWasSet(t *testing.T) {
	for name, set := range map[string]time.Duration{"forward": 366 * day, "back": -366 * day} {
		synctest.Test(t, func(t *testing.T) {
			b := &bench{engine: &engine{}, dir: t.TempDir()}
			b.add("old-web-1", "old", expired())
			j := b.job(t, "UTC")
			j.kept.Last = time.Now().Add(-time.Hour)
			// A time without a monotonic reading is as the clock shows it, and one with it as it ran.
			now := time.Now().Add(set).Round(0)
			if jumped := j.jumped(now, 0); !strings.Contains(jumped, "366 days") {
				t.Errorf("%s: %q", name, jumped)
			}
			if jumped := j.jumped(time.Now().Add(3*day).Round(0), 3*day); jumped != "" {
				t.Errorf("%s: time that passed is called %q", name, jumped)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := &bench{engine: &engine{}, dir: t.TempDir()}
		b.add("old-web-1", "old", expired())
		if err := os.WriteFile(filepath.Join(b.dir, stateFile), []byte(`{"last":"2001-01-01T04:00:00Z"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		j := b.job(t, "UTC")
		defer start(t, j)()
		pass(3 * day)
		if s := j.Status(); !strings.Contains(s.Stopped, "still to come") || len(b.said()) > 0 {
			t.Errorf("status %+v, notified %q", s, b.said())
		}
	})
}

func TestDaily_FollowsTheZone(t *testing.T) {
	berlin, err := ParseDaily("02:30", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// In the night of the change to summer time there is no 02:30.
	for from, want := range map[string]string{
		"2027-03-27T12:00:00Z": "2027-03-28T01:30:00Z", "2027-06-30T00:29:00Z": "2027-06-30T00:30:00Z",
		"2027-06-30T00:30:00Z": "2027-07-01T00:30:00Z",
	} {
		at, err := time.Parse(time.RFC3339, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := berlin.after(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("after %s: %s, want %s", from, got, want)
		}
	}
	// In the other one there are two, of which one counts.
	last := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	for range 400 {
		next := berlin.after(last)
		if gap := next.Sub(last); gap < 12*time.Hour || gap > 26*time.Hour {
			t.Errorf("from %s to %s", last, next)
		}
		last = next
	}
	for _, bad := range [][2]string{{"4", "UTC"}, {"24:00", "UTC"}, {"04:00", "Mars/Olympus"}, {"", "UTC"}} {
		if _, err := ParseDaily(bad[0], bad[1]); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestJob_SuspendsWhatIsAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{engine: &engine{}, dir: t.TempDir()}
		labels := expired()
		labels[label.Idle] = "1h"
		b.add("old-web-1", "old", labels)
		b.containers[0].State, b.containers[0].Restart = "exited", "always"
		defer start(t, b.job(t, "UTC"))()
		pass(20 * day)
		if got := b.said(); !slices.Equal(got, []string{"notify old", "suspend old"}) || b.containers[0].Restart != "unless-stopped" {
			t.Errorf("notified %q, %+v", got, b.containers[0])
		}
	})
}
