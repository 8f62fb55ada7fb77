package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"gateway/proxy/docker"
)

// packed is a tar of these headers, each file with its name as its content.
func packed(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var text bytes.Buffer
	to := tar.NewWriter(&text)
	for _, h := range headers {
		h.ModTime = time.Unix(1_700_000_000, 0)
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := to.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, h.Name[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return &text
}

// unpacked says of each member of a tar what it is.
func unpacked(t *testing.T, from io.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	in := tar.NewReader(from)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = fmt.Sprintf("%c %o %d:%d %d %s%s", h.Typeflag, h.Mode&0o7777, h.Uid, h.Gid, h.ModTime.Unix(), h.Linkname, text)
	}
	if _, err := io.Copy(io.Discard, from); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestContract_CopiesFilesOfAVolumeWithModesAndOwners(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		name := unique("volume")
		v := docker.Volume{Name: name, Labels: map[string]string{"suite": name}}
		if err := errors.Join(l.client.CreateVolume(t.Context(), v), l.client.CreateVolume(t.Context(), v)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.client.RemoveVolume(context.Background(), name) })
		if all, err := l.client.Volumes(t.Context(), "suite="+name); err != nil || len(all) != 1 || all[0].Name != name || all[0].Labels["suite"] != name {
			t.Errorf("volumes %+v (%v)", all, err)
		}
		id, err := l.client.Create(t.Context(), docker.Spec{
			Name: unique("copy"), Image: l.image, Network: "none", Command: []string{"serve"},
			Mounts: []docker.Mount{{Volume: name, Target: "/volumes/data"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.remove(t, id) })
		if mounts, err := l.client.Mounts(t.Context(), id); err != nil || !slices.Equal(mounts, []docker.MountPoint{{Volume: name, Target: "/volumes/data"}}) {
			t.Errorf("mounts %+v (%v)", mounts, err)
		}
		in := packed(t,
			tar.Header{Name: "volumes/data/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 33, Gid: 34},
			tar.Header{Name: "volumes/data/sub/", Typeflag: tar.TypeDir, Mode: 0o1777, Uid: 1000, Gid: 1000},
			tar.Header{Name: "volumes/data/sub/file", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 999, Gid: 998},
			tar.Header{Name: "volumes/data/out", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd", Mode: 0o777},
			tar.Header{Name: "volumes/data/up", Typeflag: tar.TypeSymlink, Linkname: "../../../etc", Mode: 0o777},
			tar.Header{Name: "volumes/data/same", Typeflag: tar.TypeLink, Linkname: "volumes/data/sub/file"},
		)
		if err := l.client.CopyTo(t.Context(), id, "/", in); err != nil {
			t.Fatal(err)
		}
		out, err := l.client.CopyFrom(t.Context(), id, "/volumes/data")
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		got := unpacked(t, out)
		// Which of two hard links is the file is the engine's choice, and an engine may copy both.
		delete(got, "data/same")
		if text := got["data/sub/file"]; len(text) > 0 && text[0] == tar.TypeLink {
			delete(got, "data/sub/file")
		}
		want := map[string]string{
			"data/":         "5 750 33:34 1700000000 ",
			"data/sub/":     "5 1777 1000:1000 1700000000 ",
			"data/sub/file": "0 4755 999:998 1700000000 volumes/data/sub/file",
			"data/out":      "2 777 0:0 1700000000 /etc/passwd",
			"data/up":       "2 777 0:0 1700000000 ../../../etc",
		}
		if _, is := got["data/sub/file"]; !is {
			delete(want, "data/sub/file")
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		if _, err := l.client.CopyFrom(t.Context(), id, "/volumes/none"); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a path that is not there: %v", err)
		}
	})
}

func TestCopyFrom_FailsWhenTheTarEndsBeforeItsEnd(t *testing.T) {
	l := memoryLane(t)
	l.memory.Fill("data", map[string]string{"a": "x"})
	l.memory.CutCopies(1000)
	id, err := l.client.Create(t.Context(), docker.Spec{Name: "copy", Image: l.image, Mounts: []docker.Mount{{Volume: "data", Target: "/data"}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.client.CopyFrom(t.Context(), id, "/data")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(io.Discard, out); err == nil {
		t.Error("it was taken for a whole tar")
	}
}
