//go:build !linux || portable

package socket

import "errors"

// Pipe moves bytes from socket to socket. This system has none.
type Pipe struct{}

// NewPipe returns nil.
func NewPipe() *Pipe { return nil }

// Release does nothing.
func (p *Pipe) Release() {}

// Splices is always false.
func (l *line) Splices() bool { return false }

// Fill is not supported.
func (p *Pipe) Fill(*Socket, int64) (int, error) { return 0, errors.ErrUnsupported }

// Empty is not supported.
func (p *Pipe) Empty(*Socket) error { return errors.ErrUnsupported }
