//go:build !unix

package projects

import "os"

// Such systems give a new file the rights of its folder.
func keepOwner(*os.File, os.FileInfo) error { return nil }

// Whether this user may make files in a folder shows when it is tried.
func writable(string) bool { return true }
