// Package cmd is the command line of gateway: the root command and the help, and how errors are worded. The commands are
// in a package per group, one file per command, each an options struct and a run function; they hold no logic that
// another front end would need. Results go to stdout and chatter to stderr; the exit code is 0 when done, 1 when it
// failed and 2 after a usage error.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gateway/cmd/certificate"
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
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		plainUsages(root)
	}
	return report(env, root.ExecuteContext(ctx))
}

func newRoot(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "Host many projects on one machine and one domain",
		Long: "Host many projects on one machine and one domain: gateway routes to labelled Docker containers by path " +
			"prefix, and manages their projects.",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
		Version: Version,

		SilenceErrors: true, SilenceUsage: true,
	}
	env.Hint, env.Version = hintOf, Version
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	f := root.PersistentFlags()
	f.StringVar(&env.Global.Socket, "socket", "", "`path` of the admin socket (default $GATEWAY_SOCKET, else "+cli.DefaultSocket+" or the user's own, else through docker exec)")
	f.StringVar(&env.Global.Projects, "projects", "", "`folder` of the projects (default $GATEWAY_PROJECTS, else /srv/gateway/projects as root, else ~/.local/share/gateway/projects)")
	f.StringVar(&env.Global.Host, "docker-host", "", "`address` of the Docker engine (default $DOCKER_HOST, else the current docker context)")
	for _, group := range groups {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands(env) {
			c.GroupID = group.title
			root.AddCommand(c)
		}
	}
	root.SetHelpCommand(newHelp(env))
	root.SetHelpCommandGroupID(otherGroup)
	setHelp(env, root)
	root.InitDefaultHelpCmd()
	addSuggestions(root)
	addCompletions(env, root)
	return root
}

const otherGroup = "Other"

// groups are all commands, as help shows them.
var groups = []struct {
	title    string
	commands func(*cli.Env) []*cobra.Command
}{
	{"Gateway", func(env *cli.Env) []*cobra.Command { return append(server.Commands(env), certificate.Commands(env)...) }},
	{"Projects", project.Commands},
	{"Routes", route.Commands},
	{"Invite page", slack.Commands},
	{"Processes", server.Processes},
	{otherGroup, func(env *cli.Env) []*cobra.Command { return []*cobra.Command{newCompletion(env), newMan(env)} }},
}
