package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"gateway/proxy/printable"
	"gateway/tui"
)

// All output of commands passes the functions of this file. Their formats are ours; what arguments bring may come from
// anybody, and is made printable: each argument is one line, whatever it says.

// Lines is an argument that may have several lines.
type Lines string

// Styled is an argument that is written as it is: text of our own with sequences for the terminal.
type Styled string

// Printf writes results to stdout.
func (e *Env) Printf(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Out, format, args...)
}

// Notef writes progress and remarks to stderr.
func (e *Env) Notef(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Err, format, args...)
}

// Donef writes to stderr that something is done, on a terminal with a tick before it.
func (e *Env) Donef(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Err, e.tick(e.Err)+format, args...)
}

// Resultf is Donef for a result, on stdout.
func (e *Env) Resultf(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Out, e.tick(e.Out)+format, args...)
}

// tick returns the mark for a line about success, empty if w is no terminal.
func (e *Env) tick(w io.Writer) string {
	switch {
	case !isTerminal(w):
		return ""
	case e.plain():
		return "✓ "
	}
	return "\x1b[32m✓\x1b[0m "
}

// Hinted is an error on one line with its hint.
func (e *Env) Hinted(err error) string {
	if e.Hint == nil {
		return err.Error()
	}
	if hint := e.Hint(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

// JSON writes v to stdout, indented.
func (e *Env) JSON(v any) error { return e.encode(v, "  ") }

// JSONLine writes v to stdout as one line.
func (e *Env) JSONLine(v any) error { return e.encode(v, "") }

func (e *Env) encode(v any, indent string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", indent)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	if err == nil {
		_, err = e.Out.Write(printable.JSON(text.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// clean makes the arguments of a format printable.
func clean(args []any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case Styled:
		case Lines:
			args[i] = printable.Text(string(arg))
		case error:
			args[i] = printable.Nested(arg.Error())
		case string:
			args[i] = printable.Line(arg)
		case fmt.Stringer:
			args[i] = printable.Line(arg.String())
		default:
			if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
				args[i] = printable.Line(v.String())
			}
		}
	}
}

// Table writes aligned columns to stdout.
type Table struct {
	out  io.Writer
	rows [][]string
}

// Table starts a table on stdout.
func (e *Env) Table() *Table { return &Table{out: e.Out} }

// Row adds a row; tabs in the format separate its cells.
func (t *Table) Row(format string, args ...any) {
	clean(args)
	t.rows = append(t.rows, strings.Split(fmt.Sprintf(format, args...), "\t"))
}

// Flush writes the rows; the next ones make another table. What says what they are, for the error.
func (t *Table) Flush(what string) error {
	_, err := io.WriteString(t.out, tui.Align(t.rows))
	t.rows = nil
	if err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

// Plan prints the steps of a dry run.
func (e *Env) Plan(steps []string, asJSON bool) error {
	if asJSON {
		return e.JSON(struct {
			Steps []string `json:"steps"`
		}{steps})
	}
	for _, step := range steps {
		e.Printf("%s\n", step)
	}
	return nil
}

// Age is the time since then, rounded for reading; "never" for the zero time.
func Age(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	d := max(now.Sub(then), 0)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
