//go:build !unix

package cmd

import (
	"context"
	"os"
)

// Such systems have no signal for it.
func notifyHangup(chan<- os.Signal) (stop func()) { return func() {} }

// Nor does one end a process there.
func outliveReaders() (stop func()) { return func() {} }

func outliveTerminal(ctx context.Context) (_ context.Context, stop func()) { return ctx, func() {} }
