package route

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/tui"
)

func TestRoutesWatch_PrintsPausesAndEjectionsButNotWhoWaits(t *testing.T) {
	paused := func(change func(r *admin.Route)) admin.Routes {
		routes := filmedRoutes(1, 2, "ready")
		routes.Routes[0].Paused = &admin.Pause{Since: routesNow, Wait: 30_000}
		change(&routes.Routes[0])
		return routes
	}
	r := runFilm(t, routesOptions{watch: true, json: true},
		filmedRoutes(1, 2, "ready"),
		paused(func(*admin.Route) {}),
		paused(func(r *admin.Route) { r.Paused.Waiting = 5 }),
		paused(func(r *admin.Route) { r.Targets[0].Inflight = 5 }),
		paused(func(r *admin.Route) { r.Paused.Message = "later" }),
		paused(func(r *admin.Route) { r.Paused.Message, r.Targets[0].Ejected = "later", true }),
	)
	if n := strings.Count(r.out.String(), "\n"); n != 4 || !strings.Contains(r.out.String(), `"ejected":true`) {
		t.Errorf("printed %d times, want 4:\n%s", n, r.out.String())
	}
}

// routesFilm is a gateway that gives one answer after the other, and ends the watch after the last.
type routesFilm struct {
	answers []any // admin.Routes or error
	status  admin.Status
	end     context.CancelFunc
}

func (f *routesFilm) Routes(context.Context) (admin.Routes, error) {
	if len(f.answers) == 0 {
		f.end()
		return admin.Routes{}, context.Canceled
	}
	next := f.answers[0]
	f.answers = f.answers[1:]
	if err, failed := next.(error); failed {
		return admin.Routes{}, err
	}
	return next.(admin.Routes), nil
}

func (f *routesFilm) Status(context.Context) (admin.Status, error) { return f.status, nil }

func (f *routesFilm) Requests(context.Context, string) ([]admin.Request, error) { return nil, nil }

var routesNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func filmedRoutes(revision uint64, rate float64, states ...string) admin.Routes {
	routes := admin.Routes{Table: admin.Table{Revision: revision}, Routes: []admin.Route{}, Problems: []admin.Problem{}}
	for i, state := range states {
		path := []string{"/", "/blog", "/robots"}[i]
		routes.Routes = append(routes.Routes, admin.Route{
			Key: path, Path: path, Service: "web", Project: "p" + path[1:], State: state,
			Targets: []admin.Target{{Name: "web-1", State: state}},
			Traffic: admin.Traffic{Rate: rate},
		})
	}
	return routes
}

// routesRun is the outcome of one gateway routes.
type routesRun struct {
	out, err bytes.Buffer
	failed   error
}

// runFilm runs gateway routes against a film. The options need no world of their own.
func runFilm(t *testing.T, o routesOptions, answers ...any) *routesRun {
	t.Helper()
	r := &routesRun{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		docker := admin.Source{Name: admin.DefaultSource, Connected: true, Agent: &admin.Agent{Reported: routesNow}}
		film := &routesFilm{answers: answers, status: admin.Status{Sources: []admin.Source{docker}}, end: cancel}
		if o.env == nil {
			o.env = &cli.Env{Getenv: func(string) string { return "" }}
		}
		o.env.Out, o.env.Err = &r.out, &r.err
		o.connect = func(context.Context) (tui.Source, func() error, error) {
			return film, func() error { return nil }, nil
		}
		o.now, o.every = func() time.Time { return routesNow }, time.Second
		r.failed = runRoutes(ctx, &o)
		if len(film.answers) > 0 {
			t.Errorf("%d answers were not asked for", len(film.answers))
		}
	})
	return r
}

func TestRoutes_PrintsTheTableAndNothingElse(t *testing.T) {
	r := runFilm(t, routesOptions{}, filmedRoutes(1, 2, "ready", "stopped"))
	want := "" +
		"ROUTE  STATE    SERVICE    TARGETS   RATE  P50  P95  ERRORS  EXPIRES\n" +
		"/      ready    p/web          1/1  2.0/s    –    –       0  –\n" +
		"/blog  stopped  pblog/web      0/1  2.0/s    –    –       0  –\n"
	if r.failed != nil || r.out.String() != want || r.err.Len() > 0 {
		t.Errorf("error %v, stdout\n%s\nstderr\n%s", r.failed, r.out.String(), r.err.String())
	}
}

func TestRoutes_FiltersRoutesAndProblems(t *testing.T) {
	answer := filmedRoutes(1, 2, "ready", "stopped")
	answer.Problems = []admin.Problem{
		{Subject: "blog-2", Message: "of the blog", Fix: "x"}, {Subject: "other", Message: "of another", Fix: "x"},
	}
	r := runFilm(t, routesOptions{filter: "blog", json: true}, answer)
	var got admin.Routes
	if err := json.Unmarshal(r.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Routes) != 1 || got.Routes[0].Key != "/blog" || len(got.Problems) != 1 || got.Problems[0].Subject != "blog-2" {
		t.Errorf("blog lets through %+v", got)
	}
}

