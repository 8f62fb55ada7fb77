package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/project"
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

// The parameters of a template come first, and what few people set comes last.
func TestHelp_HasSections(t *testing.T) {
	var out strings.Builder
	env := &cli.Env{Out: &out, Getenv: func(string) string { return "" }}
	for call, want := range map[string][]string{
		"add":         {"Templates", "portfolio: ", "FLAGS", "--path"},
		"add compose": {"PARAMETERS", "--from", "FLAGS", "--path", "EXAMPLES", "--path /compose --from FOLDER"},
		"up":          {"FLAGS", "--http", "LIMITS, TIMEOUTS AND LOGS", "--max-body"},
		"exec":        {"gateway exec NAME [SERVICE] -- COMMAND [ARGUMENT ...]\n"},
	} {
		out.Reset()
		args := append(strings.Fields(call), "--help")
		root := newRoot(env)
		root.SetArgs(args)
		project.ExtendAdd(env, root, args)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		rest := out.String()
		for _, text := range want {
			_, after, found := strings.Cut(rest, text)
			if !found {
				t.Fatalf("gateway %s --help has no %q in its place:\n%s", call, text, out.String())
			}
			rest = after
		}
	}
}
