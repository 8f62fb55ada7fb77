package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/templates"
)

// fakeCompose plays docker compose for the portfolio on an engine in memory.
type fakeCompose struct {
	// images are what services have, pull is why pulling fails.
	images []compose.ServiceImage
	pull   error
	t      *testing.T
	engine *dockertest.Engine
	client *docker.Client
	// up says how the next call ends, after the network and the container are there.
	// broken is how all further ones end.
	up, broken error
	// beside are the services that are replaced by containers beside those there are, and alone is why they cannot be.
	// They wait for others as depends says.
	beside  []string
	alone   string
	depends map[string]string
	// stale says that what runs is not of the files that were last deployed.
	stale bool
	// during is called within each Up, nil for nothing.
	during func()
	// ports are those that images expose; unbuilt says how Prepare ends.
	ports   []int
	unbuilt error
	// builds plays a build, nil does nothing.
	builds func()
	// again says how the next restart ends, after the containers were restarted.
	again error
	// down says how often Down leaves everything as it is and fails.
	down  int
	calls []string
	// also makes what else a project has beside its site; nil for nothing.
	also func(name string)
	// late is done by the engine a moment after the second Up.
	late func()
	// inspect says what the policy finds, nil nothing; volumes are those of any project.
	inspect func(s compose.Subject) error
	volumes []string
}

func (f *fakeCompose) Inspect(_ context.Context, s compose.Subject) (compose.Inspection, error) {
	seen := compose.Inspection{Texts: map[string][]byte{}}
	for _, name := range []string{ComposeFile, importer.Override, ".env", "source/compose.yaml"} {
		if text, err := os.ReadFile(filepath.Join(s.Dir, name)); err == nil {
			seen.Texts[name] = text
		}
	}
	if f.inspect == nil {
		return seen, nil
	}
	return seen, f.inspect(s)
}

func (f *fakeCompose) Volumes(context.Context, string) ([]string, error) { return f.volumes, nil }

func (f *fakeCompose) Start(ctx context.Context, name string) error {
	return f.each(ctx, "start", name, f.engine.Start)
}

func (f *fakeCompose) Stop(ctx context.Context, name string) error {
	return f.each(ctx, "stop", name, f.engine.Stop)
}

func (f *fakeCompose) each(ctx context.Context, what, name string, do func(container string)) error {
	f.calls = append(f.calls, what)
	running, err := Look(ctx, f.client, Name(name))
	for _, c := range running.Containers {
		if (what == "stop") == (c.State == "running") {
			do(c.Name)
		}
	}
	return err
}

// fakeGateway is a gateway with a table.
type fakeGateway struct {
	held []policy.Held
	err  error
	// status is how containers answer, 0 for well.
	status int
	calls  []string
	queued []string
	// queueing is called when requests are to wait, nil for nothing.
	queueing func(q Queue)
}

func (g *fakeGateway) Table(context.Context) (Table, error) {
	var t Table
	for _, h := range g.held {
		t.Routes = append(t.Routes, Route{Key: h.Key, Project: h.Project, Service: strings.TrimPrefix(h.By, "container "), State: "ready"})
	}
	return t, g.err
}

func (g *fakeGateway) Check(_ context.Context, c Check) (int, error) {
	g.calls = append(g.calls, "check "+c.Path)
	if g.status == 0 {
		return 200, nil
	}
	return g.status, nil
}

func (g *fakeGateway) Queue(_ context.Context, key route.Key, q Queue) error {
	if !slices.Contains(g.queued, key.String()) {
		g.queued = append(g.queued, key.String())
	}
	if g.queueing != nil {
		g.queueing(q)
	}
	return nil
}

func (g *fakeGateway) Unqueue(_ context.Context, key route.Key) error {
	g.queued = slices.DeleteFunc(g.queued, func(one string) bool { return one == key.String() })
	return nil
}

func (g *fakeGateway) Probe(context.Context, route.Key) error { return g.err }

func (g *fakeGateway) Listening(context.Context, string) ([]netip.AddrPort, error) { return nil, g.err }

