package cmd

import (
	"context"
	"io"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// execute runs the command line, with fang's help pages on a terminal.
func execute(ctx context.Context, env *cli.Env, root *cobra.Command) error {
	if !env.Interactive {
		root.SilenceErrors, root.SilenceUsage = true, true
		root.Version = Version
		return root.ExecuteContext(ctx)
	}
	var failed error
	quiet := fang.WithErrorHandler(func(_ io.Writer, _ fang.Styles, err error) { failed = err })
	if err := fang.Execute(ctx, root, fang.WithVersion(Version), fang.WithoutManpage(), quiet); err != nil {
		return err
	}
	return failed
}
