//go:build !linux

package server

// trim is for Linux.
func trim() {}
