package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// UsageError marks an error in the words of the call.
type UsageError struct{ error }

// Unwrap returns the error that is marked.
func (e UsageError) Unwrap() error { return e.error }

// Usage marks err as a usage error.
func Usage(err error) error { return UsageError{err} }

// Args marks what an argument check says as a usage error. The number of arguments is worded by what the command takes.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil {
			return nil
		}
		for _, counted := range []string{"accepts ", "requires ", "unknown command "} {
			if strings.HasPrefix(err.Error(), counted) && !c.HasSubCommands() {
				takes := strings.TrimSpace(strings.TrimPrefix(c.Use, c.Name()))
				err = fmt.Errorf("'%s' takes %s", c.CommandPath(), cmp.Or(takes, "no argument"))
			}
		}
		return Usage(fmt.Errorf("%w; see '%s --help'", err, c.CommandPath()))
	}
}

// Section is the annotation of a flag that names the section of the help that lists it, in place of FLAGS. Parameters is
// the section that comes first.
const (
	Section    = "section"
	Parameters = "PARAMETERS"
)

// InSection adds the flags that add declares to f, in a section of the help.
func InSection(f *pflag.FlagSet, section string, add func(*pflag.FlagSet)) {
	own := pflag.NewFlagSet(section, pflag.ContinueOnError)
	add(own)
	own.VisitAll(func(flag *pflag.Flag) {
		flag.Annotations = map[string][]string{Section: {section}}
		f.AddFlag(flag)
	})
}

// ErrSilent ends a command with exit code 1 after it has printed all there is to say.
var ErrSilent = errors.New("failed")

// ExitError ends a command with the exit code of a command that it ran, and says nothing more.
type ExitError struct{ Code int }

// Error names the code.
func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }
