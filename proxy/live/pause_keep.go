package live

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"gateway/proxy/route"
)

// pausesFile is the name of the paused routes in the state folder.
const pausesFile = "pauses.json"

// Restore pauses the routes that were paused before a restart.
func (s *Pauses) Restore(now time.Time) {
	data, err := s.store.Load(pausesFile)
	var saved []savedPause
	if err == nil {
		if err = json.Unmarshal(data, &saved); err != nil {
			err = s.store.SetAside(pausesFile, err)
		}
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("the paused routes cannot be read; none is paused", "error", err)
		}
		return
	}
	all := map[route.Key]*Pause{}
	for _, p := range saved {
		if !p.over(now) {
			all[p.Key] = newPause(p.Key, p.terms)
		}
	}
	s.put(all)
	if len(all) > 0 {
		s.log.Info("restored the paused routes", "routes", len(all))
	}
}

// keep writes the current state to disk. The caller holds mu.
func (s *Pauses) keep() {
	if s.store.Folder == "" {
		return
	}
	saved := []savedPause{}
	for key, p := range s.all() {
		saved = append(saved, savedPause{key, *p.terms.Load()})
	}
	data, err := json.Marshal(saved)
	if err == nil {
		err = s.store.Replace(pausesFile, data)
	}
	if err != nil && !s.unkept {
		s.log.Warn("the paused routes are not on disk; a restart would lose them", "error", err)
	}
	s.unkept = err != nil
}

// Run ends pauses when their time is over, and those of routes that are gone for good, until the context ends.
func (s *Pauses) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(s.Tend(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.changed:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Tend ends the pauses that are over, repeats a failed write, and returns when to call it again.
func (s *Pauses) Tend(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.drop(now)
	next := pauseLook
	for key, p := range s.all() {
		t := *p.terms.Load()
		if !t.Until.IsZero() {
			next = min(next, t.Until.Sub(now))
		}
		if marked := s.markAbsent(key, t, now); marked != t {
			p.terms.Store(&marked)
			changed = true
		}
	}
	if changed || s.unkept {
		s.keep()
	}
	return next
}

// drop ends the pauses that are over, and reports whether there were any. The caller holds mu.
func (s *Pauses) drop(now time.Time) (dropped bool) {
	for _, p := range s.all() {
		t := p.terms.Load()
		switch {
		case t.over(now):
			s.log.Info("the time of a pause is over", "route", p.key.String(), "waiting", p.queue.Len())
		case !t.Absent.IsZero() && now.Sub(t.Absent) > AbsentFor:
			s.log.Info("a paused route did not come back and is no longer paused", "route", p.key.String())
		default:
			continue
		}
		s.end(p)
		dropped = true
	}
	return dropped
}

// markAbsent notes when a paused route left the table.
func (s *Pauses) markAbsent(key route.Key, t terms, now time.Time) terms {
	table := s.table()
	switch {
	case table == nil:
	case table.Lookup(key) != nil:
		t.Absent = time.Time{}
	case t.Absent.IsZero():
		t.Absent = now.UTC()
	}
	return t
}

// Dismiss releases all waiting requests, as the gateway ends: they get the page of a paused route.
func (s *Pauses) Dismiss() {
	s.ending.Store(true)
	for _, p := range s.all() {
		p.queue.Release()
	}
}

// Ending reports that Dismiss was called.
func (s *Pauses) Ending() bool { return s.ending.Load() }
