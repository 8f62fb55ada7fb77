package projects

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gateway/proxy/docker"
)

// Usage is what a project takes of the disk, in bytes. A size below 0 is not known.
type Usage struct {
	// Folder is the project's own, with versions and source.
	Folder int64 `json:"folder"`
	// Volumes are the project's, Containers what its containers wrote outside of volumes, Logs what they logged.
	Volumes    int64 `json:"volumes"`
	Containers int64 `json:"containers"`
	Logs       int64 `json:"logs"`
	// Images are those that its containers run. Others may share them, so that they are not part of Total.
	Images int64 `json:"images"`
	Total  int64 `json:"total"`
}

// UsageOf counts what a project takes. Dir is empty for one without a folder here; logs are the files of its containers'
// logs, empty where they cannot be seen.
func UsageOf(name, dir string, kept docker.Usage, logs []string) Usage {
	u := Usage{Folder: folderBytes(dir), Volumes: bytesOf(kept.Volumes, name), Containers: bytesOf(kept.Containers, name), Logs: logBytes(logs)}
	var images []string
	for _, c := range kept.Containers {
		if ProjectOf(c.Labels) == name && !slices.Contains(images, c.Image) {
			images = append(images, c.Image)
		}
	}
	for _, i := range kept.Images {
		if slices.Contains(images, i.ID) {
			u.Images += max(i.Bytes, 0)
		}
	}
	for _, part := range []int64{u.Folder, u.Volumes, u.Containers, u.Logs} {
		u.Total += max(part, 0)
	}
	return u
}

func bytesOf(all []docker.Stored, name string) int64 {
	var sum int64
	for _, s := range all {
		if ProjectOf(s.Labels) != name {
			continue
		}
		if s.Bytes < 0 {
			return -1
		}
		sum += s.Bytes
	}
	return sum
}

// folderBytes is what the files in a folder hold, without what links lead to.
func folderBytes(dir string) int64 {
	if dir == "" {
		return -1
	}
	// The folder itself may be a link.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return -1
	}
	var sum int64
	err = filepath.WalkDir(real, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // It went meanwhile.
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		return -1
	}
	return sum
}

// logBytes is what log files hold with those that were rotated.
func logBytes(files []string) int64 {
	var sum int64
	for _, file := range files {
		rotated, err := filepath.Glob(file + "*")
		if file == "" || err != nil || len(rotated) == 0 {
			return -1
		}
		for _, one := range rotated {
			info, err := os.Stat(one)
			if err != nil {
				return -1
			}
			sum += info.Size()
		}
	}
	return sum
}

// LowSpace is the part of a disk below which it is nearly full.
const LowSpace = 0.1

// Disk is how much of a disk is free.
type Disk struct{ Free, Size int64 }

// Low reports whether the disk is nearly full.
func (d Disk) Low() bool { return d.Size > 0 && float64(d.Free) < LowSpace*float64(d.Size) }

// DiskOf looks at the disk of a folder, or of the nearest one above it that exists.
func DiskOf(dir string) (Disk, bool) {
	dir, err := nearest(dir)
	if err != nil {
		return Disk{}, false
	}
	return diskOf(dir)
}
