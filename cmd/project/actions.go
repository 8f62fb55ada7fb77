package project

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/tui"
)

// Actions are what the keys of the TUI do with a route. Each of them connects to what it needs when it is called, and
// writes nothing to the terminal.
func Actions(env *cli.Env) tui.Actions {
	quiet := *env
	quiet.Out, quiet.Err, quiet.Interactive, quiet.Terminal = io.Discard, io.Discard, false, false
	a := actions{&quiet}
	return tui.Actions{
		Allowed: a.onProject(func(ctx context.Context, s *cli.Session, arg string) error {
			name, err := s.Known(ctx, arg)
			if err != nil {
				return err
			}
			return projects.Own(ctx, s.Engine, s.Store, name)
		}),
		Restart: a.change(func(name projects.Name) projects.Verb { return projects.Restart{Name: name} }),
		Stop:    a.change(func(name projects.Name) projects.Verb { return projects.Stop{Name: name} }),
		Start:   a.change(func(name projects.Name) projects.Verb { return projects.Start{Name: name} }),
		Pause: a.onGateway(func(ctx context.Context, gateway *admin.Client, key string) error {
			_, err := gateway.Pause(ctx, key, admin.Pause{Wait: admin.DefaultWait.Milliseconds()})
			return err
		}),
		Resume: a.onGateway(func(ctx context.Context, gateway *admin.Client, key string) error {
			_, err := gateway.Resume(ctx, key)
			return err
		}),
		Logs: func(ctx context.Context, r admin.Route, emit func(string)) error {
			return a.onProject(func(ctx context.Context, s *cli.Session, arg string) error { return followLogs(ctx, s, arg, emit) })(ctx, r)
		},
		Shell: func(ctx context.Context, container string) *exec.Cmd {
			return exec.CommandContext(ctx, env.Executable, append(globalFlags(env), "shell", "--", container)...)
		},
	}
}

// actions are carried out in an environment that shows nothing.
type actions struct{ env *cli.Env }

// onProject is an action on the project of a route, in a session of its own.
func (a actions) onProject(do func(ctx context.Context, s *cli.Session, name string) error) func(context.Context, admin.Route) error {
	return func(ctx context.Context, r admin.Route) error {
		return a.explained(a.env.Read(func(s *cli.Session) error { return do(ctx, s, cmp.Or(r.Project, r.Service)) }))
	}
}

// change is onProject for a change of it.
func (a actions) change(verb func(projects.Name) projects.Verb) func(context.Context, admin.Route) error {
	return a.onProject(func(ctx context.Context, s *cli.Session, arg string) error { return do(ctx, s, arg, verb) })
}

// onGateway is an action of the running gateway on one route.
func (a actions) onGateway(do func(ctx context.Context, gateway *admin.Client, key string) error) func(context.Context, admin.Route) error {
	return func(ctx context.Context, r admin.Route) error {
		return a.explained(a.env.OnGateway(ctx, func(gateway *admin.Client) error { return do(ctx, gateway, r.Key) }))
	}
}

// explained is an error as one text with its hint; nil stays nil.
func (a actions) explained(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(a.env.Hinted(err))
}

// followLogs emits the last lines of a project and those that come, or the last lines of a container without a project.
func followLogs(ctx context.Context, s *cli.Session, arg string, emit func(string)) error {
	services, err := written(ctx, s, arg)
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind == projects.Single {
		text, err := s.Engine.Logs(ctx, arg, logTail)
		for line := range strings.Lines(text) {
			emit(strings.TrimRight(line, "\r\n"))
		}
		return err
	}
	if err != nil {
		return err
	}
	service, err := s.Compose()
	if err != nil {
		return err
	}
	return service.Logs(ctx, arg, compose.LogOptions{Tail: logTail, Follow: true}, func(l compose.Line) {
		if len(services) > 1 {
			l.Text = l.Container + " | " + l.Text
		}
		emit(l.Text)
	})
}

// globalFlags are the flags of every command, as they were given to this one.
func globalFlags(env *cli.Env) []string {
	var flags []string
	for _, flag := range [][2]string{
		{"--socket", env.Global.Socket}, {"--projects", env.Global.Projects}, {"--docker-host", env.Global.Host},
	} {
		if flag[1] != "" {
			flags = append(flags, flag[0], flag[1])
		}
	}
	return flags
}
