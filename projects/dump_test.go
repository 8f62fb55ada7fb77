package projects

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/projects/archive"
	"gateway/proxy/docker/dockertest"
)

// shell plays the shell of a database's container.
type shell struct {
	mu     sync.Mutex
	loaded string
	// dump plays the dump; nil writes one.
	dump func(dockertest.Process) int
	// load plays the end of loading.
	load int
}

func (s *shell) exec(p dockertest.Process) int {
	switch script := p.Args[len(p.Args)-1]; {
	case strings.HasSuffix(script, "\ndump") && s.dump != nil:
		return s.dump(p)
	case strings.HasSuffix(script, "\ndump"):
		fmt.Fprint(p.Stdout, "insert into posts")
		return 0
	case strings.HasSuffix(script, "\nload"):
		text, _ := io.ReadAll(p.Stdin)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loaded = string(text)
		if s.load != 0 {
			fmt.Fprint(p.Stderr, "no such table")
		}
		return s.load
	}
	return 64
}

// storing is a bench whose project robots has a database that runs.
func storing(t *testing.T) (*bench, *shell) {
	t.Helper()
	b, s := keeping(t), &shell{}
	b.engine.Program("sh", dockertest.Program{Exec: s.exec})
	b.engine.AddVolume("robots_db", map[string]string{composeProject: "robots", composeVolume: "db"})
	b.engine.Fill("robots_db", map[string]string{"ibdata1": "torn"})
	b.compose.also = func(name string) {
		b.engine.AddContainer(dockertest.Container{
			Name: name + "-db-1", Labels: map[string]string{composeProject: name, composeService: "db", composeDir: b.Store.Dir(Name(name))},
			Volumes: map[string]string{"/var/lib/mysql": name + "_db"},
		})
	}
	b.compose.also("robots")
	return b, s
}

func TestBackup_DumpsADatabaseThatRuns(t *testing.T) {
	b, s := storing(t)
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	m := done.Manifest
	if len(m.Dumps) != 1 || m.Dumps[0] != (archive.Dump{Service: "db", Kind: "mariadb", Member: "dumps/db.sql"}) || len(m.Volumes) != 1 || m.BytesIn("volumes/db") > 0 {
		t.Errorf("manifest %+v", m.Info)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	c, err := b.Do(t.Context(), restoreOf(done.Path, "robots"))
	if err != nil {
		t.Fatal(err)
	}
	if s.loaded != "insert into posts" || !strings.Contains(steps(c), "load the dump of its database") {
		t.Errorf("loaded %q\n%s", s.loaded, steps(c))
	}
	if calls := strings.Join(b.compose.calls, ", "); !strings.HasSuffix(calls, "up only db, up") {
		t.Errorf("calls %s", calls)
	}
}

func TestBackup_CopiesTheFilesOfADatabaseThatIsStopped(t *testing.T) {
	for name, arrange := range map[string]func(*bench) Backup{
		"stopped":        func(b *bench) Backup { b.engine.Stop("robots-db-1"); return backupOf(b) },
		"stopped for it": func(b *bench) Backup { back := backupOf(b); back.Stop = true; return back },
	} {
		b, _ := storing(t)
		back := arrange(b)
		done, err := b.Backup(t.Context(), back)
		if err != nil {
			t.Fatal(err)
		}
		if m := done.Manifest; len(m.Dumps) != 0 || m.BytesIn("volumes/db") != 4 {
			t.Errorf("%s: manifest %+v", name, m)
		}
		if c, err := b.client.Container(t.Context(), "robots-site-1"); err != nil || c.State != "running" {
			t.Errorf("%s: afterwards the site is %s %v", name, c.State, err)
		}
	}
}

func TestBackup_LeavesNothingWhenADumpFails(t *testing.T) {
	before := dumpSilence
	t.Cleanup(func() { dumpSilence = before })
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for name, c := range map[string]struct {
		dump    func(dockertest.Process) int
		silence time.Duration
		want    string
	}{
		"fails midway": {func(p dockertest.Process) int {
			fmt.Fprint(p.Stdout, "insert into")
			fmt.Fprint(p.Stderr, "access denied")
			return 2
		}, before, "exit code 2: access denied"},
		"hangs": {func(p dockertest.Process) int {
			fmt.Fprint(p.Stdout, "insert into")
			<-over
			return 0
		}, 50 * time.Millisecond, "it wrote nothing for"},
	} {
		b, s := storing(t)
		s.dump, dumpSilence = c.dump, c.silence
		_, err := b.Backup(t.Context(), backupOf(b))
		failure, is := errors.AsType[*Failure](err)
		if !is || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "gateway backup robots --stop") || failure.Undone == "" || strings.Contains(err.Error(), "eval") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(b.Store.Backups()); len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

func TestRestore_RemovesAllWhenADumpCannotBeLoaded(t *testing.T) {
	b, s := storing(t)
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	s.load = 1
	_, err = b.Do(t.Context(), restoreOf(done.Path, "robots"))
	if err == nil || !strings.Contains(err.Error(), "loading the dump of service db") || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("got %v", err)
	}
	b.nothingLeft(t, "robots")
	onlyProjects(t, b.Store)
	if volumes, err := b.client.Volumes(t.Context(), ComposeLabel("robots")); err != nil || len(volumes) > 0 {
		t.Errorf("volumes %v %v", volumes, err)
	}
}
