package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Writer writes one archive. It is used by one goroutine, which ends it by Finish or Abort.
type Writer struct {
	path string
	file *os.File
	// cipher is nil for an archive that is not encrypted; once is the key that decrypts it for the check.
	cipher io.WriteCloser
	once   Identities
	zstd   *zstd.Encoder
	tar    *tar.Writer
	all    members
	// progress is told how many bytes of content came so far.
	progress func(int64)
	written  int64
	// sum is the SHA-256 of the whole file, in hex, once it was read back.
	sum string
}

// Partial is the name of an archive while it is written, in the same folder.
func Partial(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
}

// Create begins an archive. It has a temporary name until Finish; what an interrupted writer left at that name is written
// over. Only its owner may read the file, and with recipients only they what is in it. Progress may be nil.
func Create(path string, to Recipients, progress func(bytes int64)) (*Writer, error) {
	partial := Partial(path)
	if err := os.RemoveAll(partial); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file, progress: progress}
	if to.None() {
		return w, w.layer(file)
	}
	if w.cipher, err = w.encrypt(file, to); err != nil {
		return nil, errors.Join(err, w.discard())
	}
	return w, w.layer(w.cipher)
}

// layer puts the compression and the tar on top of what the bytes go to.
func (w *Writer) layer(to io.Writer) error {
	var err error
	if w.zstd, err = zstd.NewWriter(to, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(window)); err != nil {
		return errors.Join(err, w.discard())
	}
	w.tar = tar.NewWriter(w.zstd)
	return nil
}

// window is how far back the compression looks. Memory is a small multiple of it, for writers and readers.
const window = 4 << 20

// Add adds a member, whose content has exactly the size that the header says; the content of what is no file is nil. The
// folder of a member need not be added, and when it is, it comes first.
func (w *Writer) Add(h *tar.Header, content io.Reader) error {
	f, err := w.all.add(h)
	if err != nil {
		return err
	}
	if err := w.tar.WriteHeader(plain(h, f)); err != nil {
		return fmt.Errorf("archiving %s: %w", f.Name, err)
	}
	if f.Kind == Regular {
		sum := sha256.New()
		n, err := io.CopyN(io.MultiWriter(w.tar, sum), &counter{content, w.count}, f.Size)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("archiving %s: it has %d bytes, and had %d when it was begun: it changes while it is read", f.Name, n, f.Size)
		}
		if err != nil {
			return fmt.Errorf("archiving %s: %w", f.Name, err)
		}
		f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	w.all.append(f)
	return nil
}

// AddStream adds a file whose size is known at its end. It is kept beside the archive until then, compressed, in a file
// without a name.
func (w *Writer) AddStream(h *tar.Header, content io.Reader) error {
	spool, err := os.CreateTemp(filepath.Dir(w.path), ".spool-")
	if err != nil {
		return err
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil {
		return err
	}
	to, err := zstd.NewWriter(spool, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	size, err := io.Copy(to, content)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	from, err := zstd.NewReader(spool, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer from.Close()
	h.Size = size
	return w.Add(h, from)
}

func (w *Writer) count(n int) {
	if w.written += int64(n); w.progress != nil {
		w.progress(w.written)
	}
}

// plain is a header with what an archive keeps of one: no names of users, which mean something on one machine alone.
func plain(h *tar.Header, f File) *tar.Header {
	to := &tar.Header{
		Typeflag: h.Typeflag, Name: f.Name, Linkname: f.Link, Size: f.Size, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid,
		ModTime: h.ModTime, Format: tar.FormatPAX,
	}
	if f.Kind == Folder {
		to.Name += "/"
	}
	for key, value := range h.PAXRecords {
		if strings.HasPrefix(key, xattrs) {
			if to.PAXRecords == nil {
				to.PAXRecords = map[string]string{}
			}
			to.PAXRecords[key] = value
		}
	}
	return to
}

// SHA256 is that of the whole file as it was read back, in hex. It is empty before Finish.
func (w *Writer) SHA256() string { return w.sum }

// Finish writes the manifest, syncs the archive, reads it back, and gives it its name. When any of that fails nothing is
// left of it.
func (w *Writer) Finish(ctx context.Context, info Info) (Manifest, error) {
	m := Manifest{Format: Format, Info: info, Files: w.all.files}
	err := w.manifest(m)
	err = errors.Join(err, w.tar.Close(), w.zstd.Close())
	if err == nil && w.cipher != nil {
		err = w.cipher.Close()
	}
	if err == nil {
		err = w.file.Sync()
	}
	if err == nil {
		err = w.verify(ctx, m)
	}
	if err == nil {
		err = place(w.file, w.path)
	}
	if err != nil {
		return m, errors.Join(err, w.Abort())
	}
	return m, w.file.Close()
}

func (w *Writer) manifest(m Manifest) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if len(text) > maxManifest {
		return fmt.Errorf("the manifest has %d bytes, and %d are the most", len(text), maxManifest)
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: ManifestName, Size: int64(len(text)), Mode: 0o600, ModTime: m.Created.Truncate(time.Second), Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.tar.Write(text)
	return err
}

// verify reads back what is on the disk.
func (w *Writer) verify(ctx context.Context, want Manifest) error {
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	size, err := w.file.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	whole := io.TeeReader(w.file, sum)
	got, err := read(ctx, whole, size.Size(), w.once, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, whole)
	}
	if err != nil {
		return fmt.Errorf("reading the archive back: %w", err)
	}
	w.sum = hex.EncodeToString(sum.Sum(nil))
	a, err := json.Marshal(want)
	if err != nil {
		return err
	}
	b, err := json.Marshal(got)
	if err == nil && !bytes.Equal(a, b) {
		err = errors.New("reading the archive back: its manifest is another one than was written")
	}
	return err
}

// place gives a synced file its name, where nothing is yet.
func place(file *os.File, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s exists already", path), err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Abort removes what was written.
func (w *Writer) Abort() error {
	_ = w.zstd.Close() // It ends the encoder's goroutines; what it has to say is about a file that goes.
	return w.discard()
}

func (w *Writer) discard() error {
	err := w.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(w.file.Name()))
}

// counter tells how many bytes were read.
type counter struct {
	from io.Reader
	add  func(int)
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.add(n)
	return n, err
}
