// Command gateway hosts many projects on one machine and one domain. It knows that a process has an exit code; what
// the commands do is package cmd's.
package main

import (
	"context"
	"os"

	"gateway/cmd"
)

func main() { os.Exit(cmd.Main(context.Background(), cmd.System(), os.Args[1:])) }