func (f *fakeCompose) Up(ctx context.Context, dir, name string, o compose.UpOptions) error {
	call := "up"
	if len(o.Replace) > 0 {
		call += " replacing " + strings.Join(o.Replace, ",")
	}
	if o.Kept != "" {
		call += " as deployed"
	}
	if len(o.Only) > 0 {
		call += " only " + strings.Join(o.Only, ",")
	}
	f.calls = append(f.calls, call)
	if f.during != nil {
		f.during()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	running, err := Look(ctx, f.client, Name(name))
	if err != nil {
		return err
	}
	for _, c := range running.Containers {
		switch {
		case o.Stopped:
		case slices.Contains(o.Replace, ServiceOf(c)):
			f.engine.Remove(c.Name)
		case c.State != "running":
			f.engine.Start(c.Name)
		}
	}
	if running, err = Look(ctx, f.client, Name(name)); err != nil {
		return err
	}
	if len(running.Containers) == 0 {
		f.start(dir, name, running)
		if f.also != nil {
			f.also(name)
		}
	}
	for _, c := range running.Containers {
		if c.State == "exited" && !o.Stopped {
			f.engine.Start(c.Name)
		}
	}
	if f.late != nil && len(f.calls) == 2 {
		time.AfterFunc(settlePoll, f.late)
	}
	err, f.up = f.up, nil
	return errors.Join(err, f.broken)
}

func (f *fakeCompose) Compare(ctx context.Context, _, name string, o compose.UpOptions) (compose.Rollout, error) {
	var r compose.Rollout
	if f.beside == nil && f.alone == "" || o.Kept != "" && !f.stale {
		return r, nil
	}
	if !o.Made {
		if err := f.Images(ctx, "", name); err != nil {
			return r, err
		}
	}
	r.Services, r.Alone = f.beside, f.alone
	running, err := Look(ctx, f.client, Name(name))
	for _, c := range running.Containers {
		if slices.Contains(f.beside, ServiceOf(c)) {
			r.Replaces = append(r.Replaces, c.ID)
		}
	}
	return r, err
}

func (f *fakeCompose) Beside(ctx context.Context, dir, name string, r compose.Rollout, id string) error {
	f.calls = append(f.calls, "beside")
	for _, service := range r.Services {
		c := dockertest.Container{
			Name: name + "-" + service + "-2", Image: "gateway:latest", Networks: []string{name + "_web"}, Stopped: true,
			Labels: map[string]string{
				composeProject: name, composeService: service, composeDir: dir, label.ComposeDependsOn: f.depends[service], label.Path: "/" + name,
				label.Rollout: id, label.Replaces: strings.Join(r.Replaces, ","),
			},
		}
		if service == redirectService {
			f.redirects(dir, &c)
		}
		f.engine.AddContainer(c)
	}
	err := f.up
	f.up = nil
	return errors.Join(err, ctx.Err())
}

// redirects gives a container the network and the labels of a redirect, as the file in dir says them.
func (f *fakeCompose) redirects(dir string, c *dockertest.Container) {
	text, err := os.ReadFile(filepath.Join(dir, ComposeFile))
	if err != nil {
		f.t.Fatal(err)
	}
	file, err := composefile.Parse(text)
	if err != nil {
		f.t.Fatal(err)
	}
	project := c.Labels[composeProject]
	network := project + "_" + redirectService
	f.engine.AddNetwork(dockertest.Network{Name: network, Labels: map[string]string{
		composeProject: project, composeNetwork: redirectService, label.Role: label.RoleEdge,
	}})
	c.Networks = []string{network}
	maps.Insert(c.Labels, labelsOf(file, redirectService))
}

func (f *fakeCompose) Images(ctx context.Context, _, _ string) error {
	f.calls = append(f.calls, "images")
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.builds != nil {
		f.builds()
	}
	return f.unbuilt
}

func (f *fakeCompose) Exposed(context.Context, string) ([]int, bool, error) {
	return f.ports, true, nil
}

func (f *fakeCompose) NewerImages(context.Context, string, string) ([]compose.ServiceImage, error) {
	return f.images, nil
}

func (f *fakeCompose) Pull(ctx context.Context, _, _, service string) error {
	f.calls = append(f.calls, "pull "+service)
	for _, image := range f.images {
		if image.Service != service {
			continue
		}
		if _, err := f.client.Images().Import(ctx, image.Image, strings.NewReader("newer"), nil); err != nil {
			return err
		}
	}
	return f.pull
}

func (f *fakeCompose) Prepare(_ context.Context, _, _, service string) ([]int, error) {
	f.calls = append(f.calls, "prepare "+service)
	return f.ports, f.unbuilt
}

func (f *fakeCompose) Restart(ctx context.Context, name string) error {
	f.calls = append(f.calls, "restart")
	running, err := Look(ctx, f.client, Name(name))
	if err != nil {
		return err
	}
	for _, c := range running.Containers {
		if c.State == "running" {
			f.engine.Stop(c.Name)
		}
		f.engine.Start(c.Name)
	}
	err, f.again = f.again, nil
	return err
}

func (f *fakeCompose) start(dir, name string, there Running) {
	if len(there.Networks) == 0 {
		f.engine.AddNetwork(dockertest.Network{Name: name + "_web", Labels: map[string]string{composeProject: name, label.Role: label.RoleEdge}})
	}
	labels := map[string]string{composeProject: name, composeService: "site", composeDir: dir, label.Path: "/" + name}
	if text, err := os.ReadFile(filepath.Join(dir, ComposeFile)); err == nil {
		if file, err := composefile.Parse(text); err == nil {
			if last, is := file.Get("services", "site", "labels", label.Expires); is {
				labels[label.Expires] = last
			}
		}
	}
	f.engine.AddContainer(dockertest.Container{Name: name + "-site-1", Image: "gateway:latest", Networks: []string{name + "_web"}, Labels: labels})
	if len(there.Networks) == 0 {
		// The agent puts the proxy on the network at once.
		f.engine.Connect(name+"_web", "gateway-proxy")
	}
}

func (f *fakeCompose) Down(ctx context.Context, name string) error {
	f.calls = append(f.calls, "down")
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.down > 0 {
		f.down--
		return errors.New("compose stumbled")
	}
	running, err := Look(ctx, f.client, Name(name))
	if err != nil {
		return err
	}
	for _, c := range running.Containers {
		f.engine.Remove(c.Name)
	}
	volumes, err := f.client.Volumes(ctx, composeProject+"="+name)
	for _, v := range volumes {
		err = errors.Join(err, f.client.RemoveVolume(ctx, v.Name))
	}
	return err
}

// bench is a Life on an engine in memory with the gateway's proxy and image on it.
type bench struct {
	Life
	compose *fakeCompose
	client  *docker.Client
	engine  *dockertest.Engine
	gateway *fakeGateway
	// waited are the keys that were waited for; mu guards it.
	mu     sync.Mutex
	waited []route.Key
	ready  error
	// beside are folders outside of the store that projects are in.
	beside []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	engine := dockertest.Start(t)
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	engine.AddImage("gateway:latest")
	engine.AddContainer(dockertest.Container{Name: "gateway-proxy", Image: "gateway:latest", Labels: map[string]string{label.Role: label.RoleProxy}})
	b := &bench{client: client, engine: engine, gateway: &fakeGateway{}, compose: &fakeCompose{t: t, engine: engine, client: client}}
	b.Life = Life{
		Store: newStore(t), Engine: client, Compose: b.compose, Gateway: b.gateway,
		Ready: func(ctx context.Context, _ Name, keys []route.Key) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.waited = append(b.waited, keys...)
			return errors.Join(b.ready, ctx.Err())
		},
	}
	return b
}

