// Package cli is what all commands share: their streams and environment, the session that connects them to engine,
// Compose and gateway, and how they print tables, JSON and progress and mark usage errors. It knows no command and no
// wording of errors: hints come from the root command.
package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Env is the environment of commands: they read variables and write to streams only through it, so that tests can run
// them in one process.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	// Home is the user's home folder, empty when there is none.
	Home string
	// Root reports whether the process has user id 0.
	Root bool
	// Interactive reports whether In and Out are both a terminal: only then are questions asked, colours used and
	// progress drawn.
	Interactive bool
	// Terminal reports whether Out is a terminal.
	Terminal bool
	// Executable is the path of the running binary.
	Executable string
	// Version is the release of the program.
	Version string
	// Hint says how to fix a known condition that an error wraps, or is empty; nil knows none.
	Hint func(error) string

	// Global are the flags of every command.
	Global Globals
}

// Globals are flags; one that was not given is empty.
type Globals struct {
	// Socket is the admin socket, Projects the folder of the projects, Host the address of the engine.
	Socket, Projects, Host string
}

// System is the environment of this process.
func System() *Env {
	home, _ := os.UserHomeDir()
	self, _ := os.Executable()
	return &Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv:      os.Getenv,
		Home:        home,
		Root:        os.Geteuid() == 0,
		Interactive: term.IsTerminal(int(os.Stdin.Fd())) && isTerminal(os.Stdout),
		Terminal:    isTerminal(os.Stdout),
		Executable:  self,
	}
}
