package certificate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

type renewOptions struct {
	name       string
	all, force bool
	// interval is how often the gateway is asked, grace how long an order may take to begin, and timeout how long to end.
	interval, grace, timeout time.Duration
}

func newRenew(env *cli.Env) *cobra.Command {
	o := renewOptions{interval: 250 * time.Millisecond, grace: 15 * time.Second, timeout: 10 * time.Minute}
	c := &cobra.Command{
		Use:   "renew NAME",
		Short: "Renew a certificate now",
		Long: "Orders a certificate again if it is due, or at once with --force, and waits for the outcome. The gateway renews by\n" +
			"itself: this is for a failure that was fixed and need not wait for the next try. Authorities limit orders, five a\n" +
			"week for one name at Let's Encrypt. The old certificate stays until there is a new one.",
		Example: "  gateway certificate renew club.example.org\n  gateway certificate renew club.example.org --force\n  gateway certificate renew --all",
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 0) != o.all {
				return cli.Usage(errors.New("name one certificate, as in: gateway certificate renew club.example.org, or all of them with --all"))
			}
			if len(args) > 0 {
				o.name = args[0]
			}
			return env.OnGateway(c.Context(), func(gateway *admin.Client) error { return runRenew(c.Context(), env, gateway, o) })
		},
	}
	c.Flags().BoolVar(&o.all, "all", false, "renew all certificates that the gateway orders")
	c.Flags().BoolVar(&o.force, "force", false, "order also what is not due, or waits for its next try")
	return c
}

func runRenew(ctx context.Context, env *cli.Env, gateway *admin.Client, o renewOptions) error {
	before, err := gateway.Certificates(ctx)
	if err != nil {
		return err
	}
	if !o.all {
		c, err := find(before, o.name)
		if err == nil {
			err = gateway.RenewCertificate(ctx, c.Name, o.force)
		}
		if err != nil {
			return err
		}
		before = []admin.Certificate{*c}
	}
	failed := false
	for i := range before {
		c := &before[i]
		if o.all && !isOrdered(c) {
			continue
		}
		if o.all {
			if err := gateway.RenewCertificate(ctx, c.Name, o.force); err != nil {
				env.Notef("%s\n", env.Hinted(err))
				failed = true
				continue
			}
		}
		ok, err := o.await(ctx, env, gateway, c)
		if err != nil {
			return err
		}
		failed = failed || !ok
	}
	if failed {
		return cli.ErrSilent
	}
	return nil
}

// isOrdered reports whether the gateway orders a certificate.
func isOrdered(c *admin.Certificate) bool {
	return c.Source != "file" && c.State != admin.CertificateRefused
}

// await waits for the end of an order and says what it came to. Before is the certificate before the order.
func (o renewOptions) await(ctx context.Context, env *cli.Env, gateway *admin.Client, before *admin.Certificate) (ok bool, err error) {
	if before.State == admin.CertificateValid && before.Renews.After(time.Now()) && !o.force {
		env.Notef("%s is valid until %s and renewed by itself on %s; --force renews it now\n", before.Name, day(before.Expires), day(before.Renews))
		return true, nil
	}
	if env.Interactive {
		env.Notef("waiting for the certificate of %s\n", before.Name)
	}
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	start := time.Now()
	for {
		all, err := gateway.Certificates(ctx)
		if err != nil {
			return false, err
		}
		now, err := find(all, before.Name)
		if err != nil || now.Name != before.Name {
			return false, fmt.Errorf("%s: %w any more", before.Name, admin.ErrNoCertificate)
		}
		since := time.Since(start)
		switch {
		case now.Failures > before.Failures && now.State != admin.CertificateOrdering:
			env.Notef("%s\n", now.Problem(time.Now()))
			return false, nil
		case now.NotBefore.After(before.NotBefore) || now.Expires.After(before.Expires):
			env.Donef("%s has a new certificate: valid until %s, signed by %s\n", now.Name, day(now.Expires), issuer(now))
			return true, nil
		case now.State != admin.CertificateOrdering && since > o.grace:
			env.Notef("%s: no order began within %s; it is %s; see: gateway certificate show %s\n", now.Name, o.grace, now.Standing(time.Local), now.Name)
			return false, nil
		case since > o.timeout:
			env.Notef("%s: the order goes on after %s; see: gateway certificate show %s\n", now.Name, o.timeout, now.Name)
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
}
