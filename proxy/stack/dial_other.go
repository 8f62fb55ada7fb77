//go:build !linux

package stack

import (
	"context"
	"errors"
	"net"
)

// dialSocket is not supported here: engines run in a virtual machine.
func dialSocket(context.Context, string) (net.Conn, error) { return nil, errors.ErrUnsupported }
