//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// OutliveTerminal lets a command that changes something finish or undo it when its terminal goes away: to hang up
// interrupts it, and from then on a write that nobody reads fails, where either would end the process half-way. Who
// asked for hanging up to be ignored, as nohup does, gets that.
func OutliveTerminal(ctx context.Context) (_ context.Context, stop func()) {
	// Unlike an ignored signal, one that is received does not concern the commands that this one runs.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
