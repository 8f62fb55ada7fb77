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

// Streams are what a command in a container reads and writes.
type Streams struct {
	In       io.ReadCloser
	Out, Err io.Writer
	// Terminal says that In and Out are a terminal, which the command gets as its own; Err is not used then.
	Terminal bool
}

// Exec runs a command in a running container, as docker exec -i does, and returns its exit code. It reads from In until the
// command ends: it is for a process of its own.
func Exec(ctx context.Context, host string, streams Streams, name string, words []string) (int, error) {
	prepare()
	options, err := clientOptions(host)
	if err != nil {
		return 0, fmt.Errorf("running %s in container %s: %w", words[0], name, err)
	}
	errs := streams.Err
	if streams.Terminal {
		errs = io.Discard
	}
	docker, err := command.NewDockerCli(command.WithInputStream(streams.In), command.WithOutputStream(streams.Out), command.WithErrorStream(errs))
	if err == nil {
		err = docker.Initialize(options)
	}
	if err != nil {
		return 0, fmt.Errorf("running %s in container %s: %w", words[0], name, err)
	}
	exec := container.NewExecOptions()
	exec.Interactive, exec.TTY, exec.Command = true, streams.Terminal, words
	err = container.RunExec(ctx, docker, name, exec)
	if ended, is := errors.AsType[cli.StatusError](err); is {
		return ended.StatusCode, nil
	}
	return 0, worded(err)
}
