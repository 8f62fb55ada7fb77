//go:build !unix

package server

import "os"

// Such systems have no signal for it.
func notifyHangup(chan<- os.Signal) (stop func()) { return func() {} }

// Nor does one end a process there.
func outliveReaders() (stop func()) { return func() {} }
