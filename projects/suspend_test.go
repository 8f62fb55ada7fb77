package projects

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/projects/plan"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

// notified is a bench whose project robots was told that it expires.
func notified(t *testing.T) *bench {
	b := added(t)
	if _, err := b.Do(t.Context(), Notice{Name: "robots", On: day(t, "2027-07-01")}); err != nil {
		t.Fatal(err)
	}
	return b
}

// suspended is a bench whose project robots is suspended.
func suspended(t *testing.T) *bench {
	b := notified(t)
	if _, err := b.Do(t.Context(), Suspend{Name: "robots", On: day(t, "2027-07-15")}); err != nil {
		t.Fatal(err)
	}
	return b
}

// composeText is the text of a project's compose.yaml.
func (b *bench) composeText(t *testing.T, name Name) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Store.Dir(name), ComposeFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSuspend_StopsRecordsAndIsBroughtBackByARenewal(t *testing.T) {
	b := added(t)
	before := b.composeText(t, "robots")
	if _, err := b.Do(t.Context(), Notice{Name: "robots", On: day(t, "2027-07-01")}); err != nil {
		t.Fatal(err)
	}
	if p, err := b.Store.Load("robots"); err != nil || !p.Expiry.Notified.Equal(day(t, "2027-07-01")) {
		t.Errorf("recorded as %+v, %v", p.Expiry, err)
	}
	if got := b.world(t)["container robots-site-1"]; got != "running" {
		t.Errorf("a notice leaves it %s", got)
	}
	if _, err := b.Do(t.Context(), Suspend{Name: "robots", On: day(t, "2027-07-15")}); err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if err != nil || !p.Expiry.Suspended.Equal(day(t, "2027-07-15")) || !p.Expires.Equal(day(t, "2027-06-30")) {
		t.Errorf("recorded as %+v, %v", p.Meta, err)
	}
	if got := b.world(t)["container robots-site-1"]; got != "exited" {
		t.Errorf("suspended, it is %s", got)
	}
	if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2028-06-30"), On: day(t, "2027-07-20")}); err != nil {
		t.Fatal(err)
	}
	if got := b.world(t)["container robots-site-1"]; got != "running" {
		t.Errorf("renewed, it is %s", got)
	}
	p, err = b.Store.Load("robots")
	if err != nil || p.Expiry != (Expiry{}) || !p.Renewed.Equal(day(t, "2027-07-20")) || !p.Claims[0].Expires.Equal(day(t, "2028-06-30")) {
		t.Errorf("renewed, it is %+v, %v", p.Meta, err)
	}
	if lines := strings.Count(b.composeText(t, "robots"), "\n"); lines != strings.Count(before, "\n")+1 {
		t.Errorf("the file is\n%s\nwant the renewal alone beside\n%s", b.composeText(t, "robots"), before)
	}
}

func TestSuspend_GivesALastDayToWhatHasNone(t *testing.T) {
	b := newBench(t)
	r := request(t, "robots", "/robots")
	r.Expires = day(t, "")
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	c, err := b.Do(t.Context(), Suspend{Name: "robots", On: day(t, "2028-01-01")})
	if err != nil {
		t.Fatal(err)
	}
	if got := steps(c); !strings.Contains(got, "write expiry 2027-12-31 in compose.yaml") || !strings.Contains(got, "labels say the last day") {
		t.Errorf("the plan is\n%s", got)
	}
	p, err := b.Store.Load("robots")
	if err != nil || !p.Expires.Equal(day(t, "2027-12-31")) || !p.Claims[0].Expires.Equal(p.Expires) || p.Expiry.Suspended.IsZero() {
		t.Errorf("recorded as %+v, %v", p.Meta, err)
	}
}

func TestSuspend_TouchesNothingThatIsNotItsOwn(t *testing.T) {
	for name, arrange := range map[string]func(*testing.T, *bench){
		"started from another folder": func(t *testing.T, b *bench) {
			b.engine.Remove("robots-site-1")
			b.engine.AddContainer(dockertest.Container{
				Name: "robots-site-1", Labels: map[string]string{composeProject: "robots", composeDir: t.TempDir(), label.Path: "/robots"},
			})
		},
		"moved by hand": func(t *testing.T, b *bench) {
			if err := os.Rename(b.Store.Dir("robots"), filepath.Join(b.Store.Root(), "elsewhere")); err != nil {
				t.Fatal(err)
			}
		},
		"nothing on the engine": func(t *testing.T, b *bench) {
			b.engine.Remove("robots-site-1")
			if err := b.client.Disconnect(t.Context(), "robots_web", "gateway-proxy"); err != nil {
				t.Fatal(err)
			}
			if err := b.client.RemoveNetwork(t.Context(), "robots_web"); err != nil {
				t.Fatal(err)
			}
		},
		"a folder that cannot be read": func(t *testing.T, b *bench) {
			if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte("x-gateway: {expires: soon}"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, verb := range []Verb{Notice{Name: "robots", On: day(t, "2028-01-01")}, Suspend{Name: "robots", On: day(t, "2028-01-01")}} {
			t.Run(name, func(t *testing.T) {
				b := added(t)
				arrange(t, b)
				before := b.world(t)
				if _, err := b.Do(t.Context(), verb); err == nil {
					t.Error("it is not refused")
				}
				if diff := differs(b.world(t), before, before); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestSuspendStray_StopsWhatRunsAndUndoesIt(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"one", "two"} {
		b.engine.AddContainer(dockertest.Container{Name: name, Labels: map[string]string{label.Path: "/" + name, label.Expires: "2026-01-01"}})
	}
	containers, err := b.client.Containers(t.Context(), label.Expires)
	if err != nil {
		t.Fatal(err)
	}
	stray := SuspendStray{Stray{Kind: Single, Name: "both", Containers: containers}}
	before := b.world(t)
	broken := errors.New("broken")
	if _, err := b.Do(endingAt(t, 3, broken), stray); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if diff := differs(b.world(t), before, before); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Do(endingAt(t, 3, plan.ErrCrash), stray); !errors.Is(err, plan.ErrCrash) {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), stray); err != nil {
		t.Fatal(err)
	}
	if world := b.world(t); world["container one"] != "exited" || world["container two"] != "exited" {
		t.Errorf("left as %v", world)
	}
}
