package projects

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/compose"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

// inDeployment is a bench whose project robots is to get new containers beside those that it has.
func inDeployment(t *testing.T, services ...string) *bench {
	t.Helper()
	b := added(t)
	b.compose.beside, b.compose.calls, b.waited = services, nil, nil
	return b
}

// names are those of the project's containers, with their states.
func (b *bench) names(t *testing.T) string {
	t.Helper()
	running, err := Look(t.Context(), b.client, "robots")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range running.Containers {
		all = append(all, c.Name+" "+c.State)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

type whole interface{ Engine }

// checking is an engine whose containers have a health check that ends at once.
type checking struct {
	whole
	engine *dockertest.Engine
	health string
}

func (c checking) Start(ctx context.Context, id string) error {
	err := c.whole.Start(ctx, id)
	c.engine.SetHealth(id, c.health)
	return err
}

func TestDeploy_StartsNewContainersBesideTheOldOnes(t *testing.T) {
	b := inDeployment(t, "site")
	var seen []string
	b.Emit = func(e compose.Event) { seen = append(seen, e.ID+" "+e.Text+" beside "+b.names(t)) }
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Container robots-site-2.next Starting beside robots-site-1 running, robots-site-2.next created",
		"Container robots-site-2.next Up beside robots-site-1 running, robots-site-2.next running",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("told %q", seen)
	}
	if got := b.names(t); got != "robots-site-2 running" {
		t.Errorf("at last there are %s", got)
	}
	if calls := strings.Join(b.compose.calls, ", "); calls != "images, beside" || len(b.waited) != 1 || !slices.Contains(b.gateway.calls, "check /") {
		t.Errorf("calls %s, waited for %v, checked %v", calls, b.waited, b.gateway.calls)
	}
}

func TestDeploy_UndoesWhatDoesNotBecomeHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*bench)
		says    string
	}{
		"unhealthy":                {func(b *bench) { b.Engine = checking{b.Engine, b.engine, "unhealthy"} }, "site-2 runs, and its healthcheck fails"},
		"cannot be created":        {func(b *bench) { b.compose.up = errors.New("no such image") }, "no such image"},
		"answers after the switch": {func(b *bench) { b.ready = errors.New("it answers 502") }, "it answers 502"},
	} {
		t.Run(name, func(t *testing.T) {
			b := inDeployment(t, "site")
			c.arrange(b)
			before, err := b.client.Container(t.Context(), "robots-site-1")
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.Do(t.Context(), Deploy{Name: "robots"})
			failure, is := errors.AsType[*Failure](err)
			if !is || !strings.Contains(err.Error(), c.says) || !strings.Contains(failure.Undone, "never stopped") || strings.Contains(failure.Logs, "robots-site-1") {
				t.Errorf("got %v, %+v", err, failure)
			}
			if after, err := b.client.Container(t.Context(), "robots-site-1"); err != nil || after.ID != before.ID || b.names(t) != "robots-site-1 running" {
				t.Errorf("left is %s, %v", b.names(t), err)
			}
		})
	}
}

func TestDeploy_StartsAfterWhatIsWaitedFor(t *testing.T) {
	b := inDeployment(t, "site", "api", "db")
	b.compose.depends = map[string]string{"site": "api:service_healthy:false", "api": "db:service_started:false"}
	b.Engine = checking{b.Engine, b.engine, "healthy"}
	var started []string
	b.Emit = func(e compose.Event) {
		if e.Text == "Starting" {
			started = append(started, strings.TrimPrefix(e.ID, "Container robots-"))
		}
	}
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil || strings.Join(started, " ") != "db-2.next api-2.next site-2.next" {
		t.Errorf("started %v, %v", started, err)
	}
}

func TestDeploy_QueuesRequestsWhereNothingStartsBeside(t *testing.T) {
	for name, broken := range map[string]error{"it works": nil, "it fails": errors.New("port is taken")} {
		b := imaged(t)
		b.compose.alone, b.compose.beside = "service site writes to volume data", []string{"site"}
		b.compose.up = broken
		var notes []string
		b.Note = func(text string) { notes = append(notes, text) }
		queued := 0
		b.compose.during = func() { queued = max(queued, len(b.gateway.queued)) }
		_, err := b.Do(t.Context(), Update{"robots"})
		if (err == nil) != (broken == nil) || queued == 0 || len(b.gateway.queued) != 0 {
			t.Errorf("%s: %v, %d routes waited, and now %v", name, err, queued, b.gateway.queued)
		}
		if said := strings.Join(notes, "\n"); !strings.Contains(said, "wait up to 1m0s each") || !strings.Contains(said, "writes to volume data") {
			t.Errorf("%s: it says %s", name, said)
		}
	}
}

func TestDeploy_RemovesWhatNobodyFinished(t *testing.T) {
	b := inDeployment(t, "site")
	left := func(name, id string, stopped bool) {
		b.engine.AddContainer(dockertest.Container{
			Name: name, Image: "gateway:latest", Networks: []string{"robots_web"}, Stopped: stopped,
			Labels: map[string]string{composeProject: "robots", composeService: "site", label.Rollout: id, label.Replaces: "gone"},
		})
	}
	left("robots-site-7"+label.Next, "a", false)
	left("robots-site-8", "a", false)
	left("robots-site-9", "b", true)
	if _, err := b.Do(t.Context(), Deploy{Name: "robots"}); err != nil || b.names(t) != "robots-site-2 running" {
		t.Errorf("%v, and there are %s", err, b.names(t))
	}
}

func TestRunning_TellsWhatWasReplaced(t *testing.T) {
	box := func(name, id, replaces, state string) docker.Container {
		return docker.Container{ID: name, Name: name, State: state, Labels: map[string]string{label.Rollout: id, label.Replaces: replaces}}
	}
	r := Running{Containers: []docker.Container{
		box("one", "", "", "running"), box("two", "a", "one", "running"), box("three"+label.Next, "b", "two", "running"), box("four", "c", "two", "created"),
	}}
	if got := r.replaced(); len(got) != 1 || got[0].ID != "one" {
		t.Errorf("replaced are %v", got)
	}
	if got := r.held(); len(got) != 2 {
		t.Errorf("held are %v", got)
	}
}

func TestSqueezed_TellsEqualLinesOnce(t *testing.T) {
	if got := squeezed("a\nb\nb\nb\na"); got != "a\nb (3 times)\na" {
		t.Errorf("got %q", got)
	}
}

func TestAsk_TakesAnyAnswerButErrorsUnlessThereIsACheck(t *testing.T) {
	b := newBench(t)
	at := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:80")}
	for _, c := range []struct {
		path   string
		status int
		// since is how long it answers with errors already.
		since time.Duration
		want  bool
	}{
		{"", 200, 0, true},
		{"", 404, 0, true},
		{"", 500, 0, false},
		{"", 500, 2 * answerFor, true},
		{"", 502, 2 * answerFor, false},
		{"/health", 204, 0, true},
		{"/health", 302, 0, true},
		{"/health", 404, 0, false},
		{"/health", 500, 2 * answerFor, false},
	} {
		b.gateway.status = c.status
		claim := label.Claim{}
		claim.Policy.Check.Path = c.path
		failing := time.Now().Add(-c.since)
		if ok, why, err := b.ask(t.Context(), claim, at, &failing, ""); ok != c.want || err != nil || !strings.Contains(why, "answers") {
			t.Errorf("%d at %q: %v %q %v", c.status, c.path, ok, why, err)
		}
	}
}
