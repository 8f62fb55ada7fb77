package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether what is written to w is shown on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colour reports whether results may be coloured (https://no-color.org).
func (e *Env) Colour() bool {
	return e.Terminal && !e.plain()
}

// plain reports whether a terminal gets no colours.
func (e *Env) plain() bool { return e.Getenv("NO_COLOR") != "" || e.Getenv("TERM") == "dumb" }

// TerminalSize is the size of the terminal that Out is, 80 by 24 where it is none.
func (e *Env) TerminalSize() (width, height int) {
	if file, ok := e.Out.(*os.File); ok {
		if width, height, err := term.GetSize(int(file.Fd())); err == nil && width > 0 && height > 1 {
			return width, height
		}
	}
	return 80, 24
}
