//go:build unix

package cli

import (
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
)

func TestOutliveTerminal_InterruptsWhatHangsUp(t *testing.T) {
	ctx, stop := OutliveTerminal(t.Context())
	defer stop()
	clitest.HangUp(t)
	select {
	case <-ctx.Done():
	case <-time.After(15 * time.Second):
		t.Error("it goes on")
	}
}
