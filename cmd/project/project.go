// Package project has the commands that make, change, show and remove projects. It knows their flags and what they
// print; what a project is and how it changes is the business of package projects.
package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// Commands are the commands of this package.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		newAdd(env), newList(env), newShow(env), newDeploy(env), newRollback(env), newMove(env), newRenew(env), newExpire(env), newExec(env), newPause(env), newResume(env),
		newStop(env), newStart(env), newRestart(env), newUpdate(env), newSet(env), newLogs(env), newStats(env), newRemove(env), newBackup(env), newRestore(env), newTemplates(env), newPolicy(env), newShell(env),
	}
}
