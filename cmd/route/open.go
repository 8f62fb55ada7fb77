package route

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newOpen(env *cli.Env) *cobra.Command {
	var printOnly bool
	c := &cobra.Command{
		Use:   "open NAME|PATH",
		Short: "Open a project in the browser, and print its address",
		Long: "Prints the addresses of a project, or of one route, and opens the first in the browser of this desktop.\n" +
			"Without a desktop, such as over SSH, it prints them only.",
		Example: "  gateway open robots\n  gateway open /robots\n  gateway open robots --print",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return env.Read(func(s *cli.Session) error { return runOpen(c.Context(), s, args[0], printOnly) })
		},
	}
	c.Flags().BoolVar(&printOnly, "print", false, "print the addresses and open no browser")
	return c
}

func runOpen(ctx context.Context, s *cli.Session, word string, printOnly bool) error {
	gateway, err := s.Gateway(ctx)
	if err != nil {
		return err
	}
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return err
	}
	keys, err := cli.RouteKeys(routes, word)
	if err != nil {
		return err
	}
	at, err := s.Address(ctx, gateway)
	if err != nil {
		return err
	}
	env := s.Env
	for _, key := range keys {
		env.Printf("%s\n", at.URL(key))
	}
	if printOnly {
		return nil
	}
	if err := browse(env, at.URL(keys[0])); err != nil {
		env.Notef("no browser was opened: %v\n", err)
	}
	return nil
}
