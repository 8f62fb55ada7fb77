// Package server has the commands that run and watch the gateway itself, and those that its containers run. It knows
// how flags become settings of the proxy, and what systemd gives a process.
package server

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// Commands are the commands of this package.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newUp(env), newDown(env), newStatus(env), newVersion(env), newNetwork(env), newTrust(env),
	}
}

// Processes are the commands that serve, and those that the gateway's containers run.
func Processes(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newServe(env), newAgent(env), newSite(env), newPing(env), newPipe(env), newTell(env), newListening(env),
	}
}
