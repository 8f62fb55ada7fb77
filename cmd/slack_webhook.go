package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gateway/proxy/invite"
	"gateway/proxy/invite/durable"
)

type webhookOptions struct {
	project, file string
	anyHost       bool
}

func newSlackSetWebhook(env *Env) *cobra.Command {
	var o webhookOptions
	c := &cobra.Command{
		Use:   "set-webhook",
		Short: "Set where requests for an invitation go",
		Long: "Reads the URL of an incoming webhook of Slack or Discord from standard input or from a file, since whoever knows it\n" +
			"can write there: what is on a command line, others on this machine can see. It is kept in the project's\n" +
			"secrets and never shown. The page offers its form once form: true is in its page.yaml.",
		Example: "  gateway slack set-webhook --file webhook.txt\n  gateway slack set-webhook < webhook.txt",
		Args:    usage(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runSlackSetWebhook(c.Context(), env, o) },
	}
	c.Flags().StringVar(&o.file, "file", "", "file with the URL (default standard input)")
	c.Flags().BoolVar(&o.anyHost, "any-host", false, "take the webhook of any service over HTTPS that takes JSON with a text")
	addProjectFlag(c, &o.project)
	return c
}

func runSlackSetWebhook(ctx context.Context, env *Env, o webhookOptions) error {
	text, err := o.read(env)
	if err != nil {
		return err
	}
	webhook, err := invite.ParseWebhook(text, o.anyHost)
	if err != nil {
		return usageError{err}
	}
	return onInvite(ctx, env, o.project, func(page invitePage) error {
		if err := page.private(); err != nil {
			return err
		}
		if err := webhook.Write(page.privateDir()); err != nil {
			return err
		}
		env.notef("requests for an invitation to project %s go to %s\n", page.Name, webhook)
		if !page.settings.Form {
			env.notef("the page does not offer its form yet: write form: true in %s\n", filepath.Join(page.pageDir(), invite.SettingsFile))
		}
		return nil
	})
}

// read is the URL from where it was said to be.
func (o webhookOptions) read(env *Env) (string, error) {
	from := env.In
	if o.file != "" {
		f, err := os.Open(o.file)
		if err != nil {
			return "", fmt.Errorf("reading the webhook (--file): %w", err)
		}
		defer f.Close()
		from = f
	} else if env.Interactive {
		env.notef("paste the URL of the webhook, then Enter and Ctrl-D:\n")
	}
	const most = 1 << 16
	text, err := io.ReadAll(io.LimitReader(from, most))
	if err != nil {
		return "", fmt.Errorf("reading the webhook: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func newSlackRemoveWebhook(env *Env) *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:     "rm-webhook",
		Short:   "Forget where requests for an invitation go",
		Long:    "Forgets the webhook; the page shows no form any more. A second run is fine.",
		Example: "  gateway slack rm-webhook",
		Args:    usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return onInvite(c.Context(), env, project, func(page invitePage) error {
				if err := invite.RemoveWebhook(page.privateDir()); err != nil {
					return err
				}
				env.notef("project %s has no webhook\n", page.Name)
				return nil
			})
		},
	}
	addProjectFlag(c, &project)
	return c
}

type logoOptions struct {
	project, file string
	none          bool
}

func newSlackSetLogo(env *Env) *cobra.Command {
	var o logoOptions
	c := &cobra.Command{
		Use:     "set-logo FILE",
		Short:   "Put a logo on the page",
		Long:    "Copies a picture (SVG, PNG, JPEG, WebP or GIF, up to 512 KiB) to the page, in place of its first letter.",
		Example: "  gateway slack set-logo club.svg\n  gateway slack set-logo --none",
		Args:    usage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if o.none == (len(args) == 1) {
				return usageError{errors.New("it takes either a file or --none")}
			}
			if len(args) == 1 {
				o.file = args[0]
			}
			return runSlackSetLogo(c.Context(), env, o)
		},
	}
	c.Flags().BoolVar(&o.none, "none", false, "take the logo away")
	addProjectFlag(c, &o.project)
	return c
}

func runSlackSetLogo(ctx context.Context, env *Env, o logoOptions) error {
	var logo invite.Logo
	if !o.none {
		var err error
		if logo, err = invite.ReadLogo(o.file); err != nil {
			return err
		}
	}
	return onInvite(ctx, env, o.project, func(page invitePage) error {
		to := filepath.Join(page.pageDir(), logo.LogoFile())
		if !o.none {
			if err := durable.Write(to, logo.Content, 0o644); err != nil {
				return err
			}
		}
		// One of another form would come before it.
		for old := invite.OtherLogo(page.pageDir(), to); old != ""; old = invite.OtherLogo(page.pageDir(), to) {
			if err := os.Remove(old); err != nil {
				return fmt.Errorf("removing the former logo: %w", err)
			}
		}
		if o.none {
			env.notef("the page of project %s has no logo\n", page.Name)
		} else {
			env.notef("the page of project %s has the logo %s\n", page.Name, to)
		}
		return nil
	})
}
