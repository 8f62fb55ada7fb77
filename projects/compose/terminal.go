package compose

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/container"
)

// OnTerminal runs a command in a running container on the terminal that in and out are, as docker exec -it does, and
// returns its exit code. It reads from in until the process ends: it is for a process of its own.
func OnTerminal(ctx context.Context, host string, in io.ReadCloser, out io.Writer, name string, words []string) (int, error) {
	prepare()
	options, err := clientOptions(host)
	if err != nil {
		return 0, fmt.Errorf("running %s in container %s: %w", words[0], name, err)
	}
	docker, err := command.NewDockerCli(command.WithInputStream(in), command.WithOutputStream(out), command.WithErrorStream(io.Discard))
	if err == nil {
		err = docker.Initialize(options)
	}
	if err != nil {
		return 0, fmt.Errorf("running %s in container %s: %w", words[0], name, err)
	}
	exec := container.NewExecOptions()
	exec.Interactive, exec.TTY, exec.Command = true, true, words
	err = container.RunExec(ctx, docker, name, exec)
	if ended, is := errors.AsType[cli.StatusError](err); is {
		return ended.StatusCode, nil
	}
	return 0, worded(err)
}
