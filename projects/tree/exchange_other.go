//go:build !linux

package tree

import "errors"

// Exchange is not supported on this system.
func Exchange(_, _ string) error { return errors.ErrUnsupported }
