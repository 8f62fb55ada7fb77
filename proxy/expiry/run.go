package expiry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/durable"
	"gateway/proxy/label"
	"gateway/proxy/notify"
)

// Engine is what it asks of Docker; *docker.Client is one.
type Engine interface {
	Containers(ctx context.Context, labels ...string) ([]docker.Container, error)
	Container(ctx context.Context, nameOrID string) (docker.Container, error)
	KeepRunning(ctx context.Context, nameOrID string, keep bool) error
	Stop(ctx context.Context, nameOrID string) error
}

// Config says when it works and whom it tells.
type Config struct {
	Engine Engine
	At     Daily
	// State is the folder in which it keeps what it noticed.
	State string
	// Tell tells the owner; nil tells nobody. Implementations bound its time.
	Tell   func(ctx context.Context, m notify.Message) error
	Logger *slog.Logger
}

// Job is the daily work.
type Job struct {
	config  Config
	started time.Time
	status  atomic.Pointer[admin.Expiry]
	kept    state
}

// state is what survives the process.
type state struct {
	// Last is when the work was last done.
	Last    time.Time          `json:"last,omitzero"`
	Noticed map[string]Noticed `json:"noticed,omitempty"`
}

const (
	stateFile = "expiry.json"
	// lookEvery is how often the clock is looked at: it may be set at any time.
	lookEvery = time.Minute
	// mostDrift is how far the clock may be set without being called a jump.
	mostDrift = 24 * time.Hour
)

