//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
)

func TestOutliveTerminal_InterruptsWhatHangsUp(t *testing.T) {
	// Whoever runs this may ignore the signal, as nohup does.
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP)
	defer signal.Stop(received)
	ctx, stop := OutliveTerminal(t.Context())
	defer stop()
	clitest.HangUp(t)
	select {
	case <-ctx.Done():
	case <-time.After(15 * time.Second):
		t.Error("it goes on")
	}
}
