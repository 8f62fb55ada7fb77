// Package certificate has the commands that show, check and renew the certificates of the running gateway. It knows how
// states are worded in tables, and nothing of how certificates are ordered.
package certificate

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/printable"
	"gateway/proxy/route"
)

func newCertificate(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "certificate",
		Short: "Show, check and renew certificates",
		Long: "Shows the certificates of the gateway and the names that wait for one, checks names before an order, and renews\n" +
			"by hand what the gateway renews by itself. The names come from 'gateway up --domain' and from the hosts of routes.",
		Example: "  gateway certificate ls\n  gateway certificate check club.example.org",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newList(env), newShow(env), newCheck(env), newRenew(env))
	return c
}

// Commands are the commands of this package.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{newCertificate(env)}
}

// completeTimeout bounds how long the gateway may take to list its certificates for a completion.
const completeTimeout = time.Second

// CompleteNames are the names of certificates, for shells; none without a gateway.
func CompleteNames(env *cli.Env, c *cobra.Command, _ []string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(c.Context(), completeTimeout)
	defer cancel()
	all, err := list(ctx, env)
	if err != nil {
		return nil
	}
	words := make([]cobra.Completion, len(all))
	for i := range all {
		words[i] = cobra.CompletionWithDesc(printable.Line(all[i].Name), printable.Line(all[i].State))
	}
	return words
}

// list asks for all certificates.
func list(ctx context.Context, env *cli.Env) (all []admin.Certificate, err error) {
	err = env.OnGateway(ctx, func(gateway *admin.Client) error {
		all, err = gateway.Certificates(ctx)
		return err
	})
	return all, err
}

// find returns the certificate of a name, or that of the wildcard above it. The error is admin.ErrNoCertificate.
func find(all []admin.Certificate, arg string) (*admin.Certificate, error) {
	if c := admin.CertificateFor(route.CanonicalHost(arg), all); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%s: %w", arg, admin.ErrNoCertificate)
}

// day is a date for people, "-" for none.
func day(t time.Time) string { return format(t, time.DateOnly) }

// minute is a time for people, "-" for none.
func minute(t time.Time) string { return format(t, "2006-01-02 15:04") }

func format(t time.Time, layout string) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(layout)
}
