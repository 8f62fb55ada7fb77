package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/docker"
)

func TestReport_SaysWhatTheUserNeeds(t *testing.T) {
	left := &projects.Leftover{Err: errors.New("taking it down again: network x_web is in use")}
	for name, test := range map[string]struct {
		err  error
		code int
		want []string
	}{
		"done":        {nil, 0, nil},
		"said":        {cli.ErrSilent, 1, nil},
		"usage":       {cli.Usage(errors.New("--http 0: it takes a port")), 2, []string{"--http 0: it takes a port"}},
		"hint":        {fmt.Errorf("asking: %w", docker.ErrUnreachable), 1, []string{"asking:", "docker --host ADDRESS info"}},
		"ssh":         {fmt.Errorf("asking: %w", errors.Join(docker.ErrUnreachable, docker.ErrSSH)), 1, []string{"ssh HOST docker version", "group docker"}},
		"interrupted": {fmt.Errorf("deploying: %w", context.Canceled), 1, []string{"interrupted"}},
		"left":        {fmt.Errorf("%w; and %w", context.Canceled, left), 1, []string{"interrupted", "x_web is in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			if code := report(&cli.Env{Err: &said}, test.err); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(said.String(), want) {
					t.Errorf("it says %q, without %q", said.String(), want)
				}
			}
			if test.want == nil && said.Len() > 0 {
				t.Errorf("it says %q, want nothing", said.String())
			}
		})
	}
}

func TestReport_ForeignTextForgesNothing(t *testing.T) {
	var said strings.Builder
	report(&cli.Env{Err: &said}, errors.Join(fmt.Errorf("reading %s", "a\ngateway: all is well\x1b[2J"), errors.New("second")))
	if got, want := said.String(), "gateway: reading a\n  gateway: all is well\\x1b[2J\n  second\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
