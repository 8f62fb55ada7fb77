package server

import (
	"context"
	"os"
)

// hangups receives the signal that asks a server to reopen its logs. Where the system has none, nothing is received.
// From then on the signal does not end the process any more.
type hangups chan os.Signal

// newHangups receives from now on, until stop is called.
func newHangups() (h hangups, stop func()) {
	h = make(hangups, 1)
	return h, notifyHangup(h)
}

// each calls f for each signal until the context ends. Those that come while f runs count as one.
func (h hangups) each(ctx context.Context, f func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h:
			f()
		}
	}
}
