package certificate

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

func newShow(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show the certificate of a name",
		Long:    "Shows everything about the certificate of a name, or of the wildcard above it: its end, when it is renewed, why\nthe last order failed and what to change.",
		Example: "  gateway certificate show club.example.org\n  gateway certificate show '*.example.org' --json",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runShow(c.Context(), env, args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runShow(ctx context.Context, env *cli.Env, name string, asJSON bool) error {
	all, err := list(ctx, env)
	if err != nil {
		return err
	}
	c, err := find(all, name)
	if err != nil {
		return err
	}
	if asJSON {
		return env.JSON(c)
	}
	return printCertificate(env, c, time.Now())
}

func printCertificate(env *cli.Env, c *admin.Certificate, now time.Time) error {
	w := env.Table()
	row := func(name, value string) {
		if value != "" && value != "-" {
			w.Row("%s\t%s", name, value)
		}
	}
	row("name", c.Name)
	row("state", c.Standing(now.Location()))
	row("issuer", c.Issuer)
	row("source", c.Source)
	row("file", c.File)
	row("challenge", c.Challenge)
	row("valid from", minute(c.NotBefore))
	if !c.Expires.IsZero() {
		row("expires", fmt.Sprintf("%s (%s)", minute(c.Expires), remaining(c.Expires.Sub(now))))
	}
	row("renews", minute(c.Renews))
	row("next try", minute(c.Next))
	if c.Failures > 0 {
		row("failures", fmt.Sprintf("%d since the last success", c.Failures))
	}
	row("last error", c.Error)
	row("warning", c.Warning)
	row("fix", cmp.Or(c.Fix, "-"))
	return w.Flush("the certificate")
}

// remaining says how long something is still valid.
func remaining(left time.Duration) string {
	switch {
	case left < 0:
		return "expired"
	case left < 48*time.Hour:
		return fmt.Sprintf("%d hours left", left/time.Hour)
	}
	return fmt.Sprintf("%d days left", left/(24*time.Hour))
}
