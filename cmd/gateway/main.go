// Command gateway hosts many projects on one machine and one domain. It knows that a process has an exit code; what
// the commands do is package cmd's.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // The image made from this binary has no time zones of its own.

	_ "golang.org/x/crypto/x509roots/fallback" // Nor certificate authorities; those of the system come first.

	"gateway/cmd"
)

func main() { os.Exit(cmd.Main(context.Background(), os.Args[1:])) }
