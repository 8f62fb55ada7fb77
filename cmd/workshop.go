package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"gateway/projects"
	"gateway/projects/compose"
	"gateway/projects/subnet"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// workshop is what the commands that work on projects have in common.
type workshop struct {
	env      *Env
	host     string
	engine   *docker.Client
	compose  *compose.Compose
	store    projects.Store
	progress *progress
}

// workshop prepares all that projects need, and connects to nothing.
func (e *Env) workshop() (*workshop, error) {
	w := &workshop{env: e, progress: newProgress(e)}
	var err error
	if w.store, err = projects.NewStore(e.projectsRoot()); err != nil {
		return nil, err
	}
	if err := w.store.Protect(); err != nil {
		return nil, err
	}
	if w.host, err = e.dockerHost(); err != nil {
		return nil, err
	}
	if w.compose, err = compose.New(w.host, w.progress.emit); err != nil {
		return nil, err
	}
	if w.engine, err = docker.New(w.host); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *workshop) close() {
	w.progress.end()
	_ = w.engine.Close()
}

// life is what changes projects; ready is how it waits for their routes.
func (w *workshop) life(ready func(ctx context.Context, name projects.Name, keys []route.Key) error) projects.Life {
	hold := func(ctx context.Context, plan projects.Addition) error { return holdNew(ctx, w, plan) }
	again := func(ctx context.Context, p projects.Project) error { return holdAgain(ctx, w, p) }
	return projects.Life{Store: w.store, Engine: w.engine, Compose: w.compose, Ready: ready, Hold: hold, HoldAgain: again}
}

// everything lists the engine's containers and networks.
func (w *workshop) everything(ctx context.Context) ([]docker.Container, []docker.Network, error) {
	containers, err := w.engine.Containers(ctx)
	if err != nil {
		return nil, nil, err
	}
	networks, err := w.engine.Networks(ctx)
	return containers, networks, err
}

// known reads the name of a project that has a folder here, or had one: it need not be readable. Of anything else that
// the gateway may serve the error says what it is and which commands apply.
func (w *workshop) known(ctx context.Context, arg string) (projects.Name, error) {
	name, err := w.here(ctx, arg)
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind == projects.Orphan {
		return projects.Name(stray.Name), nil
	}
	return name, err
}

// here reads the name of a project that has a folder here.
func (w *workshop) here(ctx context.Context, arg string) (projects.Name, error) {
	name, invalid := projects.ParseName(arg)
	if invalid == nil && w.store.Exists(name) {
		return name, nil
	}
	containers, networks, err := w.everything(ctx)
	if err != nil && invalid != nil {
		return "", usageError{invalid}
	}
	if err != nil {
		return "", err
	}
	strays, err := w.store.Strays(containers, networks, remote(w.host) != "")
	if err != nil {
		return "", err
	}
	for _, s := range strays {
		if s.Name == arg {
			return projects.Name(arg), s
		}
	}
	if invalid != nil {
		return "", usageError{invalid}
	}
	_, err = w.store.Load(name)
	return "", err
}

// load reads a project that has a folder here.
func (w *workshop) load(ctx context.Context, arg string) (projects.Project, error) {
	name, err := w.here(ctx, arg)
	if errors.Is(err, docker.ErrUnreachable) && !errors.Is(err, docker.ErrForbidden) {
		// Without an engine the folders are all there is to know.
		name, err = projects.ParseName(arg)
	}
	if err != nil {
		return projects.Project{}, err
	}
	return w.store.Load(name)
}

// facts looks at the engine and the gateway for the plan of a new project.
func (w *workshop) facts(ctx context.Context, name projects.Name, images []string) (projects.Facts, error) {
	f := projects.Facts{Remote: remote(w.host)}
	var err error
	if f.Routes, f.Gateway = w.taken(ctx); ctx.Err() != nil {
		return f, ctx.Err()
	}
	if f.Running, f.Engine = projects.Look(ctx, w.engine, name); f.Engine != nil {
		// Without its engine a gateway cannot be found either; one reason is enough.
		if errors.Is(f.Gateway, docker.ErrUnreachable) {
			f.Gateway = nil
		}
		return f, ctx.Err()
	}
	for _, image := range images {
		if _, err := w.engine.Images().ID(ctx, image); errors.Is(err, docker.ErrNotFound) {
			f.Missing = append(f.Missing, image)
		} else if err != nil {
			return f, err
		}
	}
	if f.Networks, err = w.engine.Networks(ctx); err != nil {
		return f, err
	}
	if f.Volumes, err = w.compose.Volumes(ctx, string(name)); err != nil {
		return f, err
	}
	built, err := w.engine.Images().Labelled(ctx, projects.ComposeLabel(name))
	if err != nil {
		return f, err
	}
	f.Images = projects.BuiltFor(name, built)
	if local(w.host) {
		f.HostRoutes, err = subnet.HostRoutes()
	}
	return f, err
}

// taken lists the keys of the running table.
func (w *workshop) taken(ctx context.Context) ([]projects.Taken, error) {
	gateway, err := w.env.gateway(ctx)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return nil, err
	}
	return takenBy(routes), nil
}

func takenBy(routes admin.Routes) []projects.Taken {
	var all []projects.Taken
	for _, r := range routes.Routes {
		key, err := route.ParseKey(r.Key)
		if err != nil {
			continue
		}
		by := "project " + r.Project
		if r.Project == "" {
			by = "container " + r.Service
		}
		all = append(all, projects.Taken{Key: key, Project: r.Project, By: by})
	}
	return all
}

// local reports whether the engine shares this machine's kernel, and so its routes.
func local(host string) bool { return strings.HasPrefix(host, "unix://") }

// remote is the engine's address when it sees none of the files here, else empty.
func remote(host string) string {
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "ssh" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	return host
}

// claim reads the words of a call by the rules of labels, so that both have the same.
func claim(path, host, owner string) (label.Claim, error) {
	labels := map[string]string{label.Path: path}
	for name, value := range map[string]string{label.Host: host, label.Owner: owner} {
		if value != "" {
			labels[name] = value
		}
	}
	claims, problems := label.Parse(labels)
	if len(problems) > 0 {
		p := problems[0]
		flag := "--" + p.Label[strings.LastIndexByte(p.Label, '.')+1:]
		return label.Claim{}, usageError{fmt.Errorf("%s: %s; %s", flag, strings.TrimPrefix(p.Message, p.Label+": "), p.Mend)}
	}
	return claims[0], nil
}

// routesOf are those of one project.
func routesOf(routes admin.Routes, project string) []admin.Route {
	return slices.DeleteFunc(slices.Clone(routes.Routes), func(r admin.Route) bool { return r.Project != project })
}
