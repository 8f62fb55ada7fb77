package proxy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

func fresh(t *testing.T, folder string) (*Server, *logged) {
	t.Helper()
	log := &logged{}
	s, err := New(Config{StateDir: folder, Logger: log.logger(), Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

func tableOf(t *testing.T, paths ...string) *route.Table {
	t.Helper()
	var routes []route.Route
	for _, path := range paths {
		routes = append(routes, mount(t, path, route.Strip, at("app", "127.0.0.1:1")))
	}
	return route.Build(routes, []route.Problem{{Subject: "x", Message: "m", Fix: "n"}})
}

func TestServer_NumbersTablesThatDiffer(t *testing.T) {
	s, _ := fresh(t, "")
	if got := s.Status().Table; got.Revision != 0 || got.Digest != "" {
		t.Errorf("before any table: %+v", got)
	}
	s.SetTable(tableOf(t, "/a"))
	first := s.Status().Table
	s.SetTable(tableOf(t, "/a"))
	if again := s.Status().Table; again != first || first.Revision != 1 || first.Routes != 1 || first.Problems != 1 || first.Since.IsZero() {
		t.Errorf("an equal table changed %+v to %+v", first, again)
	}
	s.SetTable(tableOf(t, "/a", "/b"))
	if got := s.Status().Table; got.Revision != 2 || got.Digest == first.Digest {
		t.Errorf("another table: %+v", got)
	}
}

func TestServer_RestoresTheLastGoodTable(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	s, _ := fresh(t, folder)
	s.SetTable(tableOf(t, "/a", "/b"))
	s.SetTable(tableOf(t, "/a"))
	before := s.Status().Table

	s, log := fresh(t, folder)
	restored := s.Status().Table
	if !restored.Restored || restored.Revision != 2 || restored.Digest != before.Digest || !restored.Since.Equal(before.Since) {
		t.Errorf("restored %+v, want %+v", restored, before)
	}
	path, _ := route.ParsePath("/b/x")
	if removed, found := s.current.Load().RemovedRoute("", path, before.Since); !found || removed.Service != "app" {
		t.Errorf("what was removed is forgotten: %+v", removed)
	}
	s.SetTable(tableOf(t, "/a"))
	if got := s.Status().Table; got.Restored || got.Revision != 2 {
		t.Errorf("confirmed: %+v, want the same revision, no longer restored", got)
	}
	s.SetTable(tableOf(t, "/c"))
	if got := s.Status().Table; got.Revision != 3 {
		t.Errorf("revision %d after a restart, want 3", got.Revision)
	}
	if strings.Contains(log.String(), "WARN") {
		t.Errorf("warnings:\n%s", log)
	}
	entries, _ := os.ReadDir(folder)
	if len(entries) != 1 || entries[0].Name() != "table.json" {
		t.Errorf("the folder holds %v, want table.json alone", entries)
	}
}

func TestServer_SetsACorruptTableAside(t *testing.T) {
	for _, content := range []string{"", "{", "null", "{}", `{"revision":1,"table":{"routes":[{"path":"no slash"}]}}`, `{"revision":"x"}`, "\x00\x00\x00"} {
		folder := t.TempDir()
		file := filepath.Join(folder, "table.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, log := fresh(t, folder)
		if s.Status().Table.Revision != 0 || !strings.Contains(log.String(), "set aside") {
			t.Errorf("%q: %+v\n%s", content, s.Status().Table, log)
		}
		if kept, err := os.ReadFile(file + ".bad"); err != nil || string(kept) != content {
			t.Errorf("%q: set aside %q, %v", content, kept, err)
		}
		s.SetTable(tableOf(t, "/a"))
		if s, _ := fresh(t, folder); s.Status().Table.Routes != 1 {
			t.Errorf("%q: the next good table is not kept", content)
		}
	}
}

func TestServer_AppliesTablesItCannotStore(t *testing.T) {
	blocker := filepath.Join(t.TempDir(), "state")
	// A file in place of the folder stops root too, unlike a folder without permissions.
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, log := fresh(t, blocker)
	s.SetTable(tableOf(t, "/a"))
	s.SetTable(tableOf(t, "/b"))
	reportAgent(t, s)
	if got := s.Status().Table; got.Revision != 2 || got.Routes != 1 {
		t.Errorf("the table was not applied: %+v", got)
	}
	if n := strings.Count(log.String(), "not on disk"); n != 1 {
		t.Errorf("warned %d times, want once:\n%s", n, log)
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	reportAgent(t, s)
	if s, _ := fresh(t, blocker); s.Status().Table.Revision != 2 {
		t.Error("the table was not written when that became possible")
	}
}

func TestServer_RefusesInvalidTables(t *testing.T) {
	s, _ := fresh(t, "")
	s.SetTable(tableOf(t, "/a"))
	for _, raw := range []string{"", "null", "{}", "[]", `{"routes":null}`, `{"routes":{}}`, `{"routes":[{"path":"x"}]}`, `{"routes":[]`} {
		if _, err := s.ReceiveTable("docker", admin.RawTable(raw)); !errors.Is(err, admin.ErrRefused) {
			t.Errorf("%q: %v, want it refused", raw, err)
		}
	}
	if got := s.Status().Table; got.Revision != 1 || got.Routes != 1 {
		t.Errorf("the current table changed: %+v", got)
	}
	raw, err := json.Marshal(tableOf(t, "/b", "/c"))
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := s.ReceiveTable("docker", raw)
	if want := tableOf(t, "/b", "/c").Digest(); err != nil || pushed.Digest != want || pushed.Revision != 2 || pushed.Boot == "" {
		t.Errorf("pushed %+v, %v, want digest %s", pushed, err, want)
	}
	if pushed, err = s.ReceiveTable("docker", admin.RawTable(`{"routes":[]}`)); err != nil || pushed.Revision != 3 {
		t.Errorf("an empty table is one: %+v, %v", pushed, err)
	}
}

func TestServer_DescribesItsRoutes(t *testing.T) {
	s, _ := fresh(t, "")
	if got := s.Routes(); got.Routes == nil || got.Problems == nil {
		t.Errorf("lists must be empty, not null: %+v", got)
	}
	s.SetTable(tableOf(t, "/a", "club.org/b"))
	got := s.Routes()
	if len(got.Routes) != 2 || len(got.Problems) != 1 || got.Routes[1].Key != "club.org/b" || got.Routes[0].State != "unreachable" ||
		len(got.Routes[0].Targets) != 1 || got.Routes[0].Targets[0].Address != "127.0.0.1:1" {
		t.Errorf("Routes = %+v", got)
	}
	if _, err := s.Requests("CLUB.org/b/"); err != nil {
		t.Errorf("a key in another spelling: %v", err)
	}
	if _, err := s.Requests("/nobody"); !errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := s.Requests("nonsense"); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("no key: %v", err)
	}
}

func TestServer_DoubtsAddressesFromBeforeAReboot(t *testing.T) {
	if live.MachineBoot() == "" {
		t.Skip("this system does not name its runs")
	}
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	container, written := mount(t, "/a", route.Strip, at("app", "127.0.0.1:1")), mount(t, "/b", route.Strip, at("other", "127.0.0.1:1"))
	container.Targets[0].Created = time.Unix(1, 0).UTC()
	table := route.Build([]route.Route{container, written}, nil)
	s.SetTable(table)
	file := filepath.Join(folder, "table.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), live.MachineBoot(), "earlier", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = fresh(t, folder)
	if got := s.Routes().Routes[0].State; got != string(route.Starting) {
		t.Errorf("after a reboot its route is %s; its address may be another app's", got)
	}
	if got := s.Routes().Routes[1].State; got == string(route.Starting) {
		t.Errorf("after a reboot an address that somebody wrote is %s", got)
	}
	s.SetTable(table)
	if got := s.Routes().Routes[0].State; got == string(route.Starting) {
		t.Errorf("confirmed, its route is %s", got)
	}
}
