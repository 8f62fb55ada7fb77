package projects

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/archive"
	"gateway/proxy/route"
)

// dozing is a bench whose project robots has a database, and is asleep.
func dozing(t *testing.T) *bench {
	t.Helper()
	b, _ := storing(t)
	b.maySleep(t)
	b.sleep(t)
	return b
}

// wake starts project robots, as the agent does.
func (b *bench) wake() {
	b.engine.Start("robots-db-1")
	b.engine.Start("robots-site-1")
}

// isAsleep checks that project robots is asleep and nobody waits.
func (b *bench) isAsleep(t *testing.T) {
	t.Helper()
	running, err := Look(t.Context(), b.client, "robots")
	if err != nil || !running.Asleep || len(b.gateway.queued) > 0 {
		t.Errorf("asleep: %t, queued: %q, %v", running.Asleep, b.gateway.queued, err)
	}
}

// files says that an archive has the files of the database, and no dump of it.
func files(m archive.Manifest) bool { return len(m.Dumps) == 0 && m.BytesIn("volumes/db") == 4 }

// dumped says that an archive has a dump of the database, and not its files.
func dumped(m archive.Manifest) bool {
	return len(m.Dumps) == 1 && m.BytesIn("volumes/db") == 0 && !slices.Contains(m.Volumes, "db")
}

func TestBackup_HoldsAProjectThatIsAsleep(t *testing.T) {
	for _, stop := range []bool{false, true} {
		b := dozing(t)
		back, waited := backupOf(b), false
		back.Stop = stop
		back.Progress = func(int64) { waited = slices.Equal(b.gateway.queued, []string{"/robots"}) }
		dry, err := b.DryRun(t.Context(), back)
		if err != nil || !strings.Contains(steps(dry), "let requests wait while its files are copied") || strings.Contains(steps(dry), "stop the containers") {
			t.Errorf("the plan is %v\n%s", err, steps(dry))
		}
		done, err := b.Backup(t.Context(), back)
		if err != nil || !files(done.Manifest) || !waited {
			t.Errorf("--stop %t: waited: %t, %+v %v", stop, waited, done.Manifest.Info, err)
		}
		b.isAsleep(t)
	}
}

func TestBackup_DumpsWhatWokeJustBefore(t *testing.T) {
	b := dozing(t)
	// The order was under way when requests were made to wait.
	b.gateway.queueing = func(Queue) { b.wake() }
	back := backupOf(b)
	back.Progress = func(int64) {
		if len(b.gateway.queued) > 0 {
			t.Error("requests wait although it runs")
		}
	}
	if done, err := b.Backup(t.Context(), back); err != nil || !dumped(done.Manifest) {
		t.Errorf("%+v %v", done.Manifest.Info, err)
	}
	if len(b.gateway.queued) > 0 {
		t.Errorf("queued: %q", b.gateway.queued)
	}
}

func TestBackup_BeginsAgainWhenFilesMayHaveChanged(t *testing.T) {
	for name, c := range map[string]struct {
		bench func(t *testing.T) *bench
		// during is what happens while the first file is copied.
		during func(t *testing.T, b *bench)
		want   func(archive.Manifest) bool
	}{
		"it wakes":                   {dozing, func(_ *testing.T, b *bench) { b.wake() }, dumped},
		"it wakes and sleeps again":  {dozing, func(t *testing.T, b *bench) { b.wake(); b.sleep(t) }, files},
		"it is started":              {resting, func(_ *testing.T, b *bench) { b.engine.Start("robots-site-1") }, func(m archive.Manifest) bool { return m.Bytes() > 0 }},
		"it falls asleep, with dump": {awake, func(t *testing.T, b *bench) { b.sleep(t) }, dumped},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.bench(t)
			var notes []string
			b.Note = func(text string) { notes = append(notes, text) }
			back, once := backupOf(b), false
			back.Progress = func(int64) {
				if !once {
					once = true
					c.during(t, b)
				}
			}
			done, err := b.Backup(t.Context(), back)
			if err != nil || !c.want(done.Manifest) {
				t.Errorf("%+v %v", done.Manifest.Info, err)
			}
			if again := slices.ContainsFunc(notes, func(n string) bool { return strings.HasSuffix(n, "is begun again") }); again == (name == "it falls asleep, with dump") {
				t.Errorf("begun again: %t, %q", again, notes)
			}
			if len(b.gateway.queued) > 0 {
				t.Errorf("queued: %q", b.gateway.queued)
			}
			b.onlyWhole(t)
		})
	}
}

// awake is a bench whose project robots has a database and may sleep.
func awake(t *testing.T) *bench {
	t.Helper()
	b, _ := storing(t)
	b.maySleep(t)
	return b
}

func TestBackup_GivesUpOnWhatIsStartedAgainAndAgain(t *testing.T) {
	b := dozing(t)
	back := backupOf(b)
	back.Progress = func(int64) { b.wake(); b.sleep(t) }
	_, err := b.Backup(t.Context(), back)
	failure, is := errors.AsType[*Failure](err)
	if !is || failure.Undone == "" || !strings.Contains(err.Error(), "was started meanwhile, and files may have changed; run the command again") {
		t.Errorf("got %v", err)
	}
	b.isAsleep(t)
	b.onlyWhole(t)
}

func TestBackup_LetsRequestsWaitForWhatIsStoppedForIt(t *testing.T) {
	b := keeping(t)
	back, waited := backupOf(b), false
	back.Stop, back.Progress = true, func(int64) { waited = slices.Equal(b.gateway.queued, []string{"/robots"}) }
	if _, err := b.Backup(t.Context(), back); err != nil || !waited || len(b.gateway.queued) > 0 {
		t.Errorf("waited: %t, queued: %q, %v", waited, b.gateway.queued, err)
	}
}

func TestBackup_OfWhatIsStoppedForItIsNotOfWhatRuns(t *testing.T) {
	b := awake(t)
	back := backupOf(b)
	back.Stop = true
	back.Progress = func(int64) {
		if c, err := b.client.Container(t.Context(), "robots-db-1"); err == nil && c.State != "running" {
			b.engine.Start("robots-db-1")
		}
	}
	if _, err := b.Backup(t.Context(), back); err == nil || !strings.Contains(err.Error(), "robots-db-1 was started meanwhile") {
		t.Errorf("got %v", err)
	}
	b.onlyWhole(t)
}

func TestHold_IsRenewedWhileItLasts(t *testing.T) {
	b := newBench(t)
	var until []time.Time
	b.gateway.queueing = func(q Queue) { until = append(until, q.Until) }
	h, err := b.hold(t.Context(), []route.Key{{Prefix: prefix(t, "/robots")}})
	if err != nil {
		t.Fatal(err)
	}
	h.renew(t.Context(), b.Life)
	h.until = time.Now().Add(queueMost/2 - time.Second)
	h.renew(t.Context(), b.Life)
	h.renew(t.Context(), b.Life)
	if len(until) != 2 || time.Until(h.until) < queueMost-time.Minute {
		t.Errorf("held until %v, now %v", until, h.until)
	}
}
