package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"gateway/projects"
)

// diskTimeout bounds how long an engine may take to name its folder: a warning is not worth more.
const diskTimeout = 3 * time.Second

// DiskWarnings say which disks are nearly full: that of the projects and, on this machine, that of an engine that answers.
func (s *Session) DiskWarnings(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, diskTimeout)
	defer cancel()
	folders := []string{s.Store.Root()}
	if Local(s.Host) {
		root, err := s.Engine.DataRoot(ctx)
		if _, gone := os.Stat(root); err == nil && gone == nil { // Otherwise the engine runs in a virtual machine, which has the folder.
			folders = append(folders, root)
		}
	}
	return lowDisks(folders, projects.DiskOf)
}

// lowDisks says once of each disk that is nearly full how much of it is free.
func lowDisks(folders []string, look func(string) (projects.Disk, bool)) []string {
	var all []string
	told := map[projects.Disk]bool{}
	for _, folder := range folders {
		d, known := look(folder)
		if !known || !d.Low() || told[d] {
			continue
		}
		told[d] = true
		all = append(all, fmt.Sprintf("the disk of %s is nearly full: %s of %s is free; see what uses it: gateway stats --disk, docker system df", folder, projects.Size(d.Free), projects.Size(d.Size)))
	}
	return all
}
