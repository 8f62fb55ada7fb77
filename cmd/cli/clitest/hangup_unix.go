//go:build unix

package clitest

import (
	"os"
	"syscall"
	"testing"
)

// HangUp sends this process SIGHUP.
func HangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
