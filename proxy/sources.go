package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// sources are what the routes come from. The server's mu guards them.
type sources struct {
	listings source.Listings
	// reports are what the sources last said of themselves, by their names.
	reports map[string]admin.Source
	// run are those that this process runs, and awaited those without whose listings there is no table.
	run     map[string]source.Source
	awaited map[string]bool
	// restored are those whose listings are from disk and not confirmed yet.
	restored map[string]bool
}

func newSources(run map[string]source.Source, await []string) sources {
	s := sources{reports: map[string]admin.Source{}, run: run, awaited: map[string]bool{}, restored: map[string]bool{}}
	for name := range run {
		s.awaited[name] = true
	}
	for _, name := range await {
		s.awaited[name] = true
	}
	return s
}

// restore takes listings from disk. It reports whether it left some out: those of sources that an earlier process ran, and
// this one does not.
func (s *sources) restore(saved live.Saved) (dropped bool) {
	for name, t := range saved.Listings {
		if s.run[name] == nil && slices.Contains(saved.Own, name) {
			dropped = true
			continue
		}
		s.listings.PutTable(name, t)
		s.restored[name] = true
	}
	return dropped
}

// own are the names of those that this process runs, sorted.
func (s *sources) own() []string { return slices.Sorted(maps.Keys(s.run)) }

// complete reports whether every awaited source has listed.
func (s *sources) complete() bool {
	for name := range s.awaited {
		if s.listings.Of(name) == nil {
			return false
		}
	}
	return true
}

// names are those of all sources, sorted.
func (s *sources) names() []string {
	all := maps.Clone(s.awaited)
	for _, name := range s.listings.Names() {
		all[name] = true
	}
	for name := range s.reports {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// describe shows the sources as the admin API has them.
func (s *sources) describe() []admin.Source {
	shown := []admin.Source{}
	for _, name := range s.names() {
		one := s.reports[name]
		one.Name, one.InProcess, one.Restored = name, s.run[name] != nil, s.restored[name]
		if t := s.listings.Of(name); t != nil {
			one.Routes, one.Problems = len(t.Routes()), len(t.Problems())
		}
		shown = append(shown, one)
	}
	return shown
}

func (s *Server) describeSources() []admin.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sources.describe()
}

// reported is when each agent last reported, by the names of their sources.
func (s *Server) reported() map[string]time.Time {
	times := map[string]time.Time{}
	for _, from := range s.describeSources() {
		if from.Agent != nil {
			times[from.Name] = from.Agent.Reported
		}
	}
	return times
}

// runSource runs a source of this process until ctx ends.
func (s *Server) runSource(ctx context.Context, name string, from source.Source) error {
	var last source.Listing
	s.mu.Lock()
	if t := s.sources.listings.Of(name); t != nil {
		last = source.Listing{Routes: t.Routes(), Problems: t.Problems()}
	}
	s.mu.Unlock()
	err := from.Run(ctx, last, source.Receiver{
		Publish: func(l source.Listing) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.listed(name, s.sources.listings.Put(name, l, time.Now()))
		},
		Report: func(status source.Status) { s.report(name, status) },
	})
	if err != nil {
		return fmt.Errorf("running the source %s: %w", name, err)
	}
	return nil
}

// report notes what a source of this process says of itself.
func (s *Server) report(name string, status source.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := admin.Source{Connected: status.Connected, Version: status.Version, Listed: status.Listed}
	if status.Err != nil {
		said.Error = status.Err.Error()
	}
	s.sources.reports[name] = said
}

// listed applies the listing that a source has put. The caller holds mu.
func (s *Server) listed(name string, changed bool) {
	if changed {
		s.kept = nil // What is on disk is older, even if the merged table stays the same.
	}
	if changed || s.sources.restored[name] {
		delete(s.sources.restored, name)
		s.apply()
		return
	}
	s.keep()
}

// put applies the listing of a source. All its routes bear the source's name, or the error says which does not.
func (s *Server) put(name string, t *route.Table) error {
	for i := range t.Routes() {
		if r := &t.Routes()[i]; r.Source != name {
			return fmt.Errorf("the route %s is one of the source %q, not of %s", r.Key, r.Source, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed(name, s.sources.listings.PutTable(name, t))
	return nil
}

// ReceiveTable applies the pushed listing of a source. When it returns, the table is current and on disk, or a warning says
// why not. Requests under way are not touched; new ones see the new table at once. The error is admin.ErrRefused when it is
// no table, or that of a source of this process; the listing before then stays.
func (s *Server) ReceiveTable(name string, raw admin.RawTable) (admin.Pushed, error) {
	if err := s.outside(name); err != nil {
		return admin.Pushed{}, err
	}
	t, err := route.ReadTable(&pausingReader{from: bytes.NewReader(raw)})
	if err == nil {
		err = s.put(name, t)
	}
	if err != nil {
		return admin.Pushed{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushed(name), nil
}

// pausingReader reads a little at a time, and lets requests go first in between: with one processor they would wait until the
// scheduler interrupts the one that reads, 10 ms later.
type pausingReader struct{ from io.Reader }

const (
	pauseEvery = 8 << 10
	pauseTime  = 50 * time.Microsecond
)

func (r *pausingReader) Read(p []byte) (int, error) {
	time.Sleep(pauseTime)
	return r.from.Read(p[:min(len(p), pauseEvery)])
}

// ReceiveSource notes what an agent says of its source. It is also the moment to try again what could not be written before.
// The error is admin.ErrRefused for a source of this process.
func (s *Server) ReceiveSource(said admin.Source) (admin.Pushed, error) {
	if err := s.outside(said.Name); err != nil {
		return admin.Pushed{}, err
	}
	if said.Agent != nil {
		agent := *said.Agent
		agent.Reported = time.Now()
		said.Agent = &agent
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources.reports[said.Name] = said
	s.keep()
	return s.pushed(said.Name), nil
}

// RemoveSource forgets a source with its listing, until its agent pushes another one. The error is admin.ErrRefused for a
// source of this process, and when there is none of that name.
func (s *Server) RemoveSource(name string) error {
	if err := s.outside(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.sources.names()
	if !slices.Contains(names, name) {
		return fmt.Errorf("%w: there is no source %s; there are %s", admin.ErrRefused, name, strings.Join(names, ", "))
	}
	delete(s.sources.reports, name)
	delete(s.sources.awaited, name)
	delete(s.sources.restored, name)
	if s.sources.listings.Remove(name) {
		s.log.Info("a source was removed", "source", name)
		s.kept = nil
		s.apply()
	}
	return nil
}

// outside refuses what comes from outside in the name of a source that this process runs.
func (s *Server) outside(name string) error {
	if s.config.Sources[name] != nil {
		return fmt.Errorf("%w: the proxy runs the source %s itself; give the agent another name", admin.ErrRefused, name)
	}
	return nil
}

// pushed answers an agent. The caller holds mu.
func (s *Server) pushed(name string) admin.Pushed {
	pushed := admin.Pushed{Boot: s.boot, Revision: s.current.Load().Version.Revision}
	if t := s.sources.listings.Of(name); t != nil {
		pushed.Digest = t.Digest()
	}
	return pushed
}
