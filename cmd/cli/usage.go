package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// UsageError marks an error in the words of the call.
type UsageError struct{ error }

// Unwrap returns the error that is marked.
func (e UsageError) Unwrap() error { return e.error }

// Usage marks err as a usage error.
func Usage(err error) error { return UsageError{err} }

// Args marks what an argument check says as a usage error.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return Usage(fmt.Errorf("%w; see '%s --help'", err, c.CommandPath()))
		}
		return nil
	}
}

// ErrSilent ends a command with exit code 1 after it has printed all there is to say.
var ErrSilent = errors.New("failed")

// ExitError ends a command with the exit code of a command that it ran, and says nothing more.
type ExitError struct{ Code int }

// Error names the code.
func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }
