package archive

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

var made = time.Date(2026, 11, 30, 4, 15, 0, 0, time.UTC)

func file(name, text string) (tar.Header, string) {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640, Uid: 33, Gid: 34, Size: int64(len(text)), ModTime: made}, text
}

// sample writes an archive with a member of each kind.
func sample(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), Name("blog", made, false))
	w, err := Create(path, Recipients{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	add := func(h tar.Header, text string) {
		t.Helper()
		if err := w.Add(&h, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "project/", Mode: 0o700}, "")
	add(file("project/compose.yaml", "services: {}\n"))
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "project/site", Linkname: "versions/current/site"}, "")
	add(tar.Header{Typeflag: tar.TypeDir, Name: "volumes/data/", Mode: 0o1777}, "")
	add(file("volumes/data/a\xff", strings.Repeat("text ", 1000)))
	add(tar.Header{Typeflag: tar.TypeLink, Name: "volumes/data/same", Linkname: "volumes/data/a\xff"}, "")
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "volumes/data/out", Linkname: "/etc/passwd"}, "")
	add(file("dumps/db.sql", "select 1"))
	info := Info{Project: "blog", Created: made, Volumes: []string{"data"}, Dumps: []Dump{{"db", "mariadb", "dumps/db.sql"}}}
	if _, err := w.Finish(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead_ReturnsWhatWasWritten(t *testing.T) {
	path := sample(t)
	texts, heads := map[string]string{}, map[string]*tar.Header{}
	m, err := Read(t.Context(), path, Identities{}, func(h *tar.Header, content io.Reader) error {
		text, err := io.ReadAll(content)
		texts[h.Name], heads[h.Name] = string(text), h
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Project != "blog" || len(m.Files) != 8 || m.BytesIn(Volumes) != 5000 || m.BytesIn("volumes/dat") != 0 || m.Bytes() != 5000+13+8 {
		t.Errorf("manifest %+v", m)
	}
	if h := heads["volumes/data/a\xff"]; texts["project/compose.yaml"] != "services: {}\n" || h.Mode != 0o640 || h.Uid != 33 || h.Gid != 34 || !h.ModTime.Equal(made) || heads["volumes/data"].Mode != 0o1777 {
		t.Errorf("texts %q, heads %+v", texts, heads)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v %v", entries, err)
	}
}

func TestRead_RefusesEveryChangedByteAndEveryCut(t *testing.T) {
	whole, err := os.ReadFile(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		text := bytes.Clone(whole)
		text[at] ^= 0x10
		// A changed byte may mean the same, such as another place to repeat the same text from.
		if _, err := read(t.Context(), bytes.NewReader(text), int64(len(text)), Identities{}, nil); err == nil && !bytes.Equal(expanded(t, text), expanded(t, whole)) {
			t.Errorf("byte %d of %d was changed, and nothing was said", at, len(whole))
		}
		if _, err := read(t.Context(), bytes.NewReader(whole[:at]), int64(at), Identities{}, nil); err == nil {
			t.Errorf("it was cut at byte %d of %d, and nothing was said", at, len(whole))
		}
	}
}

// expanded is what is compressed.
func expanded(t *testing.T, text []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forged is an archive of these members, whatever they are. Nil for the manifest makes the right one.
func forged(t testing.TB, manifest []byte, tail string, heads ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	to := tar.NewWriter(z)
	all := members{}
	for _, h := range heads {
		if f, err := all.add(&h); err == nil {
			all.append(f)
		}
		_ = to.WriteHeader(&h)
		_, _ = to.Write(make([]byte, h.Size))
	}
	if manifest == nil {
		manifest, _ = json.Marshal(Manifest{Format: Format, Files: all.files})
	}
	_ = to.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: ManifestName, Size: int64(len(manifest))})
	_, _ = to.Write(manifest)
	_ = to.Close()
	_, _ = io.WriteString(z, tail)
	_ = z.Close()
	return out.Bytes()
}

func TestRead_RefusesHostileArchives(t *testing.T) {
	folder := tar.Header{Typeflag: tar.TypeDir, Name: "volumes/v/"}
	for name, c := range map[string]struct {
		heads    []tar.Header
		manifest string
		tail     string
		want     string
	}{
		"parent folder":      {[]tar.Header{{Typeflag: tar.TypeDir, Name: "project/../../etc"}}, "", "", "part that is empty"},
		"only parents":       {[]tar.Header{{Typeflag: tar.TypeDir, Name: "../etc"}}, "", "", "part that is empty"},
		"absolute":           {[]tar.Header{{Typeflag: tar.TypeReg, Name: "/etc/passwd"}}, "", "", "absolute"},
		"other folder":       {[]tar.Header{{Typeflag: tar.TypeReg, Name: "etc/passwd"}}, "", "", "none of the folders"},
		"device":             {[]tar.Header{{Typeflag: tar.TypeChar, Name: "volumes/v/null"}}, "", "", "a device"},
		"pipe":               {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "volumes/v/pipe"}}, "", "", "a device or of another kind"},
		"twice":              {[]tar.Header{folder, folder}, "", "", "comes twice"},
		"folder and file":    {[]tar.Header{{Typeflag: tar.TypeDir, Name: "project/a/"}, {Typeflag: tar.TypeReg, Name: "project/a"}}, "", "", "comes twice"},
		"link out":           {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "project/a", Linkname: "../../etc"}}, "", "", "outside of the project"},
		"absolute link":      {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "project/a", Linkname: "/etc"}}, "", "", "outside of the project"},
		"hard link out":      {[]tar.Header{{Typeflag: tar.TypeLink, Name: "project/a", Linkname: "/etc/passwd"}}, "", "", "no file before it"},
		"hard link across":   {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/a"}, {Typeflag: tar.TypeLink, Name: "volumes/v", Linkname: "project/a"}}, "", "", "no file before it"},
		"through a link":     {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "volumes/v/a", Linkname: "/etc"}, {Typeflag: tar.TypeReg, Name: "volumes/v/a/passwd"}}, "", "", "no folder"},
		"below a file":       {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/a"}, {Typeflag: tar.TypeReg, Name: "project/a/b"}}, "", "", "no folder"},
		"long name":          {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/" + strings.Repeat("a", 5000), Format: tar.FormatPAX}}, "", "", "longer than"},
		"file in dumps":      {[]tar.Header{{Typeflag: tar.TypeReg, Name: "dumps/a/b"}}, "", "", "none of the folders"},
		"not in manifest":    {[]tar.Header{folder}, `{"format":1,"files":[]}`, "", "manifest does not have it"},
		"missing":            {nil, `{"format":1,"files":[{"name":"project/a","kind":"file"}]}`, "", "is missing"},
		"other size":         {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/a", Size: 3}}, `{"format":1,"files":[{"name":"project/a","kind":"file","size":4}]}`, "", "has 3 bytes, and the manifest says 4"},
		"other sum":          {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/a", Size: 3}}, `{"format":1,"files":[{"name":"project/a","kind":"file","size":3,"sha256":"00"}]}`, "", "content is not what"},
		"other kind":         {[]tar.Header{{Typeflag: tar.TypeReg, Name: "project/a"}}, `{"format":1,"files":[{"name":"project/a","kind":"folder"}]}`, "", "manifest says a folder"},
		"later format":       {nil, `{"format":2,"new":true}`, "", "format 2"},
		"no manifest":        {nil, `hello`, "", "cannot be read"},
		"unknown key":        {nil, `{"format":1,"run":"rm"}`, "", "cannot be read"},
		"dump that is none":  {nil, `{"format":1,"dumps":[{"service":"db","kind":"mariadb","member":"dumps/x"}]}`, "", "there is no such file"},
		"volume that is not": {nil, `{"format":1,"volumes":["x"]}`, "", "there is no such folder"},
		"text at its end":    {nil, `{"format":1}`, "more", "behind its end"},
	} {
		var manifest []byte
		if c.manifest != "" {
			manifest = []byte(c.manifest)
		}
		text := forged(t, manifest, c.tail, c.heads...)
		_, err := read(t.Context(), bytes.NewReader(text), int64(len(text)), Identities{}, nil)
		if bad, is := errors.AsType[*BadError](err); !is || !strings.Contains(err.Error(), c.want) || bad.Member == "" && c.tail == "" {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// zeros is a stream that compresses to nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBound_EndsWhatExpandsWithoutEnd(t *testing.T) {
	b := &bound{from: zeros{}, left: 1 << 20}
	if n, err := io.Copy(io.Discard, b); err == nil || n > 1<<20 || !strings.Contains(err.Error(), "expands") {
		t.Errorf("%d bytes: %v", n, err)
	}
}

// failing is a disk that is full after some bytes.
type failing struct {
	io.Writer
	left int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return f.Writer.Write(p)
}

func TestWriter_LeavesNothingWhenTheDiskFills(t *testing.T) {
	for _, room := range []int{0, 10, 100, 200} {
		dir := t.TempDir()
		w, err := Create(filepath.Join(dir, "x"+extension), Recipients{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.zstd.Close(), w.layer(&failing{w.file, room})); err != nil {
			t.Fatal(err)
		}
		h, text := file("project/compose.yaml", "x")
		err = w.Add(&h, strings.NewReader(text))
		if err == nil {
			_, err = w.Finish(t.Context(), Info{Project: "blog"})
		} else {
			err = errors.Join(err, w.Abort())
		}
		if err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("room for %d: %v", room, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("left in the folder: %v %v", entries, err)
		}
	}
}

func TestWriter_RefusesAFileThatShrinks(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "x"+extension), Recipients{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := file("project/log", "a long line")
	if err := w.Add(&h, strings.NewReader("short")); err == nil || !strings.Contains(err.Error(), "it changes while it is read") {
		t.Errorf("got %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}

func TestWriter_NeverReplacesAnArchive(t *testing.T) {
	path := sample(t)
	w, err := Create(path, Recipients{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(t.Context(), Info{Project: "blog"}); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("got %v", err)
	}
	if m, err := Read(t.Context(), path, Identities{}, nil); err != nil || len(m.Files) == 0 {
		t.Errorf("what was there is %+v %v", m, err)
	}
	if _, err := os.Stat(Partial(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half an archive is left: %v", err)
	}
}

func TestParseName_KnowsItsOwnNamesAlone(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		name := Name("my-blog-2", made, encrypted)
		if e, ok := ParseName(name); !ok || e.Project != "my-blog-2" || !e.Created.Equal(made) || e.Encrypted != encrypted {
			t.Errorf("%s is %+v %v", name, e, ok)
		}
	}
	for _, name := range []string{"blog.tar.zst", "blog-2026-13-30T041500Z.tar.zst", "blog-2026-11-30T041500Z.tar.zst.part", ".blog-2026-11-30T041500Z.tar.zst", "Blog-2026-11-30T041500Z.tar.zst", "blog-2026-11-30T041500Z.tar.gz"} {
		if _, ok := ParseName(name); ok {
			t.Errorf("%s is taken for an archive", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	whole, err := os.ReadFile(sample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(forged(f, nil, "", tar.Header{Typeflag: tar.TypeSymlink, Name: "project/a", Linkname: "b"}))
	f.Fuzz(func(t *testing.T, text []byte) {
		names := map[string]bool{}
		m, err := read(t.Context(), bytes.NewReader(text), int64(len(text)), Identities{}, func(h *tar.Header, _ io.Reader) error {
			if !fs.ValidPath(strings.ToValidUTF8(h.Name, "?")) || names[h.Name] {
				t.Errorf("it hands on %q", h.Name)
			}
			names[h.Name] = true
			return nil
		})
		if err == nil && len(m.Files) != len(names) {
			t.Errorf("%d members, and the manifest says %d", len(names), len(m.Files))
		}
	})
}

// FuzzMembers is the checks of headers, which compression hides from FuzzRead.
func FuzzMembers(f *testing.F) {
	f.Add("project/a", "b", byte(tar.TypeSymlink), "project/a/c", "project/a", byte(tar.TypeLink))
	f.Add("volumes/v", "", byte(tar.TypeDir), "volumes/v/../../x", "/", byte(tar.TypeReg))
	f.Fuzz(func(t *testing.T, name, link string, kind byte, name2, link2 string, kind2 byte) {
		all := members{}
		for _, h := range []tar.Header{{Name: name, Linkname: link, Typeflag: kind}, {Name: name2, Linkname: link2, Typeflag: kind2}} {
			got, err := all.add(&h)
			if err != nil {
				continue
			}
			if !filepath.IsLocal(got.Name) || got.Kind == Symlink && root(got.Name) == Project && !Inside(got.Name, got.Link) {
				t.Errorf("it takes %+v", got)
			}
		}
	})
}
