package projects

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/label"
)

// withTerm is a bench whose project robots has a term of 90 days, which ends on 2027-06-30.
func withTerm(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	r := request(t, "robots", "/robots")
	r.Term = Days(90)
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.compose.calls, b.waited = nil, nil
	return b
}

// shopWithTerm is withShop whose project has a term of 90 days, which ends on 2027-06-30.
func shopWithTerm(t *testing.T) *bench {
	t.Helper()
	b := withShop(t)
	if _, err := b.Do(t.Context(), Renew{Name: "shop", Until: day(t, "2027-06-30"), Term: Days(90)}); err != nil {
		t.Fatal(err)
	}
	b.compose.calls, b.waited = nil, nil
	return b
}

// termOf is what a project's files say of its term, the labels included.
func termOf(t *testing.T, b *bench, name Name) string {
	t.Helper()
	p, err := b.Store.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(d time.Time) string {
		if d.IsZero() {
			return "never"
		}
		return d.Format(time.DateOnly)
	}
	text := shown(p.Expires)
	for _, claim := range p.Claims {
		if !claim.Expires.Equal(p.Expires) {
			text += " label " + shown(claim.Expires)
		}
	}
	if !p.Term.IsZero() {
		text += " term " + p.Term.String()
	}
	if p.Expiry != (Expiry{}) {
		text += " expiring"
	}
	return text
}

func TestDeploy_BeginsTheTermAgain(t *testing.T) {
	files := func(t *testing.T, d Deploy) Deploy {
		d.Dir = page(t, "new").Dir
		return d
	}
	suspended := func(on string) func(t *testing.T) *bench {
		return func(t *testing.T) *bench {
			b := withTerm(t)
			for _, v := range []Verb{Notice{Name: "robots", On: day(t, on)}, Suspend{Name: "robots", On: day(t, on)}} {
				if _, err := b.Do(t.Context(), v); err != nil {
					t.Fatal(err)
				}
			}
			return b
		}
	}
	for _, c := range []struct {
		name  string
		bench func(t *testing.T) *bench
		on    string
		// how completes the deployment; nil for the folder as it is.
		how  func(t *testing.T, d Deploy) Deploy
		want string
	}{
		{"new files", withTerm, "2027-06-01", files, "2027-08-30 term 90d"},
		{"a term that would end earlier", withTerm, "2027-03-01", files, "2027-06-30 term 90d"},
		{"the day of the same end", withTerm, "2027-04-01", files, "2027-06-30 term 90d"},
		{"nothing new", withTerm, "2027-06-01", nil, "2027-06-30 term 90d"},
		{"an edited compose.yaml", func(t *testing.T) *bench {
			b := withTerm(t)
			b.compose.beside = []string{"site"}
			return b
		}, "2027-06-01", nil, "2027-08-30 term 90d"},
		{"a last day edited by hand", func(t *testing.T) *bench {
			b := withTerm(t)
			path := filepath.Join(b.Store.Dir("robots"), ComposeFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			edited := strings.ReplaceAll(string(text), "2027-06-30", "2027-05-31")
			if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
				t.Fatal(err)
			}
			b.compose.beside = []string{"site"}
			return b
		}, "2027-05-01", nil, "2027-05-31 term 90d"},
		{"an idle time", withTerm, "2027-06-01", func(_ *testing.T, d Deploy) Deploy {
			d.Idle = new(time.Hour)
			return d
		}, "2027-08-30 term 90d"},
		{"files of a project that was notified", func(t *testing.T) *bench {
			b := withTerm(t)
			if _, err := b.Do(t.Context(), Notice{Name: "robots", On: day(t, "2027-07-01")}); err != nil {
				t.Fatal(err)
			}
			return b
		}, "2027-07-02", files, "2027-09-30 term 90d"},
		{"files of a project that was notified before its last day", func(t *testing.T) *bench {
			b := withTerm(t)
			if _, err := b.Do(t.Context(), Notice{Name: "robots", On: day(t, "2027-02-01")}); err != nil {
				t.Fatal(err)
			}
			return b
		}, "2027-03-01", files, "2027-06-30 term 90d"},
		{"files of a suspended project", suspended("2027-07-15"), "2027-08-01", files, "2027-10-30 term 90d"},
		{"a suspended project as it is", suspended("2027-07-15"), "2027-08-01", nil, "2027-10-30 term 90d"},
		{"a project that was suspended before its last day", suspended("2027-01-15"), "2027-01-20", files, "2027-04-20 term 90d"},
		{"a project without a term", added, "2027-06-01", files, "2027-06-30"},
		{"a pinned project", func(t *testing.T) *bench {
			b := withTerm(t)
			if _, err := b.Do(t.Context(), Renew{Name: "robots", On: day(t, "2027-01-01")}); err != nil {
				t.Fatal(err)
			}
			return b
		}, "2027-06-01", files, "never"},
		{"a project that was renewed until a day", func(t *testing.T) *bench {
			b := withTerm(t)
			if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2027-07-30"), On: day(t, "2027-01-01")}); err != nil {
				t.Fatal(err)
			}
			return b
		}, "2027-06-01", files, "2027-07-30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.bench(t)
			d := Deploy{Name: "robots", Today: day(t, c.on)}
			if c.how != nil {
				d = c.how(t, d)
			}
			if _, err := b.Do(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if got := termOf(t, b, "robots"); got != c.want {
				t.Errorf("it expires %s, want %s", got, c.want)
			}
			if running, err := Look(t.Context(), b.client, "robots"); err != nil || running.up() != 1 {
				t.Errorf("%d containers run, %v", running.up(), err)
			}
		})
	}
}

