package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

func newExec(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "exec NAME [SERVICE] -- COMMAND [ARGUMENT ...]",
		Short: "Run a command in a container of a project",
		Long: "Runs a command in a running container of a project, on this terminal when there is one, and ends with its exit\n" +
			"code. SERVICE defaults to the service that the project publishes.",
		Example: "  gateway exec blog -- php -v\n  gateway exec blog db -- mariadb-dump --all-databases >backup.sql\n  gateway exec blog -- bash",
		Args: cli.Args(func(c *cobra.Command, args []string) error {
			if dash := c.ArgsLenAtDash(); dash < 1 || dash > 2 || dash == len(args) {
				return errors.New("it takes a project, an optional service, and a command after --, such as: gateway exec blog -- php -v")
			}
			return nil
		}),
		RunE: func(c *cobra.Command, args []string) error {
			dash, service := c.ArgsLenAtDash(), ""
			if dash == 2 {
				service = args[1]
			}
			return env.Read(func(s *cli.Session) error { return runExec(c.Context(), s, args[0], service, args[dash:]) })
		},
	}
}

func runExec(ctx context.Context, s *cli.Session, arg, service string, words []string) error {
	name, err := s.Known(ctx, arg)
	if err != nil {
		return err
	}
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return err
	}
	c, err := containerOf(running.Containers, name, service)
	if err != nil {
		return err
	}
	env := s.Env
	in, is := env.In.(io.ReadCloser) // as it is, since it may be a terminal
	if !is {
		in = io.NopCloser(env.In)
	}
	code, err := compose.Exec(ctx, s.Host, compose.Streams{In: in, Out: env.Out, Err: env.Err, Terminal: env.Interactive}, c.Name, words)
	if err == nil && code != 0 {
		err = cli.ExitError{Code: code}
	}
	return err
}

// containerOf is the container of a service that runs, of the published one when none is named.
func containerOf(all []docker.Container, name projects.Name, service string) (docker.Container, error) {
	var services []string
	for _, c := range all {
		_, published := c.Labels[label.Path]
		if own := projects.ServiceOf(c); c.State == "running" {
			if own == service || service == "" && published {
				return c, nil
			}
			services = append(services, own)
		}
	}
	slices.Sort(services)
	if services = slices.Compact(services); service == "" && len(services) == 1 {
		return containerOf(all, name, services[0])
	}
	switch {
	case len(services) == 0:
		return docker.Container{}, fmt.Errorf("project %s has no container that runs; start it: gateway start %s", name, name)
	case service == "":
		return docker.Container{}, fmt.Errorf("project %s publishes no service that runs; name one of %s", name, strings.Join(services, ", "))
	}
	return docker.Container{}, fmt.Errorf("project %s has no service %s that runs; there are %s", name, service, strings.Join(services, ", "))
}
