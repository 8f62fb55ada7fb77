// Package cmd is the command line of gateway: the root command and the help, and how errors are worded. The commands are
// in a package per group, one file per command, each an options struct and a run function; they hold no logic that
// another front end would need. Results go to stdout and chatter to stderr; the exit code is 0 when done, 1 when it
// failed and 2 after a usage error.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/project"
	"gateway/cmd/route"
	"gateway/cmd/server"
	"gateway/cmd/slack"
)

// Version is the release, set by the linker; "dev" in a build from a checkout.
var Version = "dev"

// Main runs one command line in the environment of this process and returns the exit code.
func Main(ctx context.Context, args []string) int { return run(ctx, cli.System(), args) }

func run(ctx context.Context, env *cli.Env, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(env)
	root.SetArgs(args)
	project.ExtendAdd(env, root, args)
	return report(env, execute(ctx, env, root))
}

func newRoot(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "Host many projects on one machine and one domain",
		Long: "gateway finds labelled Docker containers and routes to them by path prefix, and creates, deploys,\n" +
			"watches and removes the projects behind it.",
		Example: "  gateway up\n  gateway add portfolio --path /robots\n  gateway routes tui",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	env.Hint, env.Version = hintOf, Version
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.Usage(err) })
	f := root.PersistentFlags()
	f.StringVar(&env.Global.Socket, "socket", "", "admin socket of the proxy (default $GATEWAY_SOCKET, else "+cli.DefaultSocket+" or that of this user, else through docker exec)")
	f.StringVar(&env.Global.Projects, "projects", "", "folder of the projects (default $GATEWAY_PROJECTS, else /srv/gateway/projects as root, else ~/.local/share/gateway/projects)")
	f.StringVar(&env.Global.Host, "docker-host", "", "address of the Docker engine (default $DOCKER_HOST, else the current docker context)")
	for _, group := range groups {
		root.AddCommand(group(env)...)
	}
	root.SetHelpCommand(newHelp(env))
	return root
}

// groups are all commands, by package.
var groups = []func(*cli.Env) []*cobra.Command{server.Commands, project.Commands, route.Commands, slack.Commands}
