package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// A terminal of 80 by 24 shows all of the root's help above the prompt, and breaks no line of any other.
func TestHelp_FitsTheTerminal(t *testing.T) {
	var out strings.Builder
	root := newRoot(&cli.Env{Out: &out, Getenv: func(string) string { return "" }})
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		out.Reset()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if len([]rune(line)) > 81 {
				t.Errorf("%s --help has a line of %d columns: %s", c.CommandPath(), len([]rune(line))-1, line)
			}
		}
		if lines := strings.Count(out.String(), "\n"); c == root && lines > 23 {
			t.Errorf("gateway --help has %d lines:\n%s", lines, out.String())
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(root)
}
