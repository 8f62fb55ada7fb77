package cli

import (
	"bufio"
	"errors"
	"strings"
)

// Confirm asks a question on a terminal, which may have several lines, and returns nil for a yes. It is a usage error
// where nobody can be asked.
func (e *Env) Confirm(question string) error {
	if !e.Interactive {
		return Usage(errors.New("cannot ask for confirmation without a terminal: add --yes, or --dry-run to see what would be done"))
	}
	e.Notef("%s [y/N] ", Lines(question))
	line, err := bufio.NewReader(e.In).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); err == nil && (answer == "y" || answer == "yes") {
		return nil
	}
	e.Notef("nothing was changed\n")
	return ErrSilent
}