// New prepares the job. What it kept is read; that it cannot be read is logged, and notices are given again.
func New(c Config) *Job {
	j := &Job{config: c, started: time.Now()}
	text, err := os.ReadFile(filepath.Join(c.State, stateFile))
	if err == nil {
		err = json.Unmarshal(text, &j.kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Logger.Warn("what expiry noticed cannot be read, so owners are notified again", "error", err)
		j.kept = state{}
	}
	if j.kept.Noticed == nil {
		j.kept.Noticed = map[string]Noticed{}
	}
	j.report("")
	return j
}

// Status is what it has done and when it works next. It is safe for concurrent use.
func (j *Job) Status() *admin.Expiry { return j.status.Load() }

// Run works once a day until ctx ends, and returns nil. A day that was missed is made up for once.
func (j *Job) Run(ctx context.Context) error {
	if j.kept.Last.IsZero() {
		j.kept.Last = time.Now() // The first time is the next one.
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		j.look(ctx, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look works when it is time to.
func (j *Job) look(ctx context.Context, now time.Time) {
	if jumped := j.jumped(now.Round(0), now.Sub(j.started)); jumped != "" {
		if j.Status().Stopped != jumped {
			j.config.Logger.Warn("expiry is stopped", "reason", jumped)
		}
		j.report(jumped)
		return
	}
	if now.Before(j.config.At.after(j.kept.Last)) {
		j.report(j.lastStop())
		return
	}
	stopped, err := j.work(ctx, now)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		j.config.Logger.Warn("expiry could not be done, and is tried again", "error", err)
		j.report("it failed, and is tried again every minute: " + err.Error())
		return
	}
	j.kept.Last = now.Round(0)
	j.keep()
	j.report(stopped)
}

// lastStop is why the last run did not do all of its work, until the next run.
func (j *Job) lastStop() string {
	if s := j.Status(); s != nil && s.Last.Equal(j.kept.Last) {
		return s.Stopped
	}
	return ""
}

// jumped says that the clock, which shows now, was set while the job ran for some time, or was ahead when it last worked;
// empty when not.
func (j *Job) jumped(now time.Time, ran time.Duration) string {
	const fix = "; check the date, then: docker restart gateway-agent"
	drift := now.Sub(j.started.Round(0)) - ran
	ahead := j.kept.Last.Round(0).Sub(now)
	switch days := int(max(drift.Abs(), ahead).Hours() / 24); {
	case drift.Abs() > mostDrift:
		return fmt.Sprintf("the clock was set by %d days, or the machine slept%s", days, fix)
	case ahead > mostDrift:
		return fmt.Sprintf("it last worked at %s, which is still to come; correct the clock, or remove the volume of the agent", j.kept.Last.Format(time.DateTime))
	}
	return ""
}

// work does what is due today. It returns why it did nothing, empty when it did.
func (j *Job) work(ctx context.Context, now time.Time) (stopped string, err error) {
	containers, err := j.list(ctx)
	if err != nil {
		return "", err
	}
	today := j.config.At.day(now)
	all := groups(containers)
	j.forget(all)
	steps := plan(all, j.kept.Noticed, today)
	if len(steps) > mostAtOnce {
		return fmt.Sprintf("%d projects are due, more than %d at once; look at the plan: gateway expire old projects", len(steps), mostAtOnce), nil
	}
	var failed error
	for _, s := range steps {
		if err := j.take(ctx, s, today); err != nil {
			failed = errors.Join(failed, fmt.Errorf("suspending %s: %w", s.name, err))
		}
	}
	j.keep()
	return "", failed
}

// list lists all containers, and says which are asleep.
func (j *Job) list(ctx context.Context) ([]docker.Container, error) {
	listed, err := j.config.Engine.Containers(ctx)
	containers := slices.Clone(listed)
	for i, c := range containers {
		if c.State != "exited" || !label.MaySleep(c.Labels) {
			continue
		}
		inspected, err := j.config.Engine.Container(ctx, c.ID)
		if err != nil && !errors.Is(err, docker.ErrNotFound) {
			return nil, err
		}
		if inspected.Asleep() {
			containers[i].State = asleep
		}
	}
	return containers, err
}

// forget drops what was renewed or is gone.
func (j *Job) forget(all []group) {
	lasts := map[string]time.Time{}
	for _, g := range all {
		lasts[g.name] = g.expires
	}
	for name, n := range j.kept.Noticed {
		if last, there := lasts[name]; !there || !last.Equal(n.Expires) {
			delete(j.kept.Noticed, name)
		}
	}
}

// take does one step. The owner is notified last, so that a slow webhook delays nothing.
func (j *Job) take(ctx context.Context, s step, today time.Time) error {
	m := notify.Message{Event: "notify", Project: s.name, Paths: s.paths, Owner: s.owner}
	if s.project {
		m.Renew = "gateway renew " + s.name
	}
	last := s.expires.Format(time.DateOnly)
	if s.suspend {
		for _, c := range s.running {
			err := j.config.Engine.KeepRunning(ctx, c.ID, false)
			if err == nil {
				err = j.config.Engine.Stop(ctx, c.ID)
			}
			if err != nil && !errors.Is(err, docker.ErrNotFound) {
				return err
			}
		}
		n := j.kept.Noticed[s.name]
		n.Suspended = today
		j.kept.Noticed[s.name] = n
		m.Event, m.Text = "suspend", "its last day was "+last+". It is suspended now: its containers are stopped, and its data stays."
	} else {
		j.kept.Noticed[s.name] = Noticed{Expires: s.expires, Notified: today}
		m.Text = fmt.Sprintf("its last day was %s. It is suspended on %s: its containers stop, and its data stays.", last, today.AddDate(0, 0, suspendAfter).Format(time.DateOnly))
	}
	j.config.Logger.Info("expiry took a step", "project", s.name, "step", m.Event, "expires", last)
	if j.config.Tell != nil {
		if err := j.config.Tell(ctx, m); err != nil {
			j.config.Logger.Warn("an owner was not notified", "project", s.name, "error", err)
		}
	}
	return nil
}

// keep writes what survives the process. A disk that takes nothing costs a notice that is given again.
func (j *Job) keep() {
	text, err := json.Marshal(j.kept)
	if err == nil {
		err = durable.Write(filepath.Join(j.config.State, stateFile), text, 0o600)
	}
	if err != nil {
		j.config.Logger.Warn("what expiry noticed cannot be kept", "error", err)
	}
}

// report publishes how it stands.
func (j *Job) report(stopped string) {
	s := &admin.Expiry{Daily: j.config.At.String(), Last: j.kept.Last, Stopped: stopped, Noticed: map[string]admin.Noticed{}}
	if !j.kept.Last.IsZero() {
		s.Next = j.config.At.after(j.kept.Last)
	}
	for name, n := range j.kept.Noticed {
		s.Noticed[name] = admin.Noticed(n)
	}
	j.status.Store(s)
}
