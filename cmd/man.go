package cmd

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/cmd/help"
)

func newMan(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: "Writes the manual pages to DIR/man1 and DIR/man7: gateway(1), one of each command such as gateway-add(1), and\n" +
			"one of each help topic such as gateway-labels(7). install.sh installs them.",
		Example: "  gateway man /usr/local/share/man\n  gateway man ./man && man -M ./man gateway-add",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runMan(env, c.Root(), args[0], time.Now()) },
	}
}

func runMan(env *cli.Env, root *cobra.Command, dir string, now time.Time) error {
	pages := manual(root, now)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		file := filepath.Join(dir, "man"+name[len(name)-1:], name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("writing the manual pages: %w", err)
		}
		if err := os.WriteFile(file, []byte(pages[name]), 0o644); err != nil {
			return fmt.Errorf("writing the manual pages: %w", err)
		}
	}
	env.Donef("wrote %d pages; read them with: man -M %s gateway\n", len(pages), dir)
	return nil
}

// manual are the manual pages by the names of their files.
func manual(root *cobra.Command, now time.Time) map[string]string {
	pages := map[string]string{}
	for _, t := range help.Topics() {
		name := "gateway-" + t.Name
		pages[name+".7"] = manHead(name, "7", t.Title, now) + withDescription(help.Roff(t.Text)) + seeAlso("gateway(1)")
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		pages[manName(c)+".1"] = commandPage(c, now)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				walk(sub)
			}
		}
	}
	walk(root)
	return pages
}

// manName is the name of a command's page.
func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manHead is the head of a page, with the section that indexes are made of.
func manHead(name, section, title string, now time.Time) string {
	return fmt.Sprintf(".TH %s %s %s \"gateway %s\" \"gateway manual\"\n.SH NAME\n%s \\- %s\n",
		strings.ToUpper(name), section, now.UTC().Format(time.DateOnly), Version, strings.ReplaceAll(name, "-", `\-`), help.RoffText(title))
}

// withDescription gives a text a first section where it begins without one.
func withDescription(body string) string {
	if strings.HasPrefix(body, ".SH ") {
		return body
	}
	return ".SH DESCRIPTION\n" + strings.TrimPrefix(body, ".PP\n")
}

func seeAlso(pages ...string) string {
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		pages[i] = fmt.Sprintf(`\fB%s\fR(%s`, strings.ReplaceAll(name, "-", `\-`), section)
	}
	return ".SH SEE ALSO\n" + strings.Join(pages, ",\n") + "\n"
}

// commandPage is the page of a command.
func commandPage(c *cobra.Command, now time.Time) string {
	var b strings.Builder
	b.WriteString(manHead(manName(c), "1", c.Short, now))
	b.WriteString(".SH SYNOPSIS\n\\fB" + strings.ReplaceAll(help.RoffText(c.CommandPath()), "-", `\-`) + "\\fR" +
		help.RoffText(strings.TrimPrefix(c.UseLine(), c.CommandPath())) + "\n")
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	b.WriteString(".SH DESCRIPTION\n")
	for i, paragraph := range strings.Split(long, "\n\n") {
		switch {
		case strings.HasPrefix(paragraph, " "):
			b.WriteString(help.RoffExample(paragraph))
			continue
		case i > 0:
			b.WriteString(".PP\n")
		}
		for line := range strings.SplitSeq(paragraph, "\n") {
			b.WriteString(help.RoffText(line) + "\n")
		}
	}
	related := []string{}
	if c.HasParent() {
		related = append(related, manName(c.Parent())+"(1)")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				b.WriteString(help.RoffEntry(strings.TrimSuffix(sub.UseLine(), " [flags]"), sub.Short))
				related = append(related, manName(sub)+"(1)")
			}
		}
	}
	b.WriteString(flagSection("OPTIONS", c.NonInheritedFlags()))
	b.WriteString(flagSection("GLOBAL OPTIONS", c.InheritedFlags()))
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n" + strings.TrimPrefix(help.RoffExample(strings.ReplaceAll("\n"+c.Example, "\n  ", "\n")[1:]), ".PP\n"))
	}
	if !c.HasParent() {
		b.WriteString(".SH EXIT STATUS\n" + help.RoffEntry("0", "Done.") + help.RoffEntry("1", "Failed.") + help.RoffEntry("2", "Usage error."))
		for _, t := range help.Topics() {
			related = append(related, "gateway-"+t.Name+"(7)")
		}
	}
	return b.String() + seeAlso(related...)
}

// flagSection lists flags, empty for none.
func flagSection(title string, flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		if kind != "" {
			term += " " + kind
		}
		if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		b.WriteString(help.RoffEntry(term, usage))
	})
	if b.Len() == 0 {
		return ""
	}
	return ".SH " + title + "\n" + b.String()
}
