package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks an error in the words of the call.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage marks what an argument check says as a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
		}
		return nil
	}
}

// errSilent ends a command with exit code 1 after it has printed all there is to say.
var errSilent = errors.New("failed")

// hints says how to fix a known condition, below the error that wraps it. The first that fits is shown.
var hints = []struct {
	is   error
	hint string
}{
	{docker.ErrForbidden, "use sudo, or add yourself to the group docker: sudo usermod -aG docker USER, and log in again"},
	{docker.ErrNotRunning, "start Docker, on most systems with: sudo systemctl start docker; install.sh --with-docker installs it; an engine elsewhere is named by DOCKER_HOST or --docker-host"},
	{docker.ErrTLS, "name the folder of its certificates: DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=FOLDER; leave both out for an engine without TLS"},
	{docker.ErrSSH, "check that this works without a password: ssh HOST docker version; the user there needs the group docker"},
	{docker.ErrUnreachable, "check that DOCKER_HOST or --docker-host names the engine and that it runs; try: docker --host ADDRESS info"},
	{errForbiddenSocket, "use sudo, or the user that runs the gateway"},
	{errNoGateway, "start it with: gateway up"},
	{admin.ErrNoRoute, "see which routes there are with: gateway routes"},
	{compose.ErrOverlap, "another network took the addresses meanwhile; run the command again, or name another pool with --pool"},
	{errNoTerminal, "list them with: gateway routes, or keep watching with: gateway routes --watch"},
}

// hintOf is the hint of the first condition in the table that err is, or empty.
func hintOf(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return h.hint
		}
	}
	return ""
}

// hinted is an error on one line with its hint.
func hinted(err error) string {
	if hint := hintOf(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

// report writes err for the user, once, and returns the exit code that goes with it.
func report(env *Env, err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errSilent) {
		return exitFailed
	}
	if errors.Is(err, context.Canceled) {
		env.notef("gateway: interrupted\n")
		if left, ok := errors.AsType[*projects.Leftover](err); ok {
			env.notef("  %v\n", left)
		}
		if failure, started := errors.AsType[*projects.Failure](err); started {
			env.undone(failure)
		}
		return exitFailed
	}
	env.notef("gateway: %v\n", err)
	if hint := hintOf(err); hint != "" {
		env.notef("  %s\n", hint)
	}
	if failure, started := errors.AsType[*projects.Failure](err); started {
		env.notef("%s", lines(failure.Logs))
		env.undone(failure)
	}
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// undone says what became of a project that was being made.
func (e *Env) undone(f *projects.Failure) {
	if f.Undone {
		e.notef("all that was made of the project was removed again\n")
	}
}
