package slack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/invite"
	"gateway/proxy/durable"
)

type logoOptions struct {
	project, file string
	none          bool
}

func newSlackSetLogo(env *cli.Env) *cobra.Command {
	var o logoOptions
	c := &cobra.Command{
		Use:     "set-logo FILE",
		Short:   "Set the logo of the page",
		Long:    "Copies an image (SVG, PNG, JPEG, WebP or GIF, up to 512 KiB) to the page.",
		Example: "  gateway slack set-logo club.svg\n  gateway slack set-logo --none",
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if o.none == (len(args) == 1) {
				return cli.Usage(errors.New("it takes either a file or --none"))
			}
			if len(args) == 1 {
				o.file = args[0]
			}
			return runSlackSetLogo(c.Context(), env, o)
		},
	}
	c.Flags().BoolVar(&o.none, "none", false, "remove the logo")
	addProjectFlag(c, &o.project)
	return c
}

func runSlackSetLogo(ctx context.Context, env *cli.Env, o logoOptions) error {
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
			env.Donef("the page of project %s has no logo\n", page.Name)
		} else {
			env.Donef("the page of project %s has the logo %s\n", page.Name, to)
		}
		return nil
	})
}
