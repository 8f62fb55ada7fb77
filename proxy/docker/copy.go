package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/moby/moby/client"
)

// Volume is a named volume.
type Volume struct {
	Name   string
	Labels map[string]string
}

// MountPoint is something that a container has mounted.
type MountPoint struct {
	// Volume is the name of a volume, empty for a folder of the engine's machine, which is Source then.
	Volume, Source string
	// Target is the absolute path inside the container.
	Target string
}

// Volumes lists the volumes that have all the labels, each given as "key" or "key=value"; none given lists all.
func (c *Client) Volumes(ctx context.Context, labels ...string) ([]Volume, error) {
	query := url.Values{}
	if len(labels) > 0 {
		filters, err := json.Marshal(client.Filters{}.Add("label", labels...))
		if err != nil {
			return nil, fmt.Errorf("listing volumes: %w", err)
		}
		query.Set("filters", string(filters))
	}
	var found struct{ Volumes []Volume }
	err := c.link.do(ctx, "listing volumes", func(s *session) error {
		resp, err := c.link.send(ctx, http.MethodGet, "/v"+s.api+"/volumes", query, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&found)
	})
	return found.Volumes, err
}

// CreateVolume creates a volume of the engine's own driver. An existing volume of that name stays as it is.
func (c *Client) CreateVolume(ctx context.Context, v Volume) error {
	return c.link.do(ctx, "creating volume "+v.Name, func(s *session) error {
		_, err := s.sdk.VolumeCreate(ctx, client.VolumeCreateOptions{Name: v.Name, Labels: v.Labels})
		return err
	})
}

// Mounts are the volumes and folders that a container has mounted.
func (c *Client) Mounts(ctx context.Context, nameOrID string) ([]MountPoint, error) {
	what := "inspecting container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var found struct {
		Mounts []struct{ Type, Name, Source, Destination string }
	}
	if err := c.link.do(ctx, what, func(s *session) error { return c.link.get(ctx, s, "/containers/"+nameOrID+"/json", &found) }); err != nil {
		return nil, err
	}
	var all []MountPoint
	for _, m := range found.Mounts {
		switch m.Type {
		case "volume":
			all = append(all, MountPoint{Volume: m.Name, Target: m.Destination})
		case "bind":
			all = append(all, MountPoint{Source: m.Source, Target: m.Destination})
		}
	}
	return all, nil
}

// Create creates a container that is not started, to copy files from and to its mounts. Its volumes are created when they
// are not there; its root can be written. The error wraps ErrNotFound when the image is not there.
func (c *Client) Create(ctx context.Context, spec Spec) (id string, err error) {
	spec.once = true
	err = c.link.do(ctx, "creating container "+spec.Name, func(s *session) error {
		options := creation(spec, s)
		options.HostConfig.ReadonlyRootfs = false
		created, err := s.sdk.ContainerCreate(ctx, options)
		id = created.ID
		return err
	})
	return id, err
}

// CopyFrom returns a tar of a file or folder of a container, running or not; its names begin with the last part of path.
// Reading fails when the engine ends the tar before its end. The caller closes it.
func (c *Client) CopyFrom(ctx context.Context, container, path string) (io.ReadCloser, error) {
	what := fmt.Sprintf("copying %s out of container %s", path, container)
	if err := given("container", container); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var from io.ReadCloser
	err := c.link.do(ctx, what, func(s *session) error {
		resp, err := c.link.send(ctx, http.MethodGet, "/v"+s.api+"/containers/"+container+"/archive", url.Values{"path": {path}}, nil) //nolint:bodyclose // The caller closes it.
		if err == nil {
			from = resp.Body
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &wholeTar{ReadCloser: from, fail: func(err error) error { return c.link.fail(what, err) }}, nil
}

// CopyTo unpacks a tar in a folder of a container, running or not, with the modes and owners that it says.
func (c *Client) CopyTo(ctx context.Context, container, path string, content io.Reader) error {
	what := fmt.Sprintf("copying to %s in container %s", path, container)
	// The tar can be read only once, so the version has to be right before.
	s, _, err := c.link.negotiate(ctx)
	if err == nil {
		_, err = s.sdk.CopyToContainer(ctx, container, client.CopyToContainerOptions{DestinationPath: path, Content: content})
	}
	return c.link.fail(what, err)
}

// Write writes files into a container, running or not, and replaces those that are there.
func (c *Client) Write(ctx context.Context, container string, files ...File) error {
	for _, f := range files {
		content, err := archived(f)
		if err == nil {
			err = c.CopyTo(ctx, container, f.Folder, content)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", path.Join(f.Folder, f.Name), err)
		}
	}
	return nil
}

// Read reads a file of a container, running or not. The error wraps ErrNotFound when it is not there.
func (c *Client) Read(ctx context.Context, container, name string) ([]byte, error) {
	from, err := c.CopyFrom(ctx, container, name)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	archive := tar.NewReader(from)
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return io.ReadAll(archive)
}

// archived is a tar of a file and the folder in its name.
func archived(f File) (io.Reader, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	now := time.Now()
	var err error
	if folder := path.Dir(f.Name); folder != "." {
		err = archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o700, Uid: f.Owner, Gid: f.Owner, ModTime: now,
		})
	}
	if err == nil {
		err = archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.Name, Mode: 0o600, Uid: f.Owner, Gid: f.Owner, ModTime: now, Size: int64(len(f.Content)),
		})
	}
	if err == nil {
		_, err = archive.Write(f.Content)
	}
	return &content, errors.Join(err, archive.Close())
}

// tarEnd is how many zero bytes a tar ends with.
const tarEnd = 1024

// wholeTar refuses a tar that ends before its end: the engine has no other way to say that it failed midway.
type wholeTar struct {
	io.ReadCloser
	zeros int
	fail  func(error) error
}

// Read implements io.Reader.
func (w *wholeTar) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if kept := len(bytes.TrimRight(p[:n], "\x00")); kept > 0 {
		w.zeros = n - kept
	} else {
		w.zeros += n
	}
	switch {
	case errors.Is(err, io.EOF) && w.zeros < tarEnd:
		return n, w.fail(errors.New("the engine stopped in the middle; a file may have changed while it was read"))
	case err != nil && !errors.Is(err, io.EOF):
		return n, w.fail(err)
	}
	return n, err
}