func TestDeploy_OfASourceBeginsTheTermAgain(t *testing.T) {
	b := shopWithTerm(t)
	for _, c := range []struct{ version, on, want string }{
		{"two", "2027-06-01", "2027-08-30 term 90d"},
		{"two", "2027-06-20", "2027-08-30 term 90d"}, // Nothing new.
		{"three", "2027-06-20", "2027-09-18 term 90d"},
		{"", "2027-06-30", "2027-09-28 term 90d"}, // What is built may have been edited.
	} {
		d := Deploy{Name: "shop", Today: day(t, c.on)}
		if c.version != "" {
			d.Dir = shop(t, c.version).Folder.Dir
		}
		if _, err := b.Do(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got := termOf(t, b, "shop"); got != c.want {
			t.Errorf("version %s on %s: it expires %s, want %s", c.version, c.on, got, c.want)
		}
		override := mustRead(t, filepath.Join(b.Store.Dir("shop"), importer.Override))
		if last, _, _ := strings.Cut(c.want, " "); !strings.Contains(override, label.Expires+": \""+last+`"`) {
			t.Errorf("version %s on %s: the labels are\n%s", c.version, c.on, override)
		}
	}
}

func TestDeploy_EndsATermOnADayThatCanBeWritten(t *testing.T) {
	b := withTerm(t)
	text := strings.Replace(b.composeText(t, "robots"), "90d", "9999y", 1)
	if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "new").Dir, Today: day(t, "2027-06-01")}); err != nil {
		t.Fatal(err)
	}
	if got := termOf(t, b, "robots"); got != "9999-12-31 term 9999y" {
		t.Errorf("it expires %s", got)
	}
}

func TestDeploy_SaysWhenTheTermEnds(t *testing.T) {
	b := withTerm(t)
	for _, c := range []struct {
		on   string
		note string
	}{{"2027-06-01", "expires 2027-08-30 (90 days from today)"}, {"2027-04-01", ""}} {
		change, err := b.DryRun(t.Context(), Deploy{Name: "robots", Dir: page(t, "new").Dir, Today: day(t, c.on)})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(change.Notes, c.note) != (c.note != "") {
			t.Errorf("on %s: notes %q", c.on, change.Notes)
		}
		// The labels change with the day, and nothing else is edited.
		if writes := slices.Contains(change.Texts(), "write expiry 2027-08-30 in compose.yaml"); writes != (c.note != "") {
			t.Errorf("on %s: steps %q", c.on, change.Texts())
		}
	}
}

func TestDeploy_RefusesASuspendedProjectWhoseLastDayDoesNotMove(t *testing.T) {
	for _, c := range []struct {
		name  string
		bench func(t *testing.T) *bench
	}{
		{"as recorded", suspended},
		{"by the agent", resting},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.bench(t)
			before := b.world(t)
			for _, dir := range []string{"", page(t, "new").Dir} {
				_, err := b.Do(t.Context(), Deploy{Name: "robots", Dir: dir, Today: day(t, "2027-07-20")})
				if err == nil || !strings.Contains(err.Error(), "renew it first: gateway renew robots") {
					t.Errorf("deploying %q: %v", dir, err)
				}
			}
			if got := b.world(t); len(got) != len(before) || got["container robots-site-1"] != "exited" {
				t.Errorf("left as %s", differs(got, before, nil))
			}
		})
	}
}

func TestDeploy_KeepsWhatItRecordsBesideTheTerm(t *testing.T) {
	b := withTerm(t)
	d := Deploy{Name: "robots", Today: day(t, "2027-06-01"), Idle: new(time.Hour), Trust: policy.Trust{policy.Ports}}
	if _, err := b.Do(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if err != nil || !p.Trust.Has(policy.Ports) || p.Claims[0].Policy.Idle != time.Hour || termOf(t, b, "robots") != "2027-08-30 term 90d" {
		t.Errorf("%+v %v\n%s", p.Meta, err, b.composeText(t, "robots"))
	}
}

func TestRenew_WritesTheLengthOfTheTerm(t *testing.T) {
	b := added(t)
	half, err := ParseSpan("6m")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		renew func(p Project) Renew
		want  string
	}{
		{func(p Project) Renew { return p.Renewal(day(t, "2027-01-01")) }, "2027-04-01 term 90d"},
		{func(Project) Renew {
			return Renew{Name: "robots", Until: day(t, "2027-08-01"), Term: half, On: day(t, "2027-02-01")}
		}, "2027-08-01 term 6m"},
		{func(p Project) Renew { return p.Renewal(day(t, "2027-03-01")) }, "2027-09-01 term 6m"},
		{func(Project) Renew {
			return Renew{Name: "robots", Until: day(t, "2027-12-31"), On: day(t, "2027-03-01")}
		}, "2027-12-31"},
		{func(Project) Renew { return Renew{Name: "robots", On: day(t, "2027-03-01")} }, "never"},
	} {
		p, err := b.Store.Load("robots")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Do(t.Context(), c.renew(p)); err != nil {
			t.Fatal(err)
		}
		if got := termOf(t, b, "robots"); got != c.want {
			t.Errorf("it expires %s, want %s", got, c.want)
		}
	}
}

func TestDeploy_WithATermUndoesTheEditWhenItFails(t *testing.T) {
	b := withTerm(t)
	b.compose.beside = []string{"site"}
	before := b.composeText(t, "robots")
	if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte(before+"# edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.compose.up = errors.New("no such image")
	if _, err := b.Do(t.Context(), Deploy{Name: "robots", Today: day(t, "2027-06-01")}); err == nil {
		t.Fatal("a bad deployment is accepted")
	}
	if got := b.composeText(t, "robots"); got != before+"# edited\n" {
		t.Errorf("left as\n%s", got)
	}
}
