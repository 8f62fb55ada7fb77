package projects

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/templates"
)

// redirectTo removes project robots and redirects it.
func redirectTo(t *testing.T, to string) RemoveRedirect {
	t.Helper()
	return RemoveRedirect{Name: "robots", To: to, Until: day(t, "2099-06-30"), On: day(t, "2027-01-15"), Pool: netip.MustParsePrefix(subnet.DefaultPool)}
}

// redirected is where the routes of project robots lead, and until when.
func (b *bench) redirected(t *testing.T) string {
	t.Helper()
	p, err := b.Store.Load("robots")
	if err != nil || len(p.Problems) > 0 || len(p.Redirects) > 0 {
		t.Fatalf("%+v %v", p, err)
	}
	var all []string
	for _, c := range p.Claims {
		all = append(all, c.Key.String()+">"+c.Policy.Redirect+" "+dateOf(c.Expires))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// networks are those of project robots.
func (b *bench) networks(t *testing.T) []string {
	t.Helper()
	running, err := Look(t.Context(), b.client, "robots")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range running.Networks {
		names = append(names, n.Name)
	}
	return names
}

func TestRemoveRedirect_LeavesTheRedirectAlone(t *testing.T) {
	b := added(t)
	if err := b.client.CreateVolume(t.Context(), docker.Volume{Name: "robots_data", Labels: map[string]string{composeProject: "robots"}}); err != nil {
		t.Fatal(err)
	}
	b.compose.volumes = []string{"robots_data"}
	dry, err := b.DryRun(t.Context(), redirectTo(t, "/chess"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"redirect /robots to /chess until 2099-06-30", "delete " + b.Store.Dir("robots"), "make " + b.Store.Dir("robots"), "start the redirect",
		"remove container robots-site-1", "remove network robots_web", "remove volume robots_data",
	} {
		if !strings.Contains(steps(dry), want) {
			t.Errorf("the plan lacks %q:\n%s", want, steps(dry))
		}
	}
	if !slices.Contains(dry.Notes, "no route serves /chess yet: until one does, clients that are redirected get 404") {
		t.Errorf("notes %q", dry.Notes)
	}
	if _, err := b.Do(t.Context(), redirectTo(t, "/chess")); err != nil {
		t.Fatal(err)
	}
	if got := b.redirected(t); got != "/robots>/chess 2099-06-30" {
		t.Errorf("it redirects %s", got)
	}
	p, err := b.Store.Load("robots")
	if err != nil || p.Template != RedirectTemplate || p.Owner != "owner@example.org" || p.HasSite() || dateOf(p.Expires) != "2099-06-30" || dateOf(p.Created) != "2027-01-15" {
		t.Errorf("%+v %v", p, err)
	}
	running, err := Look(t.Context(), b.client, "robots")
	if err != nil || len(running.Containers) != 1 || ServiceOf(running.Containers[0]) != "redirect" || running.Containers[0].State != "running" {
		t.Errorf("there are %+v %v", running.Containers, err)
	}
	if got := b.networks(t); !slices.Equal(got, []string{"robots_redirect"}) {
		t.Errorf("networks %q", got)
	}
	if volumes, err := b.client.Volumes(t.Context(), ComposeLabel("robots")); err != nil || len(volumes) > 0 {
		t.Errorf("left: %v %v", volumes, err)
	}
	if !slices.Equal(b.waited, []route.Key{{Prefix: prefix(t, "/robots")}}) {
		t.Errorf("waited for %v", b.waited)
	}
	onlyProjects(t, b.Store, "robots")
	if len(b.gateway.calls) > 0 {
		t.Errorf("a container that serves nothing was asked: %q", b.gateway.calls)
	}

	// A second run is refused; the redirect itself can be removed.
	if _, err := b.Do(t.Context(), redirectTo(t, "/chess")); err == nil || !strings.Contains(err.Error(), "only redirects already, to /chess; change where with: gateway set robots to=") {
		t.Errorf("again: %v", err)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	b.nothingLeft(t, "robots")
	onlyProjects(t, b.Store)
}

func TestRemoveRedirect_KeepsTheProjectWhenTheRedirectDoesNotStart(t *testing.T) {
	b := added(t)
	b.ready = errors.New("no answer")
	_, err := b.Do(t.Context(), redirectTo(t, "/chess"))
	failure, is := errors.AsType[*Failure](err)
	if !is || !strings.Contains(failure.Undone, "project robots is as before; its containers never stopped") {
		t.Errorf("got %#v", err)
	}
	if got := b.networks(t); !slices.Equal(got, []string{"robots_web"}) {
		t.Errorf("networks %q", got)
	}
	if p, err := b.Store.Load("robots"); err != nil || p.Template != "portfolio" || !p.HasSite() {
		t.Errorf("%+v %v", p, err)
	}
	if c, err := b.client.Container(t.Context(), "robots-site-1"); err != nil || c.State != "running" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestRemoveRedirect_TakesAllRoutes(t *testing.T) {
	b := added(t)
	file := filepath.Join(b.Store.Dir("robots"), ComposeFile)
	b.engine.Remove("robots-site-1")
	b.engine.AddContainer(dockertest.Container{Name: "robots-site-1", Networks: []string{"robots_web"}, Labels: map[string]string{
		composeProject: "robots", composeService: "site", composeDir: b.Store.Dir("robots"), label.Path: "/robots", label.Owner: "kim",
		"gateway.routes.api.path": "/a$pi", "gateway.routes.api.host": "robots.example.org",
		"gateway.routes.moved-1.path": "/former", "gateway.routes.moved-1.redirect": "/robots", "gateway.routes.moved-1.expires": "2098-01-31",
		"gateway.routes.moved-2.path": "/ancient", "gateway.routes.moved-2.redirect": "/robots", "gateway.routes.moved-2.expires": "2020-01-31",
	}})
	// What cannot be read does not keep a project from being removed.
	if err := os.WriteFile(file, []byte("\t["), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), redirectTo(t, "/chess")); err != nil {
		t.Fatal(err)
	}
	want := "/former>/chess 2098-01-31, /robots>/chess 2099-06-30, robots.example.org/a$pi>/chess 2099-06-30"
	if got := b.redirected(t); got != want {
		t.Errorf("it redirects %s, want %s", got, want)
	}
	if p, err := b.Store.Load("robots"); err != nil || p.Owner != "kim" {
		t.Errorf("%+v %v", p, err)
	}

	// All commands on projects work on it: routes that end with it end later with it, and change with its parameter.
	for _, v := range []Verb{
		Renew{Name: "robots", Until: day(t, "2099-12-31"), On: day(t, "2027-02-01")},
		Set{Name: "robots", Values: map[string]string{"to": "https://example.org/chess"}, Template: templates.Find},
		Move{Name: "robots", From: new(prefix(t, "/robots")), To: prefix(t, "/bots"), Template: templates.Find},
	} {
		if _, err := b.Do(t.Context(), v); err != nil {
			t.Fatalf("%T: %v", v, err)
		}
	}
	want = "/bots>https://example.org/chess 2099-12-31, /former>https://example.org/chess 2098-01-31, robots.example.org/a$pi>https://example.org/chess 2099-12-31"
	if got := b.redirected(t); got != want {
		t.Errorf("it redirects %s, want %s\n%s", got, want, b.text(t, "robots"))
	}
	if _, err := b.Do(t.Context(), request(t, "thief", "/bots")); err == nil || !strings.Contains(err.Error(), "taken by project robots") {
		t.Errorf("the path is given away: %v", err)
	}
}

func TestRemoveRedirect_OfAFolderAlone(t *testing.T) {
	b := added(t)
	b.engine.Remove("robots-site-1")
	if _, err := b.Do(t.Context(), redirectTo(t, "/chess")); err != nil {
		t.Fatal(err)
	}
	if got := b.redirected(t); got != "/robots>/chess 2099-06-30" {
		t.Errorf("it redirects %s", got)
	}
}

func TestRemoveRedirect_RefusesCirclesAndNothing(t *testing.T) {
	b := added(t)
	b.settled(t, "portfolio", "shop", "/robots/shop")
	b.gateway.held = []policy.Held{{Key: route.Key{Prefix: prefix(t, "/robots")}, Project: "robots"}}
	for to, want := range map[string]string{
		"/robots": "--to /robots: it is at or below /robots", "/robots/new": "redirected in circles",
		"/robots/shop/x": "", "/robotics": "", "https://example.org/robots": "", "/": "",
	} {
		if _, err := b.DryRun(t.Context(), redirectTo(t, to)); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("--to %s: %v, want %q", to, err, want)
		}
	}
	b.gateway.err = ErrNoGateway
	if _, err := b.DryRun(t.Context(), redirectTo(t, "/chess")); !errors.Is(err, ErrNoGateway) {
		t.Errorf("without a gateway: %v", err)
	}
	b.gateway.err = nil
	b.engine.Remove("robots-site-1")
	text := strings.Replace(b.text(t, "robots"), `gateway.path: "/robots"`, "x: y", 1)
	if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DryRun(t.Context(), redirectTo(t, "/chess")); err == nil || !strings.Contains(err.Error(), "no route, so that there is nothing to redirect; leave out --redirect") {
		t.Errorf("without a route: %v", err)
	}
	if _, err := b.DryRun(t.Context(), RemoveRedirect{Name: "nothing", To: "/chess"}); !errors.Is(err, ErrNoProject) {
		t.Errorf("no project: %v", err)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("something was done: %v", b.compose.calls)
	}
}

func TestRemoveRedirect_IsDoneWhenARepairFinishedIt(t *testing.T) {
	b := added(t)
	crash := plan.WithHook(t.Context(), func(point string) error {
		if strings.HasPrefix(point, "cleanup") {
			return plan.ErrCrash
		}
		return nil
	})
	if _, err := b.Do(crash, redirectTo(t, "/chess")); !errors.Is(err, plan.ErrCrash) {
		t.Fatal(err)
	}
	c, err := b.Do(t.Context(), redirectTo(t, "/chess"))
	if err != nil || len(c.Texts()) > 0 || dateOf(c.Project.Expires) != "2099-06-30" {
		t.Errorf("again: %+v %v", c, err)
	}
	if got := b.networks(t); !slices.Equal(got, []string{"robots_redirect"}) {
		t.Errorf("networks %q", got)
	}
}

func TestAdd_MakesARedirect(t *testing.T) {
	b := newBench(t)
	scaffold, err := templates.Find(RedirectTemplate)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, "robots", "/robots")
	r.Template, r.Parameters, r.Expires = scaffold, map[string]string{"to": "/robots"}, time.Time{}
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "redirects to itself; write another path") {
		t.Errorf("to itself: %v", err)
	}
	r.Parameters["to"] = "/chess"
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := b.redirected(t); got != "/robots>/chess " {
		t.Errorf("it redirects %s", got)
	}
	set := func(to string) error {
		_, err := b.Do(t.Context(), Set{Name: "robots", Values: map[string]string{"to": to}, Template: templates.Find})
		return err
	}
	if err := set("chess"); err == nil || !strings.Contains(err.Error(), "neither a path that starts with /") {
		t.Errorf("no path: %v", err)
	}
	if err := set("/go"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2099-06-30"), On: day(t, "2027-01-15")}); err != nil {
		t.Fatal(err)
	}
	if got := b.redirected(t); got != "/robots>/go 2099-06-30" {
		t.Errorf("it redirects %s", got)
	}
}

func TestRemoveRedirect_CanBeArchivedAndMoved(t *testing.T) {
	b := added(t)
	if _, err := b.Do(t.Context(), redirectTo(t, "/chess")); err != nil {
		t.Fatal(err)
	}
	done, err := b.Backup(t.Context(), backupOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
		t.Fatal(err)
	}
	r := restoreOf(done.Path, "robots")
	r.To = new(prefix(t, "/bots"))
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := b.redirected(t); got != "/bots>/chess 2099-06-30" {
		t.Errorf("restored, it redirects %s", got)
	}
}

func TestRetire_EndsARedirectWhoseContainerIsStopped(t *testing.T) {
	b := added(t)
	r := redirectTo(t, "/chess")
	r.Until = day(t, "2027-03-01")
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.engine.Stop("robots-redirect-2")
	rules := Rules{Today: day(t, "2027-03-01"), SuspendAfter: Days(14), ArchiveAfter: Days(30), DeleteAfter: Days(90)}
	if d, over := rules.Decide(b.seen(t, "robots")); over {
		t.Errorf("on its last day: %+v", d)
	}
	var steps []ExpireStep
	for range 4 {
		rules.Today = rules.Today.AddDate(0, 0, 100)
		d, over := rules.Decide(b.seen(t, "robots"))
		if !over || !d.Ready {
			t.Fatalf("after %v it is not due: %+v", steps, d)
		}
		steps = append(steps, d.Step)
		if _, err := b.Retire(t.Context(), d, Retirement{Today: rules.Today, Archive: backupOf(b)}); err != nil {
			t.Fatalf("%s: %v", d.Step, err)
		}
	}
	if want := []ExpireStep{NotifyOwner, SuspendProject, ArchiveProject, DeleteProject}; !slices.Equal(steps, want) {
		t.Errorf("the steps were %v", steps)
	}
	b.nothingLeft(t, "robots")
	onlyProjects(t, b.Store)
}

func TestCandidates_ARedirectHasATermOfItsOwn(t *testing.T) {
	b := added(t)
	if _, err := b.Do(t.Context(), Move{Name: "robots", To: prefix(t, "/bots"), Template: known, Redirect: day(t, "2099-06-30")}); err != nil {
		t.Fatal(err)
	}
	// The label of the redirect is later than the last day of the project, and is as said after a renewal.
	if _, err := b.Do(t.Context(), Renew{Name: "robots", Until: day(t, "2098-01-02"), On: day(t, "2027-01-15")}); err != nil {
		t.Fatal(err)
	}
	p, err := b.Store.Load("robots")
	if err != nil || len(p.Redirects) != 1 || dateOf(p.Redirects[0].Expires) != "2099-06-30" || dateOf(p.Claims[0].Expires) != "2098-01-02" {
		t.Errorf("%+v %v", p, err)
	}
	// One that is over is not waited for.
	b.engine.Remove("robots-site-1")
	b.engine.AddContainer(dockertest.Container{Name: "robots-site-1", Stopped: true, Labels: map[string]string{
		composeProject: "robots", composeService: "site", composeDir: b.Store.Dir("robots"), label.Path: "/bots",
		"gateway.routes.moved-1.path": "/robots", "gateway.routes.moved-1.redirect": "/bots", "gateway.routes.moved-1.expires": "2020-06-30",
	}})
	b.waited = nil
	if _, err := b.Do(t.Context(), Start{"robots"}); err != nil || !slices.Equal(b.waited, []route.Key{{Prefix: prefix(t, "/bots")}}) {
		t.Errorf("waited for %v, %v", b.waited, err)
	}
	labels := map[string]string{
		label.Path: "/x", label.Expires: "2027-01-01",
		"gateway.routes.moved-1.path": "/", "gateway.routes.moved-1.redirect": "/x", "gateway.routes.moved-1.expires": "2099-06-30",
	}
	b.engine.AddContainer(dockertest.Container{Name: "stray", Labels: labels})
	if c := b.seen(t, "stray"); dateOf(c.Expires) != "2027-01-01" || c.AtRoot || c.Apart != "" {
		t.Errorf("a container: %+v", c)
	}
}
