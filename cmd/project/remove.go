package project

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRemove(env *cli.Env) *cobra.Command {
	var yes, dryRun bool
	c := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a project: containers, network, volumes, folder",
		Long: "Removes all of a project: its containers, its networks, its volumes with what they hold, and its folder. It\n" +
			"says what goes and asks first. It works as well when only the folder or only the containers are left.",
		Example: "  gateway rm robots\n  gateway rm robots --dry-run\n  gateway rm robots --yes",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runRemove(c.Context(), env, args[0], yes, dryRun) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would go, and do nothing")
	return c
}

func runRemove(ctx context.Context, env *cli.Env, arg string, yes, dryRun bool) error {
	ctx, stop := cli.OutliveTerminal(ctx)
	defer stop()
	name, err := projects.ParseName(arg)
	if err != nil {
		return cli.Usage(err)
	}
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	// Something else may have the name.
	if _, err := s.Known(ctx, arg); err != nil && !errors.Is(err, projects.ErrNoProject) {
		return err
	}
	life := life(s, routesReady)
	if !yes {
		life.Planned = func(c *projects.Change) error {
			return confirm(env, cli.Lines(fmt.Sprintf("%s\nRemove project %s?", strings.Join(c.Texts(), "\n"), name)))
		}
	}
	do := life.Do
	if dryRun {
		do = life.DryRun
	}
	c, err := do(ctx, projects.Remove{Name: name})
	if err != nil {
		return err
	}
	if dryRun {
		return cli.PrintPlan(env, c.Texts(), false)
	}
	s.Progress.End()
	env.Notef("project %s is removed\n", name)
	return nil
}

// confirm asks on a terminal and refuses elsewhere.
func confirm(e *cli.Env, question cli.Lines) error {
	if !e.Interactive {
		return cli.Usage(errors.New("this is no terminal to ask on: add --yes to remove it, or --dry-run to see what would go"))
	}
	e.Notef("%s [y/N] ", question)
	line, err := bufio.NewReader(e.In).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); err == nil && (answer == "y" || answer == "yes") {
		return nil
	}
	e.Notef("nothing was removed\n")
	return cli.ErrSilent
}
