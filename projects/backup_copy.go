package projects

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/archive"
	"gateway/projects/tree"
	"gateway/proxy/docker"
)

// folder archives the project's folder.
func (b *archiving) folder(ctx context.Context, w *archive.Writer) error {
	root, err := os.OpenRoot(resolved(b.project.Dir))
	if err != nil {
		return err
	}
	defer root.Close()
	return tree.Walk(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) && name != "." {
			return nil // It went meanwhile.
		}
		if err != nil {
			return err
		}
		switch err := b.file(ctx, w, root, name, entry); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && slices.Contains(b.skipped, name):
			return fs.SkipDir
		default:
			return err
		}
	})
}

// file archives a file, folder or link of the project's folder.
func (b *archiving) file(ctx context.Context, w *archive.Writer, root *os.Root, name string, entry fs.DirEntry) error {
	to := path.Join(archive.Project, name)
	switch kind := entry.Type(); {
	case kind.IsRegular():
		return b.regular(ctx, w, root, name, to)
	case kind.IsDir(), kind&fs.ModeSymlink != 0:
	default:
		b.leaveOut(fmt.Sprintf("%s is not archived: it is a socket, a pipe or a device", filepath.Join(b.project.Dir, name)))
		return nil
	}
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = root.Readlink(name); err != nil {
			return err
		}
		if target = filepath.ToSlash(target); !archive.Inside(to, target) {
			b.leaveOut(fmt.Sprintf("the link %s is not archived: it leads out of the project's folder, to %s", filepath.Join(b.project.Dir, name), target))
			return nil
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = to
	return w.Add(h, nil)
}

func (b *archiving) regular(ctx context.Context, w *archive.Writer, root *os.Root, name, to string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s was replaced meanwhile; run the command again", filepath.Join(b.project.Dir, name))
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	h.Name = to
	return b.add(ctx, w, h, f, docker.MountPoint{Source: filepath.Join(root.Name(), name)})
}

// allVolumes archives the project's volumes, through a container that mounts them.
func (b *archiving) allVolumes(ctx context.Context, w *archive.Writer) (err error) {
	if len(b.info.Volumes) == 0 {
		return nil
	}
	var images []string
	for _, image := range b.info.Images {
		images = append(images, image.ID)
	}
	image, err := b.life.helperImage(ctx, images...)
	if err != nil {
		return err
	}
	mounts := map[string]string{}
	for _, key := range b.info.Volumes {
		mounts[key] = b.volumes[key].Name
	}
	id, remove, err := b.life.helper(ctx, b.Name, image, mounts, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, key := range b.info.Volumes {
		if err := b.volume(ctx, w, id, key); err != nil {
			return fmt.Errorf("volume %s: %w", mounts[key], err)
		}
	}
	return nil
}

// volume archives one volume.
func (b *archiving) volume(ctx context.Context, w *archive.Writer, helper, key string) error {
	from, err := b.life.Engine.CopyFrom(ctx, helper, "/"+archive.Volumes+"/"+key)
	if err != nil {
		return err
	}
	defer from.Close()
	files := tar.NewReader(from)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			// The end of the stream says whether the engine sent all.
			_, err = io.Copy(io.Discard, from)
			return err
		}
		if err != nil {
			return err
		}
		if !slices.Contains([]byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink}, h.Typeflag) {
			b.leaveOut(fmt.Sprintf("%s in volume %s is not archived: it is a pipe or a device", h.Name, b.volumes[key].Name))
			continue
		}
		h.Name = path.Join(archive.Volumes, h.Name)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = path.Join(archive.Volumes, h.Linkname)
		}
		if h.Typeflag == tar.TypeReg {
			inside, _ := strings.CutPrefix(h.Name, archive.Volumes+"/"+key+"/")
			err = b.add(ctx, w, h, files, docker.MountPoint{Volume: b.volumes[key].Name, Target: inside})
		} else {
			err = w.Add(h, nil)
		}
		if err != nil {
			return err
		}
	}
}
