// Package cmd is the command line of gateway: one file per command, each an options struct and a run function. It
// knows flags, streams, the environment, how the other packages are wired together, and how errors are worded. It
// holds no logic that another front end would need. Results go to stdout and chatter to stderr; the exit code is 0
// when done, 1 when it failed and 2 when the words of the call were off.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Version is the release, set by the linker; "dev" in a build from a checkout.
var Version = "dev"

// Main runs one command line and returns the exit code.
func Main(ctx context.Context, env *Env, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(env)
	root.SetArgs(args)
	extendAdd(env, root, args)
	return report(env, execute(ctx, env, root))
}

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "Host many projects on one machine and one domain",
		Long: "gateway finds labelled Docker containers and routes to them by path prefix, and creates, deploys,\n" +
			"watches and removes the projects behind it.",
		Example: "  gateway up\n  gateway add portfolio --path /robots\n  gateway routes tui",
		Args:    usage(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVar(&env.global.socket, "socket", "", "admin socket of the proxy (default $GATEWAY_SOCKET, else "+defaultSocket+" or that of this user, else through docker exec)")
	f.StringVar(&env.global.projects, "projects", "", "folder of the projects (default $GATEWAY_PROJECTS, else /srv/gateway/projects as root, else ~/.local/share/gateway/projects)")
	f.StringVar(&env.global.host, "docker-host", "", "address of the Docker engine (default $DOCKER_HOST, else the current docker context)")
	for _, command := range commands {
		root.AddCommand(command(env))
	}
	root.SetHelpCommand(newHelp(env))
	return root
}

// commands are all commands, in the order in which help shows them.
var commands = []func(*Env) *cobra.Command{
	newUp, newDown, newStatus,
	newAdd, newList, newShow, newDeploy, newRollback, newMove, newPause, newResume, newStop, newStart, newLogs, newStats, newRemove,
	newRoutes, newSlack, newNetwork, newTemplates, newPolicy,
	newServe, newAgent, newSite, newSlackInvite, newPing, newPipe, newListening,
}
