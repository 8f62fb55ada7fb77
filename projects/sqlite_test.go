package projects

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gateway/proxy/docker/dockertest"
)

func TestBackup_CopiesADatabaseOfSQLiteByItsTool(t *testing.T) {
	for name, c := range map[string]struct {
		tool    bool
		fails   int
		stopped bool
		want    map[string]string
	}{
		"with the tool":    {true, 0, false, map[string]string{"app.db": "whole", "notes": "text"}},
		"without the tool": {false, 0, false, map[string]string{"app.db": sqliteMagic + "torn", "app.db-wal": "more", "notes": "text"}},
		"stopped":          {true, 0, true, map[string]string{"app.db": sqliteMagic + "torn", "app.db-wal": "more", "notes": "text"}},
		"the tool fails":   {true, 1, false, nil},
	} {
		b := added(t)
		b.engine.AddVolume("robots_data", map[string]string{composeProject: "robots", composeVolume: "data"})
		b.engine.Fill("robots_data", map[string]string{"app.db": sqliteMagic + "torn", "app.db-wal": "more", "notes": "text"})
		b.engine.AddContainer(dockertest.Container{
			Name: "robots-app-1", Labels: map[string]string{composeProject: "robots", composeService: "app", composeDir: b.Store.Dir("robots")},
			Volumes: map[string]string{"/app/data": "robots_data"}, Stopped: c.stopped,
		})
		asked := ""
		b.engine.Program("sh", dockertest.Program{Exec: func(p dockertest.Process) int {
			switch {
			case strings.Contains(p.Args[1], "command -v") && !c.tool:
				return 1
			case strings.Contains(p.Args[1], ".backup"):
				asked = p.Args[3]
				fmt.Fprint(p.Stdout, "whole")
				return c.fails
			}
			return 0
		}})
		done, err := b.Backup(t.Context(), backupOf(b))
		if c.want == nil {
			if err == nil || !strings.Contains(err.Error(), "/app/data/app.db") || !strings.Contains(err.Error(), "--stop") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "/app/data/app.db"}[c.tool && !c.stopped]; asked != want {
			t.Errorf("%s: copied %q, want %q", name, asked, want)
		}
		if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Do(t.Context(), restoreOf(done.Path, "robots")); err != nil {
			t.Fatal(err)
		}
		if got := b.engine.Files("robots_data"); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestSQLite_CopiesWhatIsInTheLogToo runs the script as a container would.
func TestSQLite_CopiesWhatIsInTheLogToo(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("the script for SQLite was not tested: sqlite3 is not installed here")
	}
	dir := t.TempDir()
	db, copied := filepath.Join(dir, "it's.db"), filepath.Join(dir, "copy.db")
	// One that is killed leaves its last changes in the log beside the database.
	fill := exec.CommandContext(t.Context(), "sh", "-c", `{ echo 'pragma journal_mode=wal; create table t(a); insert into t values (7);'; echo '.shell kill -9 $PPID'; } | sqlite3 "$1"`, "sh", db)
	if out, err := fill.CombinedOutput(); err == nil {
		t.Logf("sqlite3: %s", out)
	}
	if _, err := os.Stat(db + "-wal"); err != nil {
		t.Fatal("there is no log beside the database")
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", sqlite, "sh", db).Output()
	if err == nil {
		err = os.WriteFile(copied, out, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := exec.CommandContext(t.Context(), "sqlite3", copied, "select a from t").CombinedOutput(); err != nil || string(got) != "7\n" {
		t.Errorf("the copy has %q (%v)", got, err)
	}
}
