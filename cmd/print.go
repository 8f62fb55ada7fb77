package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"golang.org/x/term"

	"gateway/proxy/printable"
	"gateway/tui"
)

// All output of commands passes the functions of this file. Their formats are ours; what arguments bring may come from
// anybody, and is made printable: each argument is one line, whatever it says.

// lines is an argument that may have several lines.
type lines string

// styled is an argument that is written as it is: text of our own with sequences for the terminal.
type styled string

// printf writes results to stdout.
func (e *Env) printf(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Out, format, args...)
}

// notef writes progress and remarks to stderr.
func (e *Env) notef(format string, args ...any) {
	clean(args)
	fmt.Fprintf(e.Err, format, args...)
}

// json writes v to stdout, indented.
func (e *Env) json(v any) error { return e.encode(v, "  ") }

// jsonLine writes v to stdout as one line.
func (e *Env) jsonLine(v any) error { return e.encode(v, "") }

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
		case styled:
		case lines:
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

// table writes aligned columns to stdout.
type table struct {
	out  io.Writer
	rows [][]string
}

func (e *Env) table() *table { return &table{out: e.Out} }

// row adds a row; tabs in the format separate its cells.
func (t *table) row(format string, args ...any) {
	clean(args)
	t.rows = append(t.rows, strings.Split(fmt.Sprintf(format, args...), "\t"))
}

// flush writes the rows; the next ones make another table. What says what they are, for the error.
func (t *table) flush(what string) error {
	_, err := io.WriteString(t.out, tui.Align(t.rows))
	t.rows = nil
	if err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

// isTerminal reports whether what is written to w is shown on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
