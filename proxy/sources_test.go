package proxy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// SetTable puts the listing of the default source; nil is ignored.
func (s *Server) SetTable(t *route.Table) {
	if t == nil {
		return
	}
	if err := s.put(admin.DefaultSource, t); err != nil {
		panic(err)
	}
}

// reportAgent reports the agent of the default source.
func reportAgent(t *testing.T, s *Server) {
	t.Helper()
	if _, err := s.ReceiveSource(admin.Source{Name: admin.DefaultSource, Connected: true, Agent: &admin.Agent{}}); err != nil {
		t.Error(err)
	}
}

// scripted is a source that publishes what a test sends.
type scripted struct {
	listings chan source.Listing
	last     chan source.Listing
}

func newScripted() *scripted {
	return &scripted{listings: make(chan source.Listing), last: make(chan source.Listing, 1)}
}

func (s *scripted) Run(ctx context.Context, last source.Listing, to source.Receiver) error {
	s.last <- last
	for {
		select {
		case l := <-s.listings:
			to.Publish(l)
			to.Report(source.Status{Connected: true, Version: "scripted", Listed: time.Now()})
		case <-ctx.Done():
			return nil
		}
	}
}

// listing has routes without a time of their claim, as files have.
func listing(t *testing.T, name string, paths ...string) source.Listing {
	t.Helper()
	var l source.Listing
	for _, path := range paths {
		r := mount(t, path, route.Strip, at(name, "127.0.0.1:1"))
		r.Source = name
		r.Targets[0].Created = time.Time{}
		l.Routes = append(l.Routes, r)
	}
	return l
}

// push pushes the listing of an agent's source, with claims from then on.
func push(t *testing.T, s *Server, name string, claimed time.Time, paths ...string) admin.Pushed {
	t.Helper()
	l := listing(t, name, paths...)
	for i := range l.Routes {
		l.Routes[i].Claimed = claimed
		l.Routes[i].Targets[0].Created = claimed
	}
	raw, err := route.Build(l.Routes, nil).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := s.ReceiveTable(name, raw)
	if err != nil {
		t.Fatal(err)
	}
	return pushed
}

// served are the routes of the table with their sources, such as "/a docker".
func served(s *Server) []string {
	got := []string{}
	for _, r := range s.Routes().Routes {
		got = append(got, r.Key+" "+r.Source)
	}
	return got
}

func wantServed(t *testing.T, s *Server, want ...string) {
	t.Helper()
	if got := served(s); !slices.Equal(got, want) {
		t.Errorf("served %v, want %v", got, want)
	}
}

var (
	monday  = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)
)

func TestSources_MergeTheListingsOfSeveralAgents(t *testing.T) {
	s, _ := fresh(t, "")
	push(t, s, "docker", tuesday, "/a", "/both")
	first := push(t, s, "lab", monday, "/b", "/both")
	wantServed(t, s, "/a docker", "/b lab", "/both lab")
	problems := s.Routes().Problems
	if len(problems) != 1 || problems[0].Subject != "docker" || problems[0].Route != "/both" || !strings.Contains(problems[0].Message, "held by lab") {
		t.Errorf("problems %+v", problems)
	}
	if again := push(t, s, "lab", monday, "/b", "/both"); again != first {
		t.Errorf("the same listing: %+v, and then %+v", first, again)
	}
	push(t, s, "lab", monday, "/b")
	wantServed(t, s, "/a docker", "/b lab", "/both docker")
	if problems := s.Routes().Problems; len(problems) != 0 {
		t.Errorf("problems %+v", problems)
	}
}

func TestSources_RefuseRoutesOfAnotherSource(t *testing.T) {
	s, _ := fresh(t, "")
	raw, err := route.Build(listing(t, "lab", "/a").Routes, nil).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReceiveTable("docker", raw); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("err = %v", err)
	}
}

func TestSources_OutliveARestart(t *testing.T) {
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	push(t, s, "docker", monday, "/a")
	push(t, s, "lab", monday, "/b")
	before := s.Status().Table

	s, _ = fresh(t, folder)
	wantServed(t, s, "/a docker", "/b lab")
	if now := s.Status().Table; !now.Restored || now.Revision != before.Revision || now.Digest != before.Digest {
		t.Errorf("restored %+v, was %+v", now, before)
	}
	push(t, s, "docker", monday, "/a")
	if !s.Status().Table.Restored {
		t.Error("the table counts as confirmed, and lab has not listed")
	}
	push(t, s, "lab", monday, "/b")
	if now := s.Status().Table; now.Restored || now.Revision != before.Revision {
		t.Errorf("confirmed: %+v", now)
	}
}

