package server

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newListening(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:    "listening",
		Short:  "Print the TCP addresses that something listens on",
		Long:   "Runs in a container that shares the network of another, to find out on which ports an app listens.",
		Hidden: true,
		Args:   cli.Args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			all, err := cli.Listeners("/proc/self")
			for _, a := range all {
				env.Printf("%s\n", a)
			}
			return err
		},
	}
}
