package project

import (
	"strings"
	"testing"

	"gateway/cmd/cli"
	"gateway/projects/compose"
)

func TestLogs_AreFilteredOnATerminalAlone(t *testing.T) {
	var out strings.Builder
	line := compose.Line{Container: "web-1", Text: "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a"}
	printLog(&cli.Env{Out: &out}, line, false)
	printLog(&cli.Env{Out: &out, Terminal: true}, line, true)
	if got, want := out.String(), "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a\nweb-1 | RED \\x1b]0;TITLE\\x07\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}
