package certificate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

func newList(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the certificates",
		Long: "Lists the certificates and the names that wait for one, with their ends, when they are renewed and when the next\n" +
			"order is tried. What went wrong stands below, with the fix.",
		Example: "  gateway certificate ls\n  gateway certificate ls --json",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runList(c.Context(), env, asJSON, time.Now()) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runList(ctx context.Context, env *cli.Env, asJSON bool, now time.Time) error {
	all, err := list(ctx, env)
	if err != nil {
		return err
	}
	if asJSON {
		return env.JSON(all)
	}
	if len(all) == 0 {
		env.Notef("no certificates yet; name the domain of the site: gateway up --domain example.org\n")
		return nil
	}
	w := env.Table()
	w.Row("NAME\tSTATE\tISSUER\tCHALLENGE\tEXPIRES\tRENEWS\tNEXT TRY")
	for i := range all {
		c := &all[i]
		w.Row("%s\t%s\t%s\t%s\t%s\t%s\t%s", c.Name, c.State, issuer(c), cmp.Or(c.Challenge, c.Source, "-"), day(c.Expires), day(c.Renews), minute(c.Next))
	}
	if err := w.Flush("the certificates"); err != nil {
		return err
	}
	for i := range all {
		if problem := note(&all[i], now); problem != "" {
			env.Printf("%s\n", problem)
		}
	}
	return nil
}

// note is a word about a certificate below the table, empty for none.
func note(c *admin.Certificate, now time.Time) string {
	problem := c.Problem(now)
	if problem == "" && c.Replaced != "" {
		return c.Name + ": " + c.Standing(now.Location())
	}
	return problem
}

// issuer is the shortest name of who signed a certificate.
func issuer(c *admin.Certificate) string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(c.Issuer, ",") {
		key, value, _ := strings.Cut(part, "=")
		parts[strings.TrimSpace(key)] = value
	}
	return cmp.Or(parts["O"], parts["CN"], c.Issuer, "-")
}
