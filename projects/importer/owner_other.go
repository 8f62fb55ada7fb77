//go:build !unix

package importer

import "io/fs"

// owner is not known here.
func owner(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
