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
	"os"

	"github.com/klauspost/compress/zstd"
)

// ErrStop is what a visit returns to end the reading early; then there is no manifest.
var ErrStop = errors.New("stop")

// Visit is told of each member but the manifest, in their order, before it is known whether the rest of the archive is as
// it should be. The header's name has no slash at its end. What it leaves of the content is read all the same.
type Visit func(h *tar.Header, content io.Reader) error

// Read reads an archive from its begin to its end and holds it to its manifest. A nil visit verifies alone. Keys are
// needed for one that is encrypted. The error is a *BadError when the archive is damaged or no archive.
func Read(ctx context.Context, path string, keys Identities, visit Visit) (Manifest, error) {
	file, err := os.Open(path)
	if err != nil {
		return Manifest{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Manifest{}, err
	}
	if !info.Mode().IsRegular() {
		return Manifest{}, fmt.Errorf("%s: %w", path, bad("", "it is no file"))
	}
	m, err := read(ctx, file, info.Size(), keys, visit)
	if err != nil && !errors.Is(err, ErrStop) {
		err = fmt.Errorf("archive %s: %w", path, err)
	}
	return m, err
}

// Sum returns the SHA-256 of a whole file, in hex, as Writer.SHA256 does.
func Sum(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, &untilDone{ctx.Err, file}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// reader reads one archive.
type reader struct {
	tar *tar.Reader
	all members
	// failed is why a visit ended the reading.
	failed error
}

// read is Read for an open file of that size.
func read(ctx context.Context, from io.Reader, size int64, keys Identities, visit Visit) (Manifest, error) {
	compressed, err := decrypted(&untilDone{ctx.Err, from}, keys)
	if err != nil {
		return Manifest{}, worded(err)
	}
	plain, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*window))
	if err != nil {
		return Manifest{}, err
	}
	defer plain.Close()
	bounded := &bound{from: plain, left: plainBytes + maxRatio*size}
	r := &reader{tar: tar.NewReader(bounded)}
	m, err := r.members(visit)
	if err == nil {
		err = ending(bounded)
	}
	switch {
	case ctx.Err() != nil:
		return m, ctx.Err()
	case r.failed != nil:
		return m, err
	}
	return m, worded(err)
}

// worded says of an error what it means for an archive.
func worded(err error) error {
	switch {
	case err == nil, errors.As(err, new(*BadError)), errors.As(err, new(*os.PathError)):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return bad("", "it is cut off: it has no manifest at its end")
	}
	return bad("", "it is no archive of gateway, or damaged: %v", err)
}

// members reads all members and compares them with the manifest.
func (r *reader) members(visit Visit) (Manifest, error) {
	for {
		h, err := r.tar.Next()
		if err != nil {
			return Manifest{}, err
		}
		if h.Name == ManifestName {
			return r.manifest(h)
		}
		f, err := r.all.add(h)
		if err != nil {
			return Manifest{}, err
		}
		if f.SHA256, err = r.content(h, f, visit); err != nil {
			return Manifest{}, err
		}
		r.all.append(f)
	}
}

// content hands a member on, and returns the sum of a file.
func (r *reader) content(h *tar.Header, f File, visit Visit) (string, error) {
	sum := sha256.New()
	content := io.TeeReader(r.tar, sum)
	if visit != nil {
		h.Name = f.Name
		if r.failed = visit(h, content); r.failed != nil {
			return "", r.failed
		}
	}
	if f.Kind != Regular {
		return "", nil
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// manifest reads the last member.
func (r *reader) manifest(h *tar.Header) (Manifest, error) {
	var m Manifest
	if h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return m, bad(ManifestName, "it is no file, or too large for a manifest")
	}
	text, err := io.ReadAll(r.tar)
	if err != nil {
		return m, err
	}
	var version struct{ Format int }
	if err := json.Unmarshal(text, &version); err != nil {
		return m, bad(ManifestName, "it cannot be read: %v", err)
	}
	if version.Format != Format {
		return m, bad(ManifestName, "the archive has format %d, and this version of gateway reads %d; install the version of gateway that made it", version.Format, Format)
	}
	parse := json.NewDecoder(bytes.NewReader(text))
	parse.DisallowUnknownFields()
	if err := parse.Decode(&m); err != nil {
		return m, bad(ManifestName, "it cannot be read: %v", err)
	}
	if err := r.compare(m); err != nil {
		return m, err
	}
	if _, err := r.tar.Next(); !errors.Is(err, io.EOF) {
		return m, bad(ManifestName, "it is not the last member")
	}
	return m, nil
}

// compare holds the members to the manifest.
func (r *reader) compare(m Manifest) error {
	for i, f := range r.all.files {
		if i >= len(m.Files) {
			return bad(f.Name, "the manifest does not have it")
		}
		want := m.Files[i]
		switch {
		case want.Name != f.Name:
			return bad(f.Name, "the manifest has %q in its place", shortened(want.Name))
		case want.Kind != f.Kind || want.Link != f.Link:
			return bad(f.Name, "it is a %s (%s), and the manifest says a %s (%s)", f.Kind, shortened(f.Link), want.Kind, shortened(want.Link))
		case want.Size != f.Size:
			return bad(f.Name, "it has %d bytes, and the manifest says %d", f.Size, want.Size)
		case want.SHA256 != f.SHA256:
			return bad(f.Name, "its content is not what the manifest says: it was changed or damaged")
		}
	}
	if len(m.Files) > len(r.all.files) {
		return bad(m.Files[len(r.all.files)].Name, "the manifest has it, and it is missing")
	}
	return m.consistent(r.all.kinds)
}

// consistent checks what the manifest says of dumps and volumes.
func (m Manifest) consistent(kinds map[string]Kind) error {
	for _, d := range m.Dumps {
		if kinds[d.Member] != Regular || root(d.Member) != Dumps {
			return bad(ManifestName, "it says that %q is a dump, and there is no such file", shortened(d.Member))
		}
	}
	for _, v := range m.Info.Volumes {
		if kinds[Volumes+"/"+v] != Folder {
			return bad(ManifestName, "it says that %q is a volume, and there is no such folder", shortened(v))
		}
	}
	return nil
}

// ending refuses what comes behind the end of the tar.
func ending(from io.Reader) error {
	rest, err := io.ReadAll(io.LimitReader(from, 1<<20+1))
	if err != nil {
		return err
	}
	if len(rest) > 1<<20 || len(bytes.Trim(rest, "\x00")) > 0 {
		return bad("", "there is something behind its end")
	}
	return nil
}

// bound ends the reading of what expands beyond all measure.
type bound struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bound) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, bad("", "it expands to more than %d times its size", maxRatio)
	}
	return n, err
}

// untilDone ends reading with a context.
type untilDone struct {
	done func() error
	from io.Reader
}

// Read implements io.Reader.
func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.done(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}
