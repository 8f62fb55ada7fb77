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

// hints says how to mend a known condition, below the error that wraps it.
var hints = []struct {
	is   error
	hint string
}{
	{errNoGateway, "start it with: gateway up"},
	{admin.ErrNoRoute, "see which routes there are with: gateway routes"},
	{compose.ErrOverlap, "another network took the addresses meanwhile; run the command again, or name another pool with --pool"},
	{errNoTerminal, "list them with: gateway routes, or keep watching with: gateway routes --watch"},
	{docker.ErrUnreachable, "is Docker running, and may you use it? try: docker info; install.sh --with-docker installs and starts it"},
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
		return exitFailed
	}
	env.notef("gateway: %v\n", err)
	for _, h := range hints {
		if errors.Is(err, h.is) {
			env.notef("  %s\n", h.hint)
			break
		}
	}
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}
