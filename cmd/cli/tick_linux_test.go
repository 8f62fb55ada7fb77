package cli

import (
	"bytes"
	"os"
	"testing"
)

func TestDonef_HasATickOnATerminalAlone(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	defer terminal.Close()
	env := &Env{Getenv: func(string) string { return "" }}
	if got := env.tick(terminal); got != "\x1b[32m✓\x1b[0m " {
		t.Errorf("on a terminal: %q", got)
	}
	env.Getenv = func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }
	if got := env.tick(terminal); got != "✓ " {
		t.Errorf("without colours: %q", got)
	}
	var out bytes.Buffer
	env.Err = &out
	if env.Donef("project %s is %s\n", "robots", "started"); out.String() != "project robots is started\n" {
		t.Errorf("in a pipe: %q", out.String())
	}
}