func TestRoutes_SaysWhatToDoWithNothing(t *testing.T) {
	for name, c := range map[string]struct {
		o      routesOptions
		answer admin.Routes
		want   string
	}{
		"no routes":       {routesOptions{}, filmedRoutes(1, 0), "gateway add portfolio --path /robots"},
		"no routes match": {routesOptions{filter: "x"}, filmedRoutes(1, 0, "ready"), `No route matches "x"; the table has 1.`},
	} {
		t.Run(name, func(t *testing.T) {
			r := runFilm(t, c.o, c.answer)
			if r.out.Len() > 0 || !strings.Contains(r.err.String(), c.want) {
				t.Errorf("stdout %q, stderr %q", r.out.String(), r.err.String())
			}
		})
	}
}

func TestRoutes_ColoursOnlyWhatPeopleWatch(t *testing.T) {
	for name, c := range map[string]struct {
		interactive bool
		environment map[string]string
		want        bool
	}{
		"pipe":     {false, nil, false},
		"terminal": {true, nil, true},
		"NO_COLOR": {true, map[string]string{"NO_COLOR": "1"}, false},
		"dumb":     {true, map[string]string{"TERM": "dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			env := &cli.Env{Interactive: c.interactive, Terminal: c.interactive, Getenv: func(name string) string { return c.environment[name] }}
			r := runFilm(t, routesOptions{env: env}, filmedRoutes(1, 2, "ready"))
			if got := strings.Contains(r.out.String(), "\x1b"); got != c.want {
				t.Errorf("coloured: %v, want %v", got, c.want)
			}
		})
	}
}

func TestRoutesWatch_PrintsChangesOfTheTableOnly(t *testing.T) {
	r := runFilm(t, routesOptions{watch: true, json: true},
		filmedRoutes(1, 2, "ready", "ready"),
		filmedRoutes(1, 9, "ready", "ready"), // traffic alone
		filmedRoutes(1, 9, "ready", "unhealthy"),
		errors.New("connection refused"),
		errors.New("connection refused"),
		filmedRoutes(2, 9, "ready"),
	)
	var got []string
	for line := range strings.Lines(r.out.String()) {
		var routes admin.Routes
		if err := json.Unmarshal([]byte(line), &routes); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		var states []string
		for _, route := range routes.Routes {
			states = append(states, route.State)
		}
		got = append(got, strings.Join(states, " "))
	}
	if want := []string{"ready ready", "ready unhealthy", "ready"}; !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	if want := "lost the gateway: connection refused; retrying\nthe gateway is back\n"; r.failed != nil || r.err.String() != want {
		t.Errorf("error %v, stderr %q, want %q", r.failed, r.err.String(), want)
	}
}

func TestRoutesWatch_PrintsBlocksWhereNothingCanBeRedrawn(t *testing.T) {
	r := runFilm(t, routesOptions{watch: true}, filmedRoutes(1, 0, "ready"), filmedRoutes(2, 0, "stopped"))
	blocks := strings.Split(r.out.String(), "\n\n")
	if len(blocks) != 2 || !strings.HasPrefix(blocks[0], "2026-11-21T12:00:00Z  revision 1\n") ||
		!strings.HasPrefix(blocks[1], "2026-11-21T12:00:00Z  revision 2\n") || strings.Contains(r.out.String(), "\x1b") {
		t.Errorf("stdout\n%s", r.out.String())
	}
}

func TestRoutesWatch_RedrawsInPlaceOnATerminal(t *testing.T) {
	env := &cli.Env{Interactive: true, Terminal: true, Getenv: func(string) string { return "" }}
	r := runFilm(t, routesOptions{env: env, watch: true}, filmedRoutes(1, 1, "ready"), filmedRoutes(1, 2, "ready"))
	if got := strings.Count(r.out.String(), cursorHome); got != 2 || strings.Count(r.out.String(), eraseScreen) != 1 {
		t.Errorf("drawn %d times:\n%q", got, r.out.String())
	}
}

func TestRoutesWatch_FailsWhenTheFirstAnswerDoes(t *testing.T) {
	refused := errors.New("connection refused")
	o := routesOptions{watch: true}
	if r := runFilm(t, o, refused); !errors.Is(r.failed, refused) {
		t.Errorf("error %v", r.failed)
	}
}

func TestBrowser_IsThatOfTheSystem(t *testing.T) {
	for goos, want := range map[string]string{"linux": "xdg-open", "freebsd": "xdg-open", "darwin": "open", "windows": "rundll32"} {
		if got := browser(goos, "http://localhost/"); got[0] != want || got[len(got)-1] != "http://localhost/" {
			t.Errorf("on %s it is %q", goos, got)
		}
	}
}
