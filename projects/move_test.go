package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/policy"

	"gateway/proxy/docker/dockertest"
	"gateway/proxy/route"
	"gateway/templates"
)

// settled puts a project of a template on the bench that runs one container for each service.
func (b *bench) settled(t *testing.T, template, name, path string, services ...string) templates.Template {
	t.Helper()
	tmpl, err := templates.Find(template)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, name, path)
	r.Template = tmpl
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, s := range services {
		b.engine.AddContainer(dockertest.Container{Name: name + "-" + s + "-1", Labels: map[string]string{
			composeProject: name, composeService: s, composeDir: b.Store.Dir(Name(name)),
		}})
	}
	b.compose.calls, b.waited = nil, nil
	return tmpl
}

// known finds the built-in templates.
func known(name string) (templates.Template, error) { return templates.Find(name) }

func (b *bench) text(t *testing.T, name Name) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Store.Dir(name), ComposeFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMove_MovesAWordPressWithItsLinks(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/blog", "wordpress", "cron")
	before := b.text(t, "blog") + "# mine, at /blog\n"
	file := filepath.Join(b.Store.Dir("blog"), ComposeFile)
	if err := errors.Join(os.WriteFile(file, []byte(before), 0o600), os.Chmod(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	var ran []string
	r := Move{Name: "blog", To: prefix(t, "/notes"), Template: known}
	b.engine.Program("php", dockertest.Program{Exec: func(p dockertest.Process) int {
		ran = append(append(ran, "php"), p.Args...)
		fmt.Fprint(p.Stdout, "moved the links")
		return 0
	}})
	m, err := b.Do(t.Context(), r)
	if err != nil || m.Said != "moved the links" || !strings.Contains(steps(m), "at 5 places") {
		t.Fatalf("%+v %v", m, err)
	}
	if want := []string{"php", "/opt/gateway/moved.php", "/blog", "/notes"}; !slices.Equal(ran, want) {
		t.Errorf("ran %q", ran)
	}
	if len(b.waited) != 1 || b.waited[0].Prefix != r.To || !slices.Equal(b.compose.calls, []string{"up"}) {
		t.Errorf("waited for %v, calls %v", b.waited, b.compose.calls)
	}
	after := b.text(t, "blog")
	for _, part := range []string{`gateway.path: "/notes"`, `working_dir: "/var/www/html/notes"`, `target: "/var/www/html/notes"`, `GATEWAY_PATH: "/notes"`, "# mine, at /blog\n"} {
		if !strings.Contains(after, part) {
			t.Errorf("compose.yaml lacks %s", part)
		}
	}
	if back := strings.ReplaceAll(strings.Replace(after, "# mine, at /blog\n", "", 1), "/notes", "/blog"); back+"# mine, at /blog\n" != before {
		t.Errorf("more than the path was changed:\n%s", after)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	// The second run is refused, and with the old path it finishes what was left.
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "is at /notes already") {
		t.Errorf("again: %v", err)
	}
	ran = nil
	old := prefix(t, "/blog")
	r.From = &old
	if m, err := b.Do(t.Context(), r); err != nil || strings.Contains(steps(m), "places") || len(ran) != 4 || b.text(t, "blog") != after {
		t.Errorf("finishing: %+v %v %q", m, err, ran)
	}
}

func TestMove_MovesTheHealthCheckOfAnEarlierTemplate(t *testing.T) {
	for _, path := range []string{"/", "/blog"} {
		b := newBench(t)
		b.settled(t, "wordpress", "blog", path, "wordpress", "cron")
		b.engine.Program("php", dockertest.Program{})
		file := filepath.Join(b.Store.Dir("blog"), ComposeFile)
		earlier := strings.Replace(b.text(t, "blog"), "/.gateway-ready\"", "/wp-includes/images/blank.gif\"", 1)
		if err := os.WriteFile(file, []byte(earlier), 0o644); err != nil || !strings.Contains(earlier, "blank.gif") {
			t.Fatal(err)
		}
		if _, err := b.Do(t.Context(), Move{Name: "blog", To: prefix(t, "/notes"), Template: known}); err != nil {
			t.Fatal(err)
		}
		if after := b.text(t, "blog"); !strings.Contains(after, `gateway.health.path: "/notes/wp-includes/images/blank.gif"`) {
			t.Errorf("moved from %s to\n%s", path, after)
		}
	}
}

func TestMove_GoesBetweenTheRootAndAPath(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/", "wordpress", "cron")
	before := b.text(t, "blog")
	b.engine.Program("php", dockertest.Program{})
	for _, to := range []string{"/blog", "/"} {
		if _, err := b.Do(t.Context(), Move{Name: "blog", To: prefix(t, to), Template: known}); err != nil {
			t.Fatal(err)
		}
	}
	if after := b.text(t, "blog"); strings.ReplaceAll(after, `"`, "") != strings.ReplaceAll(before, `"`, "") {
		t.Errorf("there and back again is not the same:\n%s", after)
	}
}

func TestMove_SaysHowToFinish(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/blog", "wordpress", "cron")
	r := Move{Name: "blog", To: prefix(t, "/notes"), Template: known}
	b.engine.Program("php", dockertest.Program{Exec: func(p dockertest.Process) int {
		fmt.Fprint(p.Stderr, "no database")
		return 1
	}})
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "no database; run it again with: gateway move blog --path /notes --from /blog") {
		t.Errorf("got %v", err)
	}
}

func TestMove_BringsTheOldPathBack(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/blog", "cron")
	before := b.text(t, "blog")
	b.compose.up = errors.New("no memory")
	r := Move{Name: "blog", To: prefix(t, "/notes"), Template: known}
	b.engine.Program("php", dockertest.Program{Exec: func(dockertest.Process) int {
		t.Error("ran all the same")
		return 0
	}})
	_, err := b.Do(t.Context(), r)
	if _, started := errors.AsType[*Failure](err); !started || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("got %v", err)
	}
	if b.text(t, "blog") != before || !slices.Equal(b.compose.calls, []string{"up", "up"}) {
		t.Errorf("calls %v, compose.yaml:\n%s", b.compose.calls, b.text(t, "blog"))
	}
	left, err := filepath.Glob(filepath.Join(b.Store.Dir("blog"), ".compose-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestMove_RefusesBeforeAnythingIsTouched(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/blog")
	b.settled(t, "portfolio", "robots", "/robots")
	before := b.text(t, "blog")
	b.gateway.held = []policy.Held{{Key: route.Key{Prefix: prefix(t, "/wiki")}, By: "container wiki"}}
	other := prefix(t, "/else")
	for name, c := range map[string]struct {
		request Move
		want    string
	}{
		"a project's path":  {Move{To: prefix(t, "/robots")}, "/robots is taken by project robots"},
		"a route's path":    {Move{To: prefix(t, "/wiki")}, "taken by container wiki"},
		"no folder's name":  {Move{To: prefix(t, "/my%20notes")}, "makes a folder of it"},
		"where it is":       {Move{To: prefix(t, "/blog")}, "is at /blog already"},
		"from where it not": {Move{To: prefix(t, "/notes"), From: &other}, "no route at /else; it has /blog"},
	} {
		c.request.Name, c.request.Template = "blog", known
		if _, err := b.Do(t.Context(), c.request); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	edited := strings.Replace(before, `working_dir: "/var/www/html/blog"`, "working_dir: /srv/blog", 1)
	if err := os.WriteFile(filepath.Join(b.Store.Dir("blog"), ComposeFile), []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := b.Do(t.Context(), Move{Name: "blog", To: prefix(t, "/notes"), Template: known})
	if err == nil || !strings.Contains(err.Error(), "x-wordpress.working_dir is \"/srv/blog\"") || !strings.Contains(err.Error(), "then: gateway deploy blog") {
		t.Errorf("edited by hand: %v", err)
	}
	if b.text(t, "blog") != edited || b.compose.calls != nil {
		t.Errorf("it was touched: %v", b.compose.calls)
	}
}

func TestMove_NeedsNoTemplate(t *testing.T) {
	b := newBench(t)
	b.settled(t, "portfolio", "robots", "/robots")
	m, err := b.Do(t.Context(), Move{Name: "robots", To: route.Prefix{}, Template: known})
	if err != nil || !strings.Contains(steps(m), "at 1 place of") || !strings.Contains(b.text(t, "robots"), `gateway.path: "/"`) {
		t.Errorf("%+v %v", m, err)
	}
}

func TestMove_StartsWhatAnAbandonedStopEnds(t *testing.T) {
	b := added(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.compose.late = func() { b.engine.Stop("robots-site-1") }
	b.Ready = func(ctx context.Context, _ Name, _ []route.Key) error { cancel(); return ctx.Err() }
	_, err := b.Do(ctx, Move{Name: "robots", To: prefix(t, "/chess"), Template: known})
	if failure, ok := errors.AsType[*Failure](err); !ok || failure.Undone == "" {
		t.Errorf("got %v", err)
	}
	if c, err := b.client.Container(t.Context(), "robots-site-1"); err != nil || c.State != "running" {
		t.Errorf("it is %s, %v, after %v", c.State, err, b.compose.calls)
	}
}

func TestMove_RedirectsFromTheOldPath(t *testing.T) {
	b := added(t)
	last := time.Date(2099, 6, 30, 0, 0, 0, 0, time.UTC)
	move := func(to string, last time.Time) {
		t.Helper()
		m, err := b.Do(t.Context(), Move{Name: "robots", To: prefix(t, to), Template: known, Redirect: last})
		if err != nil {
			t.Fatalf("to %s: %v", to, err)
		}
		if says := strings.Contains(steps(m), " to "+to+" until 2099-06-30"); says == last.IsZero() {
			t.Errorf("to %s: the steps are %s", to, steps(m))
		}
	}
	redirects := func() string {
		p, err := b.Store.Load("robots")
		if err != nil || len(p.Claims) != 1 {
			t.Fatalf("%+v %v", p.Claims, err)
		}
		at := []string{p.Claims[0].Key.String() + ":"}
		for _, r := range p.Redirects {
			at = append(at, r.Key.String()+">"+r.Policy.Redirect)
		}
		return strings.Join(at, " ")
	}
	for _, step := range []struct {
		to   string
		last time.Time
		want string
	}{
		{"/chess", last, "/chess: /robots>/chess"},
		{"/go", last, "/go: /robots>/go /chess>/go"},
		{"/chess", time.Time{}, "/chess: /robots>/chess"},
		{"/robots", time.Time{}, "/robots:"},
		{"/", last, "/: /robots>/"},
		{"/robots", last, "/robots: />/robots"},
	} {
		if move(step.to, step.last); redirects() != step.want {
			t.Errorf("moved to %s: %s, want %s", step.to, redirects(), step.want)
		}
	}
	if text := b.text(t, "robots"); !strings.Contains(text, "gateway.routes.moved-1.expires: \"2099-06-30\"") {
		t.Errorf("it says\n%s", text)
	}
	// What is redirected is taken, until the redirect ends.
	_, err := b.Do(t.Context(), request(t, "thief", "/"))
	if err == nil || !strings.Contains(err.Error(), "taken by project robots") {
		t.Errorf("the path of a redirect is given away: %v", err)
	}
}