func TestSources_ReadTheTableOfEarlierVersions(t *testing.T) {
	folder := t.TempDir()
	table, err := route.Build([]route.Route{mount(t, "/a", route.Strip, at("app", "127.0.0.1:1"))}, nil).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	content := `{"revision":7,"since":"2026-06-01T12:00:00Z","table":` + string(table) + `}`
	if err := os.WriteFile(filepath.Join(folder, "table.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := fresh(t, folder)
	wantServed(t, s, "/a docker")
	if now := s.Status().Table; now.Revision != 7 {
		t.Errorf("%+v", now)
	}
}

func TestSources_AreRemovedOnRequest(t *testing.T) {
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	push(t, s, "docker", monday, "/a")
	push(t, s, "lab", monday, "/b")
	if err := s.RemoveSource("lab"); err != nil {
		t.Fatal(err)
	}
	wantServed(t, s, "/a docker")
	if err := s.RemoveSource("lab"); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "there are docker") {
		t.Errorf("again: %v", err)
	}
	s, _ = fresh(t, folder)
	wantServed(t, s, "/a docker")
	push(t, s, "empty", monday)
	s, _ = fresh(t, folder)
	if err := s.RemoveSource("empty"); err != nil {
		t.Fatal(err)
	}
	s, _ = fresh(t, folder)
	if s.Status().Sources[0].Name != "docker" || len(s.Status().Sources) != 1 {
		t.Errorf("a source without routes is back: %+v", s.Status().Sources)
	}
	if err := s.RemoveSource("docker"); err != nil {
		t.Fatal(err)
	}
	wantServed(t, s)
}

func TestSources_RunInTheProcess(t *testing.T) {
	folder, from := t.TempDir(), newScripted()
	c := Config{StateDir: folder, Sources: map[string]source.Source{"file": from}}
	p := start(t, c)
	<-from.last
	from.listings <- listing(t, "file", "/f")
	from.listings <- source.Listing{}
	from.listings <- listing(t, "file", "/f")
	eventually(t, "the route is served", func() bool { return slices.Equal(served(p.Server), []string{"/f file"}) })
	eventually(t, "the source is shown", func() bool {
		all := p.Status().Sources
		return len(all) == 1 && all[0].Name == "file" && all[0].InProcess && all[0].Connected && all[0].Version == "scripted" && all[0].Routes == 1
	})
	if _, err := p.ReceiveTable("file", admin.RawTable(`{"routes":[]}`)); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("an agent of the same name: %v", err)
	}
	if err := p.RemoveSource("file"); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("removing it: %v", err)
	}
	p.stop()

	from = newScripted()
	c.Sources = map[string]source.Source{"file": from}
	again := start(t, c)
	if last := <-from.last; len(last.Routes) != 1 || last.Routes[0].Prefix.String() != "/f" {
		t.Errorf("after a restart it goes on from %+v", last)
	}
	again.stop()

	c.Sources = nil
	without := start(t, c)
	wantServed(t, without.Server)
}

func TestSources_KeepTheTimeOfAClaim(t *testing.T) {
	s, _ := fresh(t, "")
	s.mu.Lock()
	s.listed("file", s.sources.listings.Put("file", listing(t, "file", "/f"), monday))
	s.listed("file", s.sources.listings.Put("file", listing(t, "file", "/f", "/g"), tuesday))
	s.mu.Unlock()
	push(t, s, "docker", monday.Add(time.Hour), "/f", "/g")
	wantServed(t, s, "/f file", "/g docker")
}

func TestSources_AwaitAllBeforeTheFirstTable(t *testing.T) {
	s, err := New(Config{Await: []string{"docker", "lab"}})
	if err != nil {
		t.Fatal(err)
	}
	push(t, s, "lab", monday, "/b")
	if got := s.Status().Table; got.Revision != 0 {
		t.Errorf("a table without docker: %+v", got)
	}
	push(t, s, "docker", monday, "/a")
	wantServed(t, s, "/a docker", "/b lab")
}
