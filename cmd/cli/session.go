package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
)

// Session connects a command to projects, engine, Compose and gateway.
type Session struct {
	Env *Env
	// Host is the address of the engine, in the form that docker.New takes.
	Host     string
	Engine   *docker.Client
	Store    projects.Store
	Progress *Progress
	// Compose returns the Compose SDK, which is set up by the first call.
	Compose func() (*compose.Compose, error)

	gateway *admin.Client
}

// Session prepares the connections and makes none: each is made at its first use. The caller closes the session.
func (e *Env) Session() (*Session, error) {
	s := &Session{Env: e, Progress: NewProgress(e)}
	var err error
	if s.Store, err = projects.NewStore(e.ProjectsRoot()); err != nil {
		return nil, err
	}
	if err := s.Store.Protect(); err != nil {
		return nil, err
	}
	if s.Host, err = e.dockerHost(); err != nil {
		return nil, err
	}
	s.Compose = sync.OnceValues(func() (*compose.Compose, error) { return compose.New(s.Host, s.Progress.Emit) })
	if s.Engine, err = docker.New(s.Host); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the progress and closes the connections.
func (s *Session) Close() {
	s.Progress.End()
	if s.gateway != nil {
		s.gateway.Close()
	}
	_ = s.Engine.Close()
}

// Gateway is the running gateway, connected by the first call; the session closes it. One goroutine uses it.
func (s *Session) Gateway(ctx context.Context) (*admin.Client, error) {
	if s.gateway == nil {
		client, err := s.Env.Gateway(ctx)
		if err != nil {
			return nil, err
		}
		s.gateway = client
	}
	return s.gateway, nil
}

// Read runs a command that changes no project, in a session.
func (e *Env) Read(do func(*Session) error) error {
	s, err := e.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// Change runs a command that changes projects: it is not ended half-way when its terminal goes away.
func (e *Env) Change(ctx context.Context, do func(context.Context, *Session) error) error {
	ctx, stop := OutliveTerminal(ctx)
	defer stop()
	return e.Read(func(s *Session) error { return do(ctx, s) })
}

// ChangeProject runs a command that changes the project called name, whose folder the engine has to see.
func (e *Env) ChangeProject(ctx context.Context, name string, do func(context.Context, *Session, projects.Project) error) error {
	return e.Change(ctx, func(ctx context.Context, s *Session) error {
		if far := Remote(s.Host); far != "" {
			return fmt.Errorf("the engine at %s is on another machine and sees no files of this one; run the command there", far)
		}
		p, err := s.Load(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, s, p)
	})
}

// Everything lists the engine's containers and networks.
func (s *Session) Everything(ctx context.Context) ([]docker.Container, []docker.Network, error) {
	containers, err := s.Engine.Containers(ctx)
	if err != nil {
		return nil, nil, err
	}
	networks, err := s.Engine.Networks(ctx)
	return containers, networks, err
}

// Known reads the name of a project that has a folder here, or had one: it need not be readable. Of anything else that
// the gateway may serve the error says what it is and which commands apply.
func (s *Session) Known(ctx context.Context, arg string) (projects.Name, error) {
	name, err := s.here(ctx, arg)
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind == projects.Orphan {
		return projects.Name(stray.Name), nil
	}
	return name, err
}

// here reads the name of a project that has a folder here.
func (s *Session) here(ctx context.Context, arg string) (projects.Name, error) {
	name, invalid := projects.ParseName(arg)
	if invalid == nil && s.Store.Exists(name) {
		return name, nil
	}
	containers, networks, err := s.Everything(ctx)
	if err != nil && invalid != nil {
		return "", Usage(invalid)
	}
	if err != nil {
		return "", err
	}
	all, err := s.Store.List()
	if err != nil {
		return "", err
	}
	for _, stray := range s.Store.Strays(all, containers, networks, Remote(s.Host) != "") {
		if stray.Name == arg {
			return projects.Name(arg), stray
		}
	}
	if invalid != nil {
		return "", Usage(invalid)
	}
	_, err = s.Store.Load(name)
	return "", err
}

// Load reads a project that has a folder here.
func (s *Session) Load(ctx context.Context, arg string) (projects.Project, error) {
	name, err := s.here(ctx, arg)
	if errors.Is(err, docker.ErrUnreachable) && !errors.Is(err, docker.ErrForbidden) {
		// Without an engine the folders are all there is to know.
		name, err = projects.ParseName(arg)
	}
	if err != nil {
		return projects.Project{}, err
	}
	return s.Store.Load(name)
}

// Local reports whether the engine shares this machine's kernel, and so its routes.
func Local(host string) bool { return strings.HasPrefix(host, "unix://") }

// Remote is the engine's address when it sees none of the files here, else empty.
func Remote(host string) string {
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "ssh" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	return host
}
