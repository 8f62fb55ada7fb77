//go:build unix

package server

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"gateway/cmd/cli"
	"gateway/cmd/cli/clitest"
	"gateway/proxy/accesslog"
)

func TestRunLogged_OpensTheLogAnewOnSIGHUP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	logger := slog.New(slog.DiscardHandler)
	access, err := accessLogOptions{path: path, format: "json"}.open(&cli.Env{}, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err = runLogged(ctx, access, logger, func(ctx context.Context) error {
		access.Append(&accesslog.Entry{Status: 200})
		clitest.Patiently(t, "the first line", func() bool { return clitest.LinesOf(path) == 1 })
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		clitest.HangUp(t)
		clitest.Patiently(t, "the new file", func() bool { return clitest.LinesOf(path) == 0 })
		stop()
		<-ctx.Done()
		// A request that ends after all others were told to has its line.
		access.Append(&accesslog.Entry{Status: 200})
		return io.EOF
	})
	if err != io.EOF || clitest.LinesOf(path) != 1 || clitest.LinesOf(path+".1") != 1 {
		t.Errorf("it ended with %v, and files of %d and %d lines", err, clitest.LinesOf(path+".1"), clitest.LinesOf(path))
	}
}
