package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is a project's folder, as far as paths are concerned.
type Folder struct {
	// dir is the absolute path as people write it, real the one without links.
	dir, real string
}

// OpenFolder takes the absolute path of a folder that exists.
func OpenFolder(dir string) (Folder, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Folder{}, err
	}
	return Folder{filepath.Clean(dir), real}, nil
}

// Path is the absolute path of what has that name in the folder.
func (f Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Reach is where a path leads.
type Reach struct {
	// Real is the absolute path without links, as far as it exists.
	Real string
	// Inside says that it is the folder or in it.
	Inside bool
	// Socket says that it is the engine's socket, or that the socket is in it.
	Socket bool
}

// Reach follows an absolute path through all links, dangling ones too. What cannot be followed is outside.
func (f Folder) Reach(path string) Reach {
	path = filepath.Clean(path)
	real, ok := follow(path)
	r := Reach{Real: real, Socket: holdsSocket(path) || holdsSocket(real)}
	if !ok || !filepath.IsAbs(path) {
		return r
	}
	r.Inside = Within(f.real, real)
	return r
}

// Within reports whether path is folder or inside it; both are absolute and free of links.
func Within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// mostLinks is how many links a path may lead through, as in the kernel.
const mostLinks = 40

// follow resolves links one component after the other, so that a link to what does not exist yet is followed, too.
func follow(path string) (string, bool) {
	links := 0
	done := filepath.VolumeName(path) + string(filepath.Separator)
	rest := parts(path)
	for len(rest) > 0 {
		next := filepath.Join(done, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			// A file in the place of a folder, or a folder that the engine may read and we may not.
			return filepath.Join(append([]string{next}, rest...)...), false
		}
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > mostLinks {
			return next, false
		}
		if filepath.IsAbs(target) {
			done = filepath.VolumeName(target) + string(filepath.Separator)
		}
		rest = append(parts(target), rest...)
	}
	return done, true
}

// parts are the components of a path, ".." among them: behind a link it means the parent of what the link leads to.
func parts(path string) []string {
	path = strings.TrimPrefix(path, filepath.VolumeName(path))
	all := strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
	return slices.DeleteFunc(all, func(s string) bool { return s == "." })
}

// sockets are where engines listen.
var sockets = []string{
	"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock",
	"/run/podman/podman.sock", "/var/run/podman/podman.sock", "/run/user/0/docker.sock",
}

func holdsSocket(path string) bool {
	path = filepath.ToSlash(path)
	if slices.ContainsFunc([]string{"docker", "containerd", "podman"}, func(name string) bool {
		return strings.HasSuffix(path, "/"+name+".sock") || strings.HasSuffix(path, `\`+name+"_engine") || strings.HasSuffix(path, "/"+name+"_engine")
	}) {
		return true
	}
	return slices.ContainsFunc(sockets, func(socket string) bool {
		return path == "/" || strings.HasPrefix(socket, path+"/")
	})
}
