package slack

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/invite"
)

type webhookOptions struct {
	project, file string
	anyHost       bool
}

func newSlackSetWebhook(env *cli.Env) *cobra.Command {
	var o webhookOptions
	c := &cobra.Command{
		Use:   "set-webhook",
		Short: "Set the webhook for invitation requests",
		Long: "Reads the URL of an incoming webhook of Slack or Discord from standard input or from a file; it is a secret, and\n" +
			"other users can see command lines. It is kept in the project's secrets and never shown. The page shows its form\n" +
			"when page.yaml has form: true.",
		Example: "  gateway slack set-webhook --file webhook.txt\n  gateway slack set-webhook < webhook.txt",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runSlackSetWebhook(c.Context(), env, o) },
	}
	c.Flags().StringVar(&o.file, "file", "", "`file` with the URL (default standard input)")
	c.Flags().BoolVar(&o.anyHost, "any-host", false, "accept any HTTPS webhook that takes JSON with a text")
	addProjectFlag(c, &o.project)
	return c
}

func runSlackSetWebhook(ctx context.Context, env *cli.Env, o webhookOptions) error {
	text, err := o.read(env)
	if err != nil {
		return err
	}
	webhook, err := invite.ParseWebhook(text, o.anyHost)
	if err != nil {
		return cli.Usage(err)
	}
	return onInvite(ctx, env, o.project, func(page invitePage) error {
		if err := page.private(); err != nil {
			return err
		}
		if err := webhook.Write(page.privateDir()); err != nil {
			return err
		}
		env.Donef("requests for an invitation to project %s go to %s\n", page.Name, webhook)
		if !page.settings.Form {
			env.Notef("the page does not show its form yet: write form: true in %s\n", filepath.Join(page.pageDir(), invite.SettingsFile))
		}
		return nil
	})
}

// read is the URL from where it was said to be.
func (o webhookOptions) read(env *cli.Env) (string, error) {
	from := env.In
	if o.file != "" {
		f, err := os.Open(o.file)
		if err != nil {
			return "", fmt.Errorf("reading the webhook (--file): %w", err)
		}
		defer f.Close()
		from = f
	} else if env.Interactive {
		env.Notef("paste the URL of the webhook, then Enter and Ctrl-D:\n")
	}
	const most = 1 << 16
	text, err := io.ReadAll(io.LimitReader(from, most))
	if err != nil {
		return "", fmt.Errorf("reading the webhook: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func newSlackRemoveWebhook(env *cli.Env) *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:     "rm-webhook",
		Short:   "Remove the webhook for invitation requests",
		Long:    "Removes the webhook, and with it the form of the page. Safe to run again.",
		Example: "  gateway slack rm-webhook",
		Args:    cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return onInvite(c.Context(), env, project, func(page invitePage) error {
				if err := invite.RemoveWebhook(page.privateDir()); err != nil {
					return err
				}
				env.Donef("project %s has no webhook\n", page.Name)
				return nil
			})
		},
	}
	addProjectFlag(c, &project)
	return c
}
