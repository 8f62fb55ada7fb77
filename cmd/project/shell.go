package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/compose"
	"gateway/proxy/docker"
)

func newShell(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:    "shell CONTAINER",
		Short:  "Run a shell in a container",
		Long:   "Runs bash, or sh where there is no bash, in a running container. 'gateway routes tui' runs it on its terminal.",
		Hidden: true,
		Args:   cli.Args(cobra.ExactArgs(1)),
		RunE:   func(c *cobra.Command, args []string) error { return runShell(c.Context(), env, args[0]) },
	}
}

// runShell ends well whatever the exit code of the shell is: that belongs to its last command.
func runShell(ctx context.Context, env *cli.Env, name string) error {
	in, is := env.In.(io.ReadCloser)
	if !env.Interactive || !is {
		return fmt.Errorf("a shell needs a terminal on stdin and stdout; for one command use: docker exec %s COMMAND", name)
	}
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	shell, err := shellOf(ctx, s.Engine, name)
	if err != nil {
		return err
	}
	env.Printf("%s in container %s; exit or ctrl+d ends it\n", shell, name)
	_, err = compose.Exec(ctx, s.Host, compose.Streams{In: in, Out: env.Out, Terminal: true}, name, []string{shell})
	return err
}

// shellOf is the path of the best shell that a container has.
func shellOf(ctx context.Context, engine *docker.Client, name string) (string, error) {
	c, err := engine.Container(ctx, name)
	if err != nil {
		return "", err
	}
	if c.State != "running" {
		return "", fmt.Errorf("container %s is %s, and only one that runs can have a shell", name, c.State)
	}
	conn, err := engine.Exec(ctx, c.ID, []string{"/bin/sh", "-c", "command -v bash || command -v sh"})
	var found []byte
	if err == nil {
		defer conn.Close()
		found, err = io.ReadAll(conn)
	}
	switch shell := strings.TrimSpace(string(found)); {
	case errors.Is(err, docker.ErrUnreachable) || ctx.Err() != nil:
		return "", err
	case err != nil || !strings.HasPrefix(shell, "/"):
		return "", fmt.Errorf("container %s has no shell: its image %s has no /bin/sh", name, c.Image)
	default:
		return shell, nil
	}
}
