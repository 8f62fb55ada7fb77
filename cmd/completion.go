package cmd

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// shells write the completion script of a shell.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       writeBash,
	"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
}

// newCompletion replaces cobra's completion command, whose script for bash needs the package bash-completion.
func newCompletion(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: "Prints a script that completes commands, flags, project names, templates, paths and more. install.sh installs\n" +
			"it for bash, zsh and fish. In bash, the package bash-completion loads it when first needed; without that\n" +
			"package, add the first example to ~/.bashrc.",
		Example: "  source <(gateway completion bash)\n" +
			"  gateway completion zsh >\"${fpath[1]}/_gateway\"\n" +
			"  gateway completion fish >~/.config/fish/completions/gateway.fish",
		Args:      cli.Args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			var script bytes.Buffer
			if err := shells[args[0]](c.Root(), &script); err != nil {
				return fmt.Errorf("writing the completion script: %w", err)
			}
			env.Printf("%s", cli.Styled(script.String()))
			return nil
		},
	}
}

// The parts of cobra's script for bash that need bash-completion.
const (
	bashWords = `    _get_comp_words_by_ref "$@" cur prev words cword` + "\n"
	bashFiles = `_filedir`
)

// bashCommas replaces how that script quotes words: with each comma quoted too, nothing behind one would match.
var bashCommas = strings.NewReplacer(
	`printf "%q\n"`, "__gateway_quote",
	`printf "%q"`, "__gateway_quote",
	`[[ $comp == "$cur"* ]]`, `[[ ${comp//\\,/,} == "$cur"* ]]`,
)

// bashAlone are these parts for a bash without that package.
//
//go:embed completion.bash
var bashAlone string

// writeBash writes cobra's script with those parts replaced.
func writeBash(root *cobra.Command, w io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	text := strings.Replace(script.String(), bashWords, `    __gateway_words "$@"`+"\n", 1)
	text = strings.ReplaceAll(text, bashFiles, "__gateway_filedir")
	head, rest, _ := strings.Cut(bashCommas.Replace(text), "\n\n")
	_, err := io.WriteString(w, head+"\n\n"+bashAlone+rest)
	return err
}
