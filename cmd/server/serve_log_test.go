package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/accesslog"
)

func logOptions(t *testing.T, args ...string) accessLogOptions {
	t.Helper()
	var o accessLogOptions
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addAccessLogFlags(f, &o)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAccessLog_IsOffByDefault(t *testing.T) {
	if log, err := logOptions(t).open(&cli.Env{}, nil); log != nil || err != nil {
		t.Errorf("it is %v, %v", log, err)
	}
}

func TestAccessLog_RefusesFlagsThatSayNothing(t *testing.T) {
	for args, want := range map[string]string{
		"--access-log-query":                         "--access-log is missing",
		"--access-log-format=combined":               "--access-log is missing",
		"--access-log=- --access-log-format=common":  "json or combined",
		"--access-log-format=JSON --access-log=/x/y": "json or combined",
	} {
		_, err := logOptions(t, strings.Fields(args)...).open(&cli.Env{}, nil)
		if !errors.As(err, new(cli.UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestAccessLog_GoesToStandardOutput(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.DiscardHandler)
	access, err := logOptions(t, "--access-log=-", "--access-log-format=combined", "--access-log-query").open(&cli.Env{Out: &out}, logger)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	err = runLogged(t.Context(), access, logger, func(context.Context) error {
		access.Append(&accesslog.Entry{Client: "192.0.2.1", Method: "GET", Path: "/a", Query: "?b", Major: 1, Minor: 1, Status: 200})
		return failed
	})
	if !errors.Is(err, failed) || !strings.Contains(out.String(), `"GET /a?b HTTP/1.1" 200 0`) {
		t.Errorf("it ended with %v and wrote %q", err, out.String())
	}
}
