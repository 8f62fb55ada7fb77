package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/certificate/authority"
	"gateway/proxy/certificate/trust"
	"gateway/proxy/page"
)

type trustOptions struct {
	root   string
	format string
}

func newTrust(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "trust",
		Short: "Make devices trust the gateway's own certificates",
		Long: "With --internal-ca the gateway signs certificates for names of home networks. Devices that trust its root\n" +
			"certificate show no warnings. The root has name constraints: it cannot sign for sites of the internet.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTrustPrint(env), newTrustInstall(env), newTrustUninstall(env))
	return c
}

func newTrustPrint(env *cli.Env) *cobra.Command {
	var o trustOptions
	c := &cobra.Command{
		Use:   "print",
		Short: "Print the root certificate",
		Long: "Prints the root certificate for other devices, and how they are made to trust it. The format mobileconfig is a\n" +
			"profile for iPhone, iPad and Mac.",
		Example: "  gateway trust print > ca.crt\n  gateway trust print --format mobileconfig > ca.mobileconfig",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runTrustPrint(c.Context(), env, o) },
	}
	c.Flags().StringVar(&o.format, "format", "pem", "`format`: pem, der or mobileconfig")
	addRootFlag(c, &o)
	return c
}

func newTrustInstall(env *cli.Env) *cobra.Command {
	var o trustOptions
	c := &cobra.Command{
		Use:   "install",
		Short: "Make this machine trust the root certificate",
		Long: "Installs the root certificate in the stores of the system, of Firefox and Chromium, and of Java, where there are\n" +
			"such. Run it as the user of the browsers; for the system's store it uses sudo. Safe to run again.",
		Example: "  gateway trust install\n  gateway trust install --root ca.crt",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runTrust(c.Context(), env, o, trust.Trust) },
	}
	addRootFlag(c, &o)
	return c
}

func newTrustUninstall(env *cli.Env) *cobra.Command {
	var o trustOptions
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the root certificate from this machine",
		Long:  "Removes the root certificate from the stores that 'gateway trust install' uses, and no other certificate.",
		Args:  cli.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return runTrust(c.Context(), env, o, trust.Distrust) },
	}
	addRootFlag(c, &o)
	return c
}

func addRootFlag(c *cobra.Command, o *trustOptions) {
	c.Flags().StringVar(&o.root, "root", "", "`file` with the root certificate, in PEM or DER (default the gateway's)")
}

// rootOf is the root of --root, or that of the gateway, whose names come with it.
func rootOf(ctx context.Context, env *cli.Env, o trustOptions) (root *x509.Certificate, names []string, err error) {
	if o.root != "" {
		data, err := os.ReadFile(o.root)
		if err == nil {
			root, err = authority.ParseRoot(data)
		}
		if err != nil {
			return nil, nil, cli.Usage(fmt.Errorf("--root %s: %w", o.root, err))
		}
		return root, nil, nil
	}
	err = env.OnGateway(ctx, func(client *admin.Client) error {
		a, err := client.Authority(ctx)
		if err != nil {
			return err
		}
		names = a.Names
		root, err = authority.ParseRoot([]byte(a.PEM))
		return err
	})
	return root, names, err
}

func runTrustPrint(ctx context.Context, env *cli.Env, o trustOptions) error {
	var write func(*x509.Certificate) []byte
	switch o.format {
	case "pem":
		write = authority.PEM
	case "der":
		write = func(root *x509.Certificate) []byte { return root.Raw }
	case "mobileconfig":
		write = authority.Profile
	default:
		return cli.Usage(fmt.Errorf("--format %q: it takes pem, der or mobileconfig", o.format))
	}
	root, names, err := rootOf(ctx, env, o)
	if err != nil {
		return err
	}
	if _, err := env.Out.Write(write(root)); err != nil {
		return fmt.Errorf("writing the root certificate: %w", err)
	}
	env.Notef("%s, until %s\nSHA-256 %s\n", root.Subject.CommonName, root.NotAfter.UTC().Format("2 January 2006"), authority.Fingerprint(root))
	for _, i := range page.Instructions(languageOf(env)) {
		env.Notef("\n%s\n  %s\n", i.System, i.Text)
	}
	if lines := authority.Publish(names, "ADDRESS"); len(lines) > 0 {
		env.Notef("\nNames below .local are announced by the host, with its address in the network; keep running there:\n")
		for _, line := range lines {
			env.Notef("  %s\n", line)
		}
	}
	return nil
}

// languageOf is the language of the user: "ko", or "en" for every other.
func languageOf(env *cli.Env) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := env.Getenv(name); value != "" {
			if strings.HasPrefix(value, "ko") {
				return "ko"
			}
			return "en"
		}
	}
	return "en"
}

// errNotEverywhere says that some store was not changed; the lines before tell which.
var errNotEverywhere = errors.New("not all stores were changed")

func runTrust(ctx context.Context, env *cli.Env, o trustOptions, ask trust.Ask) error {
	root, _, err := rootOf(ctx, env, o)
	if err != nil {
		return err
	}
	env.Notef("%s\nSHA-256 %s\n", root.Subject.CommonName, authority.Fingerprint(root))
	if env.Root && env.Getenv("SUDO_USER") != "" {
		env.Notef("this changes the stores of root's browsers; run the command without sudo for those of %s\n", env.Getenv("SUDO_USER"))
	}
	results := trust.Apply(ask, root, env.Home)
	w := env.Table()
	w.Row("STORE\tRESULT\tREASON")
	lost := false
	for _, r := range results {
		reason := r.Reason
		if r.Fix != "" {
			reason += "; " + r.Fix
		}
		if reason == "" {
			reason = "-"
		}
		w.Row("%s\t%s\t%s", r.Store, string(r.Outcome), reason)
		lost = lost || r.Outcome == trust.Failed
	}
	if err := w.Flush("the stores"); err != nil {
		return err
	}
	if lost {
		return errNotEverywhere
	}
	if ask == trust.Trust {
		env.Notef("restart browsers that are open; other devices need it too: gateway trust print\n")
	}
	return nil
}
