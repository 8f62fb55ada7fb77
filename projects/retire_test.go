package projects

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/archive"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

// suspendedWithData is a bench whose project robots, which has a volume, is suspended.
func suspendedWithData(t *testing.T) *bench {
	b := keeping(t)
	if _, err := b.Do(t.Context(), Suspend{Name: "robots", On: day(t, "2027-07-15")}); err != nil {
		t.Fatal(err)
	}
	return b
}

// archiveOf archives robots.
func archiveOf(b *bench) Archive {
	return Archive{Backup: backupOf(b), On: time.Date(2027, 8, 14, 0, 0, 0, 0, time.UTC)}
}

// archivedAway is a bench whose project robots is suspended and archived.
func archivedAway(t *testing.T) *bench {
	b := suspendedWithData(t)
	if _, err := b.Do(t.Context(), archiveOf(b)); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRetire_EndsInAnArchiveThatRestores(t *testing.T) {
	b := archivedAway(t)
	p, err := b.Store.Load("robots")
	if err != nil || !p.Expiry.Archived.Equal(day(t, "2027-08-14")) || filepath.Dir(p.Expiry.Archive) != b.Store.Backups() {
		t.Fatalf("recorded as %+v, %v", p.Expiry, err)
	}
	if _, err := b.Do(t.Context(), Discard{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	onlyProjects(t, b.Store)
	b.nothingLeft(t, "robots")
	b.onlyWhole(t)
	if _, err := b.Do(t.Context(), restoreOf(p.Expiry.Archive, "robots")); err != nil {
		t.Fatal(err)
	}
	back, err := b.Store.Load("robots")
	if err != nil || back.Expiry != (Expiry{}) || !back.Expires.After(time.Now()) || back.Owner != p.Owner {
		t.Errorf("restored as %+v, %v", back.Meta, err)
	}
	if got := b.engine.Files("robots_data"); !maps.Equal(got, map[string]string{"log": "lines", "photo.jpg": "pixels"}) {
		t.Errorf("volume %v", got)
	}
	if got := b.world(t)["container robots-site-1"]; got != "running" {
		t.Errorf("restored, it is %s", got)
	}
}

func TestRenew_BringsBackWhatIsArchived(t *testing.T) {
	b := archivedAway(t)
	if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2028-06-30"), On: day(t, "2027-09-01")}); err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if err != nil || p.Expiry != (Expiry{}) || b.world(t)["container robots-site-1"] != "running" {
		t.Errorf("renewed as %+v, %v", p.Expiry, err)
	}
	b.onlyWhole(t)
}

func TestDiscard_DeletesNothingThatIsNotInItsArchive(t *testing.T) {
	path := func(t *testing.T, b *bench) string {
		p, err := b.Store.Load("robots")
		if err != nil {
			t.Fatal(err)
		}
		return p.Expiry.Archive
	}
	wants := map[string]string{
		"the archive is gone": "no such file", "the archive is damaged": "cannot be read", "the archive is cut": "cannot be read",
		"a volume was made since": "volume robots_more of project robots is not in its archive", "it ran since": "ran after the archive",
		"another project uses its volume": "container chess-web-1 uses volume robots_data of project robots", "it runs": "suspend and archive it first",
		"it was renewed meanwhile": "has no archive", "its folder was moved": "no such project", "its containers are of another folder": "name that folder", "its containers are gone": "nothing of it",
	}
	for name, arrange := range map[string]func(*testing.T, *bench){
		"the archive is gone": func(t *testing.T, b *bench) {
			if err := os.Remove(path(t, b)); err != nil {
				t.Fatal(err)
			}
		},
		"the archive is damaged": func(t *testing.T, b *bench) {
			text, err := os.ReadFile(path(t, b))
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2] ^= 1
			if err := os.WriteFile(path(t, b), text, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"the archive is cut": func(t *testing.T, b *bench) {
			if err := os.Truncate(path(t, b), 100); err != nil {
				t.Fatal(err)
			}
		},
		"a volume was made since": func(_ *testing.T, b *bench) {
			b.engine.AddVolume("robots_more", map[string]string{composeProject: "robots", composeVolume: "more"})
		},
		"another project uses its volume": func(_ *testing.T, b *bench) {
			b.engine.AddContainer(dockertest.Container{
				Name: "chess-web-1", Labels: map[string]string{composeProject: "chess"}, Volumes: map[string]string{"/data": "robots_data"},
			})
		},
		"it ran since": func(_ *testing.T, b *bench) {
			b.engine.Start("robots-site-1")
			b.engine.Stop("robots-site-1")
		},
		"its containers are gone": func(t *testing.T, b *bench) {
			b.engine.Remove("robots-site-1")
			if err := RemoveNetwork(t.Context(), b.client, dockerNetwork(t, b, "robots_web")); err != nil {
				t.Fatal(err)
			}
		},
		"it runs": func(_ *testing.T, b *bench) { b.engine.Start("robots-site-1") },
		"it was renewed meanwhile": func(t *testing.T, b *bench) {
			if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2099-01-01")}); err != nil {
				t.Fatal(err)
			}
		},
		"its folder was moved": func(t *testing.T, b *bench) {
			if err := os.Rename(b.Store.Dir("robots"), filepath.Join(b.Store.Root(), "away")); err != nil {
				t.Fatal(err)
			}
		},
		"its containers are of another folder": func(t *testing.T, b *bench) {
			b.engine.AddContainer(dockertest.Container{
				Name: "robots-web-1", Stopped: true, Labels: map[string]string{composeProject: "robots", composeDir: t.TempDir(), label.Path: "/x"},
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := archivedAway(t)
			arrange(t, b)
			before := b.world(t)
			if _, err := b.Do(t.Context(), Discard{Name: "robots"}); err == nil || !strings.Contains(err.Error(), wants[name]) {
				t.Fatalf("got %v, want %q", err, wants[name])
			}
			if diff := differs(b.world(t), before, before); diff != "" {
				t.Error(diff)
			}
			if got := b.engine.Files("robots_data"); got["log"] != "lines" {
				t.Errorf("volume %v", got)
			}
		})
	}
}

// A pair of keys that tests alone have.
const (
	testRecipient = "age1qauc7f0rnpx78s5h0tug2swpeqe6pz80u8qztafc9rjxzq5qm59qru85n2"
	testIdentity  = "AGE-SECRET-KEY-1E5HLJ0KJUNMDXF4KKJPZLSDX3GPGYTUWZL6LXRQSCSGEHU7GXVCQN0CK7D"
)

// encryptedAway is a bench whose project robots is suspended and archived, for somebody whose key is elsewhere.
func encryptedAway(t *testing.T) *bench {
	t.Helper()
	b := suspendedWithData(t)
	a := archiveOf(b)
	var err error
	if a.To, err = archive.ParseRecipients([]string{testRecipient}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDiscard_ComparesAnEncryptedArchiveWithItsSum(t *testing.T) {
	b := encryptedAway(t)
	p, err := b.Store.Load("robots")
	if err != nil || !strings.HasSuffix(p.Expiry.Archive, ".age") || len(p.Expiry.SHA256) != 64 || p.Expiry.Volumes != "data" {
		t.Fatalf("recorded as %+v, %v", p.Expiry, err)
	}
	if _, err := b.Do(t.Context(), Discard{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	b.nothingLeft(t, "robots")
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(testIdentity), 0o600); err != nil {
		t.Fatal(err)
	}
	r := restoreOf(p.Expiry.Archive, "robots")
	if r.Keys, err = archive.ReadIdentities([]string{key}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := b.engine.Files("robots_data"); got["log"] != "lines" {
		t.Errorf("volume %v", got)
	}
	if restored, err := b.Store.Load("robots"); err != nil || restored.Expiry != (Expiry{}) {
		t.Errorf("restored as %+v, %v", restored.Expiry, err)
	}
}

func TestSuspend_ForgetsTheArchiveOfWhatRanAgain(t *testing.T) {
	b := encryptedAway(t)
	b.engine.Start("robots-site-1")
	if _, err := b.Do(t.Context(), Suspend{Name: "robots", On: day(t, "2027-09-01")}); err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if want := (Expiry{Suspended: day(t, "2027-09-01")}); err != nil || p.Expiry != want {
		t.Errorf("recorded as %+v, %v", p.Expiry, err)
	}
}

func TestDiscard_DeletesNothingWhoseEncryptedArchiveIsNotWhatWasWritten(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(t *testing.T, b *bench, archived string)
		want    string
	}{
		"it is damaged": {func(t *testing.T, _ *bench, archived string) {
			text, err := os.ReadFile(archived)
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2] ^= 1
			if err := os.WriteFile(archived, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "its SHA-256 is not the sha256 in x-gateway.expiry: it was changed or damaged; renew the project, or remove archived"},
		"it is cut": {func(t *testing.T, _ *bench, archived string) {
			if err := os.Truncate(archived, 300); err != nil {
				t.Fatal(err)
			}
		}, "its SHA-256 is not"},
		"no sum was recorded": {func(t *testing.T, b *bench, _ string) {
			text := regexp.MustCompile(`(?m)^ *sha256: .*\n`).ReplaceAllString(b.composeText(t, "robots"), "")
			if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "is encrypted, and x-gateway.expiry has no sha256"},
		"a volume was made since": {func(_ *testing.T, b *bench, _ string) {
			b.engine.AddVolume("robots_more", map[string]string{composeProject: "robots", composeVolume: "more"})
		}, "volume robots_more of project robots is not in its archive"},
		"it ran since": {func(_ *testing.T, b *bench, _ string) {
			b.engine.Start("robots-site-1")
			b.engine.Stop("robots-site-1")
		}, "ran after the archive"},
	} {
		t.Run(name, func(t *testing.T) {
			b := encryptedAway(t)
			p, err := b.Store.Load("robots")
			if err != nil {
				t.Fatal(err)
			}
			c.arrange(t, b, p.Expiry.Archive)
			before := b.world(t)
			if _, err := b.Do(t.Context(), Discard{Name: "robots"}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if diff := differs(b.world(t), before, before); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArchive_LeavesAProjectSuspendedWhenItFails(t *testing.T) {
	for name, arrange := range map[string]func(*testing.T, *bench, *Archive){
		"the folder of archives cannot be made": func(t *testing.T, _ *bench, a *Archive) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			a.Dir = file
		},
		"the engine dies in the middle": func(_ *testing.T, b *bench, a *Archive) {
			a.Progress = func(int64) { b.engine.FailNext("GET /containers/", 1) }
		},
		"the engine ends a volume midway": func(_ *testing.T, b *bench, _ *Archive) { b.engine.CutCopies(1500) },
	} {
		t.Run(name, func(t *testing.T) {
			b := suspendedWithData(t)
			a := archiveOf(b)
			arrange(t, b, &a)
			if _, err := b.Do(t.Context(), a); err == nil {
				t.Fatal("it does not fail")
			}
			p, err := b.Store.Load("robots")
			if err != nil || !p.Expiry.Archived.IsZero() || p.Expiry.Archive != "" || p.Expiry.Suspended.IsZero() {
				t.Errorf("recorded as %+v, %v", p.Expiry, err)
			}
			if _, err := b.Do(t.Context(), Discard{Name: "robots"}); err == nil {
				t.Error("it is deleted without an archive")
			}
		})
	}
}

// A renewal that comes while a project is archived, and the other way round: one of them waits or gives up, and nothing
// is lost.
func TestArchive_AndARenewalAtOnce(t *testing.T) {
	b := suspendedWithData(t)
	seen := b.seen(t, "robots")
	a := archiveOf(b)
	renewed := make(chan error, 1)
	begun := false
	a.Progress = func(int64) {
		if !begun {
			begun = true
			go func() {
				_, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2099-01-01"), On: day(t, "2027-08-14")})
				renewed <- err
			}()
		}
	}
	a.Seen = &seen
	if _, err := b.Do(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := <-renewed; err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if err != nil || p.Expiry != (Expiry{}) || b.world(t)["container robots-site-1"] != "running" {
		t.Errorf("renewed as %+v, %v", p.Expiry, err)
	}
	if _, err := b.Do(t.Context(), archiveOf(b)); err == nil {
		t.Error("what runs is archived as retired")
	}
	for _, verb := range []Verb{
		Notice{Name: "robots", Seen: &seen},
		Suspend{Name: "robots", Seen: &seen},
		Archive{Backup: backupOf(b), Seen: &seen},
		Discard{Name: "robots", Seen: &seen},
	} {
		if _, err := b.Do(t.Context(), verb); !errors.Is(err, ErrChanged) {
			t.Errorf("%T, decided before the renewal: %v", verb, err)
		}
	}
	b.onlyWhole(t)
}

// seen is a project as it is now.
func (b *bench) seen(t *testing.T, name string) Candidate {
	t.Helper()
	all, err := b.Candidates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no candidate %s in %+v", name, all)
	return Candidate{}
}

// Two commands that decided the same: one takes the step, the other says that it was taken.
func TestRetire_TwiceAtOnce(t *testing.T) {
	for _, now := range []bool{false, true} {
		b := added(t)
		today := day(t, "2027-08-01")
		rules := Rules{Today: today, SuspendAfter: Days(14), ArchiveAfter: Days(30), DeleteAfter: Days(90), Now: now}
		d, over := rules.Decide(b.seen(t, "robots"))
		if !over || !d.Ready {
			t.Fatalf("it is not due: %+v", d)
		}
		results := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := b.Retire(t.Context(), d, Retirement{Today: today})
				results <- err
			}()
		}
		first, second := <-results, <-results
		if (first == nil) == (second == nil) || !errors.Is(errors.Join(first, second), ErrChanged) {
			t.Errorf("now %v: %v and %v", now, first, second)
		}
		if text := b.composeText(t, "robots"); strings.Count(text, "expiry:") != 1 {
			t.Errorf("now %v: the file is\n%s", now, text)
		}
	}
}

func dockerNetwork(t *testing.T, b *bench, name string) docker.Network {
	t.Helper()
	all, err := b.client.Networks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all[slices.IndexFunc(all, func(n docker.Network) bool { return n.Name == name })]
}
