//go:build !linux

package cmd

// trim is for Linux.
func trim() {}
