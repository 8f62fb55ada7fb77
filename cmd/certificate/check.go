package certificate

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

func newCheck(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check NAME",
		Short: "Check whether a name could get a certificate",
		Long: "Checks what a certificate authority will: the DNS records of a name, whether its addresses lead to this gateway,\n" +
			"who may sign it (CAA), the clock, the disk, and the provider of DNS. It orders nothing and costs no quota. The name\n" +
			"needs no route yet. Exits with 1 when an order would fail, and says what to change.",
		Example: "  gateway certificate check club.example.org",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runCheck(c.Context(), env, args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runCheck(ctx context.Context, env *cli.Env, name string, asJSON bool) error {
	var found []admin.Finding
	err := env.OnGateway(ctx, func(gateway *admin.Client) (err error) {
		if env.Interactive {
			env.Notef("checking %s; this takes up to a minute, and longer with a DNS provider\n", name)
		}
		found, err = gateway.CheckCertificate(ctx, name)
		return err
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = env.JSON(found)
	} else {
		err = printFindings(env, found)
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Verdict == admin.FindingBad {
			return cli.ErrSilent
		}
	}
	return nil
}

func printFindings(env *cli.Env, found []admin.Finding) error {
	w := env.Table()
	for _, f := range found {
		w.Row("%s\t%s\t%s", f.Subject, f.Verdict, f.Message)
		if f.Fix != "" {
			w.Row("\tfix\t%s", f.Fix)
		}
	}
	return w.Flush("the findings")
}
