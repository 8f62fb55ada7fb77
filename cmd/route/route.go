// Package route has the commands that show the routes of the running gateway: once, again at each change, and as a screen.
package route

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// Commands are the commands of this package.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newRoutes(env), newOpen(env),
	}
}
