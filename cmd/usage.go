package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/cmd/help"
)

// maxWidth is the longest line that is comfortable to read; no help is laid out wider.
const maxWidth = 100

// allCommands is the topic that lists them.
const allCommands = "commands"

// first are the commands that a new user needs, in that order.
var first = []string{"up", "add", "routes tui", "deploy", "rm"}

// setHelp replaces cobra's help of commands, which does not wrap.
func setHelp(env *cli.Env, root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		p := newPage(env)
		if c == root {
			p.root(root)
		} else {
			p.command(c)
		}
		env.Printf("%s", cli.Styled(p.text.String()))
	})
}

// page is a help page in the making.
type page struct {
	text  strings.Builder
	width int
	bold  bool
}

func newPage(env *cli.Env) *page {
	width, _ := env.TerminalSize()
	return &page{width: min(width, maxWidth), bold: env.Colour()}
}

// head starts a section.
func (p *page) head(title string) {
	if p.bold {
		title = "\x1b[1m" + title + "\x1b[0m"
	}
	p.text.WriteString("\n" + title + "\n")
}

// entry writes a name with what it is, wrapped in a column of its own.
func (p *page) entry(name, text string, column int) {
	p.text.WriteString(help.Wrap(text, fmt.Sprintf("  %-*s ", column, name), strings.Repeat(" ", column+3), p.width))
}

// root writes the page of the program, which fits a terminal of 24 lines.
func (p *page) root(root *cobra.Command) {
	p.text.WriteString(help.Layout(root.Long, p.width))
	p.head("START HERE")
	for _, name := range first {
		if c, _, err := root.Find(strings.Fields(name)); err == nil {
			p.entry(name, c.Short, 12)
		}
	}
	p.head("COMMANDS")
	for _, g := range root.Groups() {
		var names []string
		for _, c := range members(root, g) {
			names = append(names, c.Name())
		}
		p.entry(g.Title, strings.Join(names, ", "), 12)
	}
	p.text.WriteString(help.Wrap("Flags of all commands: "+flagNames(root.PersistentFlags())+".", "\n", "", p.width))
	p.text.WriteString(help.Wrap("'gateway COMMAND --help' shows the flags of a command, 'gateway help commands' lists all, and 'gateway help' the topics.", "", "", p.width))
}

// members are the commands of a group that help shows.
func members(root *cobra.Command, g *cobra.Group) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return c.Hidden || c.GroupID != g.ID })
}

func flagNames(f *pflag.FlagSet) string {
	var names []string
	f.VisitAll(func(flag *pflag.Flag) { names = append(names, "--"+flag.Name) })
	return strings.Join(names, ", ")
}

// commands writes what `gateway help commands` shows: all of them, and the flags that all have.
func (p *page) commands(root *cobra.Command) {
	p.text.WriteString("Commands, each explained by 'gateway COMMAND --help':\n")
	for _, g := range root.Groups() {
		p.head(strings.ToUpper(g.Title))
		for _, c := range members(root, g) {
			walk(c, func(c *cobra.Command) { p.entry(strings.TrimPrefix(c.CommandPath(), "gateway "), c.Short, 21) })
		}
	}
	p.head("FLAGS OF ALL COMMANDS")
	p.text.WriteString(flagUsages(root.PersistentFlags(), p.width))
}

// walk calls do with c and those below it, but for hidden ones and those that only hold others.
func walk(c *cobra.Command, do func(*cobra.Command)) {
	if c.Hidden {
		return
	}
	if !c.HasAvailableSubCommands() || c.HasAvailableLocalFlags() {
		do(c)
	}
	for _, sub := range c.Commands() {
		walk(sub, do)
	}
}

// command writes the page of one command.
func (p *page) command(c *cobra.Command) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	p.text.WriteString(help.Layout(text, p.width))
	sections := flagSections(c)
	p.head("USAGE")
	usage := c.UseLine()
	if len(sections) == 0 {
		usage = strings.TrimSuffix(usage, " [flags]")
	}
	p.text.WriteString("  " + usage + "\n")
	if c.HasAvailableSubCommands() {
		p.head("COMMANDS")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				p.entry(sub.Name(), sub.Short, c.NamePadding()+1)
			}
		}
	}
	for _, section := range sections {
		p.head(section.Name())
		p.text.WriteString(flagUsages(section, p.width))
	}
	if c.HasExample() {
		p.head("EXAMPLES")
		p.text.WriteString(c.Example + "\n")
	}
	p.text.WriteString("\nFlags of all commands: " + flagNames(c.Root().PersistentFlags()) + ".\n")
}

// flagSections are the flags of a command by the section that lists them: parameters first, and those without a section
// before the others.
func flagSections(c *cobra.Command) []*pflag.FlagSet {
	all := []*pflag.FlagSet{pflag.NewFlagSet(cli.Parameters, pflag.ContinueOnError), pflag.NewFlagSet("FLAGS", pflag.ContinueOnError)}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		title := "FLAGS"
		if own := f.Annotations[cli.Section]; len(own) > 0 {
			title = own[0]
		}
		at := slices.IndexFunc(all, func(s *pflag.FlagSet) bool { return s.Name() == title })
		if at < 0 {
			at, all = len(all), append(all, pflag.NewFlagSet(title, pflag.ContinueOnError))
		}
		if f.Name != "help" {
			all[at].AddFlag(f)
		}
	})
	return slices.DeleteFunc(all, func(s *pflag.FlagSet) bool { return !s.HasAvailableFlags() })
}

// flagUsages lists flags, without the column of one-letter names where there are none.
func flagUsages(f *pflag.FlagSet, width int) string {
	const column = "-x, "
	short := false
	f.VisitAll(func(flag *pflag.Flag) { short = short || flag.Shorthand != "" })
	if short {
		return f.FlagUsagesWrapped(width)
	}
	text := "\n" + f.FlagUsagesWrapped(width+len(column))
	return strings.ReplaceAll(text, "\n"+strings.Repeat(" ", len(column)), "\n")[1:]
}
