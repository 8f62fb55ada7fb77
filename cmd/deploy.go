package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gateway/projects"
)

func newDeploy(env *Env) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "deploy NAME",
		Short: "Put a project's folder in force",
		Long: "Checks the project's compose.yaml and makes what runs equal to it; what is equal already is left alone. With\n" +
			"--dir the files of that folder replace the project's first, and come back when they cannot be deployed. It\n" +
			"returns when the routes answer.",
		Example: "  gateway deploy robots\n  gateway deploy robots --dir ./site",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runDeploy(c.Context(), env, args[0], dir) },
	}
	c.Flags().StringVar(&dir, "dir", "", "folder with the site's new files, which are copied")
	return c
}

func runDeploy(ctx context.Context, env *Env, arg, dir string) error {
	name, err := projects.ParseName(arg)
	if err != nil {
		return usageError{err}
	}
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	p, err := w.store.Load(name)
	if err != nil {
		return err
	}
	if err := w.compose.Check(ctx, p.Dir, arg); err != nil {
		return err
	}
	if far := remote(w.host); far != "" {
		return errors.New("the engine at " + far + " is on another machine and sees no files of this one; run the command there")
	}
	var site *projects.Site
	if dir != "" {
		if site, err = env.openSite(dir, false); err != nil {
			return err
		}
	}
	taken, err := w.taken(ctx)
	if err != nil && !errors.Is(err, errNoGateway) {
		return err
	}
	if err := w.life(w.ready).Deploy(ctx, name, site, taken); err != nil {
		w.progress.end()
		if failure, started := errors.AsType[*projects.Failure](err); started {
			env.failed(failure)
		}
		return err
	}
	return w.printServed(ctx, p)
}

// printServed prints the addresses of a project that was just found ready.
func (w *workshop) printServed(ctx context.Context, p projects.Project) error {
	gateway, err := w.env.gateway(ctx)
	if errors.Is(err, errNoGateway) {
		return nil
	}
	if err != nil {
		return err
	}
	defer gateway.Close()
	at, err := w.address(ctx, gateway)
	if err != nil {
		return err
	}
	for _, claim := range p.Claims {
		w.env.printf("%s\n", at.url(claim.Key))
	}
	return nil
}
