package projects

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"gateway/projects/archive"
	"gateway/projects/tree"
	"gateway/proxy/docker"
)

// extract makes the stage of the project's folder in the archive.
func (u *restoring) extract(ctx context.Context) error {
	if err := tree.MakeFolder(u.stage, privateMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(u.stage)
	if err != nil {
		return err
	}
	defer root.Close()
	to := tree.Unpacker{Root: root}
	_, err = archive.Read(ctx, u.File, u.Keys, func(h *tar.Header, content io.Reader) error {
		name, inside := strings.CutPrefix(h.Name, archive.Project+"/")
		switch {
		case h.Name == archive.Project, strings.HasPrefix(h.Name, archive.Dumps+"/"):
			return nil
		case !inside:
			return archive.ErrStop // Volumes come last.
		}
		if h.Linkname != "" && h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(h.Linkname, archive.Project+"/")
		}
		return to.Add(name, h, content)
	})
	if err != nil && !errors.Is(err, archive.ErrStop) {
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	if _, err := root.Lstat(ComposeFile); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("archive %s: it has no %s/%s", u.File, archive.Project, ComposeFile)
	}
	return tree.Flush(u.stage)
}

// fill makes the volumes and copies their files into them, through a container that mounts them.
func (u *restoring) fill(ctx context.Context) (err error) {
	if len(u.volumes) == 0 {
		return nil
	}
	for key, name := range u.volumes {
		v := docker.Volume{Name: name, Labels: map[string]string{composeProject: string(u.Name), composeVolume: key}}
		if err := u.life.Engine.CreateVolume(ctx, v); err != nil {
			return err
		}
	}
	id, remove, err := u.life.helper(ctx, u.Name, gatewayImage, u.volumes, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return volumeCopy{from: u, helper: id}.Run(ctx)
}

// volumeCopy hands what an archive has of volumes to the engine as one tar.
type volumeCopy struct {
	from   *restoring
	helper string
}

// Run copies all, and returns when nothing is under way any more.
func (c volumeCopy) Run(ctx context.Context) error {
	u := c.from
	group, ctx := errgroup.WithContext(ctx)
	from, to := io.Pipe()
	group.Go(func() error {
		err := u.life.Engine.CopyTo(ctx, c.helper, "/", from)
		// What the engine does not take any more ends the reading.
		_ = from.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		return err
	})
	group.Go(func() error {
		err := u.sendVolumes(ctx, to)
		_ = to.CloseWithError(err)
		if errors.Is(err, io.ErrClosedPipe) {
			return nil // The engine says why.
		}
		return err
	})
	return group.Wait()
}

// sendVolumes writes the members of volumes as a tar.
func (u *restoring) sendVolumes(ctx context.Context, to io.Writer) error {
	out := tar.NewWriter(to)
	var sent int64
	_, err := archive.Read(ctx, u.File, u.Keys, func(h *tar.Header, content io.Reader) error {
		if !strings.HasPrefix(h.Name, archive.Volumes+"/") {
			return nil
		}
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		n, err := io.Copy(out, content)
		if sent += n; u.Progress != nil {
			u.Progress(sent)
		}
		return err
	})
	return errors.Join(err, out.Close())
}
