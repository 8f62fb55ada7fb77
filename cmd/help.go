package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/help"
)

// newHelp replaces cobra's help command: it knows topics beside commands.
func newHelp(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "Show the help of a command or a topic",
		Long:  "Shows the help of a command, or a topic. Without an argument it lists the topics.",
		Example: "  gateway help\n" +
			"  gateway help add\n" +
			"  gateway help labels",
		RunE: func(c *cobra.Command, args []string) error { return runHelp(c.Context(), env, c.Root(), args) },
	}
}

func runHelp(ctx context.Context, env *cli.Env, root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return paged(ctx, env, topicList())
	}
	p := newPage(env)
	if len(args) == 1 && args[0] == allCommands {
		p.commands(root)
		return paged(ctx, env, p.text.String())
	}
	if topic, found := help.Find(args[0]); found && len(args) == 1 {
		return paged(ctx, env, help.Layout(topic.Text, p.width))
	}
	c, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return cli.Usage(fmt.Errorf("no command or topic is called %q; gateway --help lists the commands, gateway help the topics", strings.Join(args, " ")))
	}
	c.InitDefaultHelpFlag()
	return c.Help()
}

// topicList is the output of `gateway help`.
func topicList() string {
	var out strings.Builder
	out.WriteString("Topics, each shown by 'gateway help TOPIC':\n\n")
	for _, t := range help.Topics() {
		fmt.Fprintf(&out, "  %-16s %s\n", t.Name, t.Title)
	}
	out.WriteString("\n'gateway help commands' lists the commands; 'gateway COMMAND --help' shows flags.\n")
	return out.String()
}

// paged prints text, on a terminal that it does not fit through $PAGER, or less where the variable is not set.
func paged(ctx context.Context, env *cli.Env, text string) error {
	_, height := env.TerminalSize()
	pager := cmp.Or(env.Getenv("PAGER"), "less -R")
	program, err := exec.LookPath(strings.Fields(pager)[0])
	if !env.Interactive || strings.Count(text, "\n") < height || err != nil {
		env.Printf("%s", cli.Styled(text))
		return nil
	}
	c := exec.CommandContext(ctx, program, strings.Fields(pager)[1:]...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(text), env.Out, env.Err
	if err := c.Run(); err != nil {
		return fmt.Errorf("running the pager %s: %w; set PAGER to another, such as cat", pager, err)
	}
	return nil
}