func request(t *testing.T, name, path string) Add {
	t.Helper()
	portfolio, err := templates.Find("portfolio")
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := route.ParsePrefix(path)
	if err != nil {
		t.Fatal(err)
	}
	return Add{
		Template: portfolio, Name: Name(name), Key: route.Key{Prefix: prefix}, Owner: "owner@example.org",
		Created: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Expires: time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC),
		Pool: netip.MustParsePrefix(subnet.DefaultPool),
	}
}

// nothingLeft checks that the engine has nothing of the project.
func (b *bench) nothingLeft(t *testing.T, name Name) {
	t.Helper()
	running, err := Look(t.Context(), b.client, name)
	if err != nil || !running.empty() {
		t.Errorf("left on the engine: %+v %v", running, err)
	}
}

func TestAdd_MakesAProjectThatReadsBack(t *testing.T) {
	b := newBench(t)
	plan, err := b.Do(t.Context(), request(t, "robots", "/robots"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(steps(plan), "subnet 10.213.0.0/27") || len(plan.Keys) != 1 || !slices.Equal(b.waited, plan.Keys) {
		t.Errorf("plan %+v, waited for %v", plan, b.waited)
	}
	p, err := b.Store.Load("robots")
	if err != nil {
		t.Fatal(err)
	}
	if p.Template != "portfolio" || p.Owner != "owner@example.org" || p.Created.Day() != 20 || p.Expires.Year() != 2027 || !p.HasSite() ||
		len(p.Claims) != 1 || p.Claims[0].Key != plan.Keys[0] || !p.Claims[0].Expires.Equal(p.Expires) || p.Claims[0].Owner != p.Owner {
		t.Errorf("read back as %+v", p)
	}
	second, err := b.Do(t.Context(), request(t, "blog", "/blog"))
	if err != nil || !strings.Contains(steps(second), "subnet 10.213.0.32/27") {
		t.Errorf("a second project: %v\n%s", err, steps(second))
	}
	onlyProjects(t, b.Store, "blog", "robots")
}

func TestAdd_DryRunDoesNothing(t *testing.T) {
	b := newBench(t)
	plan, err := b.DryRun(t.Context(), request(t, "robots", "/robots"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{b.Store.Dir("robots"), "write compose.yaml", "edge network of project robots with subnet 10.213.0.0/27", "until /robots answers"} {
		if !strings.Contains(steps(plan), want) {
			t.Errorf("the plan lacks %q:\n%s", want, steps(plan))
		}
	}
	if _, err := os.Stat(b.Store.Root()); err == nil || len(b.compose.calls) > 0 {
		t.Errorf("something was done: %v %v", err, b.compose.calls)
	}
}

func TestAdd_LeavesNothingWhenItFails(t *testing.T) {
	for name, arrange := range map[string]func(*bench, context.CancelFunc){
		"up fails":            func(b *bench, _ context.CancelFunc) { b.compose.up = errors.New("no") },
		"the route is silent": func(b *bench, _ context.CancelFunc) { b.ready = errors.New("no") },
		"down stumbles once": func(b *bench, _ context.CancelFunc) {
			b.ready, b.compose.down = errors.New("no"), 1
		},
		"interrupted while waiting": func(b *bench, cancel context.CancelFunc) {
			b.Ready = func(ctx context.Context, _ Name, _ []route.Key) error { cancel(); return ctx.Err() }
		},
		"interrupted in the middle of a call": func(b *bench, cancel context.CancelFunc) {
			// The engine goes on with what it was asked for.
			b.Ready = func(ctx context.Context, name Name, _ []route.Key) error {
				cancel()
				time.AfterFunc(300*time.Millisecond, func() {
					b.engine.AddNetwork(dockertest.Network{Name: "robots_late", Labels: map[string]string{composeProject: string(name)}})
				})
				return ctx.Err()
			}
		},
		"the agent clings to the network": func(b *bench, _ context.CancelFunc) {
			b.ready = errors.New("no")
			b.Engine = &clinging{Client: b.client, engine: b.engine, times: 3}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			arrange(b, cancel)
			_, err := b.Do(ctx, request(t, "robots", "/robots"))
			failure, ok := errors.AsType[*Failure](err)
			if !ok || !strings.Contains(failure.Undone, "was removed again") || !strings.Contains(failure.Logs, "robots-site-1") {
				t.Errorf("got %#v", err)
			}
			b.nothingLeft(t, "robots")
			onlyProjects(t, b.Store)
		})
	}
}

// clinging is an engine whose agent puts the proxy back on a network a few times.
type clinging struct {
	*docker.Client
	engine *dockertest.Engine
	times  int
}

func (c *clinging) RemoveNetwork(ctx context.Context, id string) error {
	if c.times > 0 {
		c.times--
		c.engine.Connect("robots_web", "gateway-proxy")
	}
	return c.Client.RemoveNetwork(ctx, id)
}

func TestAdd_SaysWhatIsLeftWhenItCannotCleanUp(t *testing.T) {
	for name, arrange := range map[string]func(*bench, context.CancelFunc){
		"it failed": func(b *bench, _ context.CancelFunc) { b.ready = errors.New("no answer") },
		"it was interrupted": func(b *bench, cancel context.CancelFunc) {
			b.Ready = func(context.Context, Name, []route.Key) error {
				cancel()
				return fmt.Errorf("no answer: %w", context.Canceled)
			}
		},
	} {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		arrange(b, cancel)
		b.compose.down = 2
		_, err := b.Do(ctx, request(t, "robots", "/robots"))
		interrupted := ctx.Err() != nil
		cancel()
		failure, ok := errors.AsType[*Failure](err)
		if !ok || failure.Undone != "" || !strings.Contains(err.Error(), "no answer") || errors.Is(err, context.Canceled) != interrupted {
			t.Errorf("%s: got %v", name, err)
		}
		left, ok := errors.AsType[*Leftover](err)
		if !ok || !strings.Contains(left.Error(), "compose stumbled; fix it with: gateway rm robots") || strings.Contains(left.Error(), "no answer") {
			t.Errorf("%s: left %v", name, left)
		}
		if !b.Store.Exists("robots") {
			t.Errorf("%s: the folder of what is left is gone", name)
		}
		// What it advises ends it.
		if _, err := b.Do(t.Context(), Remove{"robots"}); err != nil {
			t.Errorf("%s: removing it: %v", name, err)
		}
		onlyProjects(t, b.Store)
	}
}

func TestAdd_RefusesBeforeAnythingIsMade(t *testing.T) {
	gone := fmt.Errorf("%w", ErrNoGateway)
	for name, c := range map[string]struct {
		project, path string
		arrange       func(b *bench)
		want          []string
	}{
		"folder there":     {"blog", "/b", nil, []string{"name blog is taken", "gateway deploy blog"}},
		"runs elsewhere":   {"other", "/b", nil, []string{"name other", "other-1"}},
		"volumes are left": {"x", "/x", func(b *bench) { b.compose.volumes = []string{"x_data", "x_db"} }, []string{"name x", "x_data, x_db", "another name", "stays as it is"}},
		"path in force": {"x", "/chess", func(b *bench) {
			b.gateway.held = []policy.Held{{Key: route.Key{Prefix: prefix(t, "/chess")}, By: "container chess"}}
		}, []string{"/chess", "container chess"}},
		"path not running": {"x", "/blog", nil, []string{"/blog", "project blog"}},
		"no gateway":       {"x", "/x", func(b *bench) { b.gateway.err = gone }, []string{gone.Error()}},
		"no image":         {"x", "/x", nil, []string{"absent:latest", "gateway up"}},
		"engine elsewhere": {"x", "/x", func(b *bench) { b.Remote = "ssh://host" }, []string{"ssh://host", "another machine"}},
		"pool in use": {"x", "/x", func(b *bench) {
			b.HostRoutes = func() ([]subnet.Use, error) {
				return []subnet.Use{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), By: "route of tun0"}}, nil
			}
		}, []string{"tun0", "--pool"}},
		"name by path": {"blog", "/blog", nil, []string{"/blog is taken by project blog; choose another --path"}},
		"several":      {"blog", "/blog", func(b *bench) { b.gateway.err = gone }, []string{"2 reasons", gone.Error(), "/blog is taken"}},
	} {
		b := newBench(t)
		if _, err := b.Do(t.Context(), request(t, "blog", "/blog")); err != nil {
			t.Fatal(err)
		}
		b.engine.AddContainer(dockertest.Container{Name: "other-1", Labels: map[string]string{composeProject: "other"}})
		b.compose.calls = nil
		if c.arrange != nil {
			c.arrange(b)
		}
		r := request(t, c.project, c.path)
		if name == "no image" {
			r.Template.Needs.Images = []string{"absent:latest"}
		}
		_, err := b.Do(t.Context(), r)
		if _, refused := errors.AsType[Refusal](err); !refused {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		if b.gateway.err != nil && !errors.Is(err, gone) {
			t.Errorf("%s: the reason cannot be told from the error", name)
		}
		if len(b.compose.calls) > 0 {
			t.Errorf("%s: something was started: %v", name, b.compose.calls)
		}
		onlyProjects(t, b.Store, "blog")
	}
}

func TestAdd_RefusesANameThatImagesHave(t *testing.T) {
	b := newBench(t)
	built := fmt.Sprintf("LABEL %s=%s %s=%s", composeProject, "x", composeService, "web")
	if _, err := b.client.Images().Import(t.Context(), "x-web:latest", strings.NewReader(""), []string{built}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Do(t.Context(), request(t, "x", "/x"))
	if err == nil || !strings.Contains(err.Error(), "name x: image x-web:latest is left") || !strings.Contains(err.Error(), "docker image rm x-web:latest") {
		t.Errorf("got %v", err)
	}
}

func TestAdd_RefusesWhatThePolicyForbids(t *testing.T) {
	b := newBench(t)
	var looked string
	b.compose.inspect = func(s compose.Subject) error {
		looked = s.Dir
		if _, err := os.Stat(filepath.Join(s.Dir, ComposeFile)); err != nil || s.Place != b.Store.Dir("robots") {
			t.Errorf("nothing to look at: %+v %v", s, err)
		}
		return policy.Refused{{Rule: policy.Ports, File: filepath.Join(s.Dir, ComposeFile), Line: 7}, {Rule: policy.Ports, File: "/elsewhere"}}
	}
	for _, do := range []func(context.Context, Verb) (*Change, error){b.DryRun, b.Do} {
		_, err := do(t.Context(), request(t, "robots", "/robots"))
		refused, ok := errors.AsType[policy.Refused](err)
		if want := filepath.Join(b.Store.Dir("robots"), ComposeFile); !ok || refused[0].File != want || refused[1].File != "/elsewhere" {
			t.Errorf("got %v, want a finding in %s", err, want)
		}
		if _, err := os.Stat(looked); !errors.Is(err, os.ErrNotExist) || len(b.compose.calls) > 0 {
			t.Errorf("%s is left: %v, calls %v", looked, err, b.compose.calls)
		}
		onlyProjects(t, b.Store)
	}
}

func prefix(t *testing.T, s string) route.Prefix {
	t.Helper()
	p, err := route.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAdd_RefusesASiteThatHoldsTheProjects(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(b.Store.Root(), 0o755); err != nil {
		t.Fatal(err)
	}
	r := request(t, "robots", "/robots")
	var err error
	if r.Site, err = OpenSite(filepath.Dir(b.Store.Root()), DefaultLimits); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "inside it") {
		t.Errorf("got %v", err)
	}
}

func TestAdd_SeveralAtOnceTakeSubnetsOfTheirOwn(t *testing.T) {
	b := newBench(t)
	names := []Name{"one", "two", "three"}
	results := make(chan error, len(names))
	// Nothing is on the engine before all are placed, so that only the folders can keep the subnets apart.
	var placed sync.WaitGroup
	placed.Add(len(names))
	life := b.Life
	life.Compose = &waiting{b.compose, &placed}
	for _, name := range names {
		r := request(t, string(name), "/"+string(name))
		go func() {
			_, err := life.Do(context.Background(), r)
			results <- err
		}()
	}
	seen := map[netip.Prefix]bool{}
	for range names {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	for _, name := range names {
		p, err := b.Store.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		seen[p.Subnets[0]] = true
	}
	if len(seen) != len(names) {
		t.Errorf("subnets %v", slices.Collect(maps.Keys(seen)))
	}
}

// waiting is a Composer that starts nothing before all are about to.
type waiting struct {
	Composer
	others *sync.WaitGroup
}

func (w *waiting) Up(context.Context, string, string, compose.UpOptions) error {
	w.others.Done()
	w.others.Wait()
	return nil
}

func TestBuiltFor_TakesTheNamesThatComposeDerives(t *testing.T) {
	mark := map[string]string{composeProject: "blog", composeService: "web"}
	got := builtFor("blog", []docker.Image{
		{ID: "a", Names: []string{"blog-web:latest", "blog-web:1", "wordpress:apache", "blog-shop:1", "blog/web:1"}, Labels: mark},
		{ID: "b", Names: []string{"blog-db:latest"}, Labels: map[string]string{composeProject: "blog"}},
		{ID: "c", Labels: mark},
	})
	if !slices.Equal(got, []string{"blog-web:1", "blog-web:latest"}) {
		t.Errorf("got %v", got)
	}
}
