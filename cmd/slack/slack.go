// Package slack has the commands that look after invite pages and the one that serves such a page. It also knows what
// somebody should do about the invite pages of this machine, which other commands show.
package slack

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newSlack(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "slack",
		Short: "Manage the page that invites people to a chat",
		Long: "Manages the links of a slack-invite project's page, and shows how often they were used. The page can also invite\n" +
			"to Discord, Matrix or another service. --project is needed only with several such projects.",
		Example: "  gateway slack set-link https://join.slack.com/t/robots/shared_invite/zt-2abc\n  gateway slack show",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSlackShow(env), newSlackSetLink(env), newSlackRemoveLink(env),
		newSlackSwitch(env, "disable-link", true), newSlackSwitch(env, "enable-link", false),
		newSlackSetWebhook(env), newSlackRemoveWebhook(env), newSlackSetLogo(env))
	return c
}

// Commands are the commands of this package.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newSlack(env), newSlackInvite(env),
	}
}
