//go:build !unix

package cli

import "context"

// OutliveTerminal changes nothing: such systems have no signal that ends a process with its terminal.
func OutliveTerminal(ctx context.Context) (_ context.Context, stop func()) { return ctx, func() {} }
