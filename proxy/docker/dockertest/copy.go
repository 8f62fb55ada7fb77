package dockertest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// content is what is in a volume, by path; the volume's own folder is ".".
type content map[string]stored

// stored is a file, folder or link.
type stored struct {
	head tar.Header
	text []byte
}

// Fill puts files into a volume, which is made when it is not there. What is in it already stays.
func (e *Engine) Fill(volume string, files map[string]string) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	if _, there := e.world.volumes[volume]; !there {
		e.world.volumes[volume] = nil
	}
	has := e.world.content(volume)
	for name, text := range files {
		has[name] = stored{tar.Header{Typeflag: tar.TypeReg, Mode: 0o640, Uid: 33, Gid: 33, ModTime: time.Unix(1e9, 0)}, []byte(text)}
	}
}

// Files are the files of a volume, by path.
func (e *Engine) Files(volume string) map[string]string {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	files := map[string]string{}
	for name, s := range e.world.contents[volume] {
		if s.head.Typeflag == tar.TypeReg {
			files[name] = string(s.text)
		}
	}
	return files
}

// CutCopies makes the engine end the tars that it sends after so many bytes, as one does that fails midway.
func (e *Engine) CutCopies(bytes int) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.cut = bytes
}

// content is that of a volume. The lock is held.
func (w *world) content(volume string) content {
	has := w.contents[volume]
	if has == nil {
		has = content{".": {head: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(1e9, 0)}}}
		w.contents[volume] = has
	}
	return has
}

// mounted is the volume that a path of a container is in, and the path in it. The lock is held.
func (b *box) mounted(at string) (volume, inside string, ok bool) {
	for _, m := range b.limits.Mounts {
		if m.Type != "volume" {
			continue
		}
		if at == m.Target {
			return m.Source, ".", true
		}
		if rest, below := strings.CutPrefix(at, m.Target+"/"); below {
			return m.Source, rest, true
		}
	}
	return "", "", false
}

// serveCopyFrom answers with a tar of a path that is in a volume.
func (a *api) serveCopyFrom(rw http.ResponseWriter, r *http.Request) {
	text, err := a.world.packed(r.PathValue("name"), r.URL.Query().Get("path"))
	if err != nil {
		write(rw, 0, nil, err)
		return
	}
	rw.Header().Set("Content-Type", "application/x-tar")
	_, _ = rw.Write(text)
}

func (w *world) packed(container, from string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(container)
	if err != nil {
		return nil, err
	}
	volume, inside, ok := b.mounted(from)
	has := w.content(volume)
	if _, there := has[inside]; !ok || !there {
		return nil, refuse(http.StatusNotFound, "Could not find the file %s in container %s", from, container)
	}
	var packed bytes.Buffer
	to := tar.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(has)) {
		rest, below := strings.CutPrefix(name, inside+"/")
		switch {
		case name == inside:
			rest = ""
		case inside == ".":
			rest = name
		case !below:
			continue
		}
		s := has[name]
		h := s.head
		h.Name, h.Size = path.Join(path.Base(from), rest), int64(len(s.text))
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := to.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := to.Write(s.text); err != nil {
			return nil, err
		}
	}
	if err := to.Close(); err != nil || w.cut == 0 {
		return packed.Bytes(), err
	}
	return packed.Bytes()[:min(packed.Len(), w.cut)], nil
}

// handleCopyTo unpacks a tar. What is in no volume goes nowhere: nothing of it is ever read.
func (a *api) handleCopyTo(r *http.Request) (int, any, error) {
	w, to := a.world, r.URL.Query().Get("path")
	from := tar.NewReader(r.Body)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return http.StatusOK, nil, nil
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(from)
		}
		if err != nil {
			return 0, nil, refuse(http.StatusInternalServerError, "Error processing tar file(%v): ", err)
		}
		if err := w.unpack(r.PathValue("name"), path.Join(to, h.Name), stored{*h, text}); err != nil {
			return 0, nil, err
		}
	}
}

func (w *world) unpack(container, at string, s stored) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(container)
	if err != nil {
		return err
	}
	volume, inside, ok := b.mounted(at)
	if !ok {
		return nil
	}
	has := w.content(volume)
	if s.head.Typeflag == tar.TypeLink {
		_, target, _ := b.mounted("/" + strings.TrimPrefix(s.head.Linkname, "/"))
		other, there := has[target]
		if !there {
			return refuse(http.StatusInternalServerError, "link %s: %v", s.head.Linkname, fs.ErrNotExist)
		}
		s = other
	}
	has[inside] = s
	return nil
}
