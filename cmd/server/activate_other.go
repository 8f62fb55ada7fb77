//go:build !linux && !darwin

package server

import "os"

// Nobody gives sockets to a process there.
func checkListens(*os.File) error { return nil }
