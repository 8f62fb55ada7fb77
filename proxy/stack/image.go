package stack

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gateway/proxy/docker"
)

// ErrDynamic is wrapped when a binary needs a dynamic linker, which an image made from nothing does not have.
var ErrDynamic = errors.New("the binary is dynamically linked")

// Pack makes sure that the engine has an image of the binary at path, and returns its tag. The image holds the binary
// and empty folders and nothing else; nothing is pulled. A binary that was packed before costs only its hashing.
func Pack(ctx context.Context, engine *docker.Client, path string) (tag string, err error) {
	if err := checkStatic(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("opening the binary to pack: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return "", fmt.Errorf("reading the binary to pack: %w", err)
	}
	tag = "gateway:" + hex.EncodeToString(sum.Sum(nil))[:12]
	if _, err := engine.Images().ID(ctx, tag); err == nil || !errors.Is(err, docker.ErrNotFound) {
		return tag, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading the binary to pack: %w", err)
	}
	changes := []string{`ENTRYPOINT ["` + Binary + `"]`, "WORKDIR /", "USER " + proxyUser, "ENV PATH=/"}
	files, err := rootfs(f, size)
	if err != nil {
		return "", err
	}
	if _, err := engine.Images().Import(ctx, tag, files, changes); err != nil {
		return "", fmt.Errorf("packing %s into an image: %w", path, err)
	}
	return tag, nil
}

// checkStatic refuses a binary that would not start in an image without a dynamic linker. What is no ELF file is left
// to the engine to decide.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		if short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); short || errors.As(err, new(*elf.FormatError)) {
			return fmt.Errorf("%s is no Linux program; name one with --binary, or an image with --image", path)
		}
		return fmt.Errorf("opening the binary to pack: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s cannot be packed: %w; build it with CGO_ENABLED=0, as install.sh does", path, ErrDynamic)
		}
	}
	return nil
}

// rootfs is the image's files as a tar stream. The folders are where the volumes are mounted: a new volume takes the
// owner and the mode of the folder that it covers.
func rootfs(binary io.Reader, size int64) (io.Reader, error) {
	var head bytes.Buffer
	t := tar.NewWriter(&head)
	entries := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "run/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "run/gateway/", Mode: 0o770, Uid: nobody, Gid: nobody},
		{Typeflag: tar.TypeDir, Name: "var/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "var/lib/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "var/lib/gateway/", Mode: 0o700, Uid: nobody, Gid: nobody},
		{Typeflag: tar.TypeDir, Name: certsDir[1:] + "/", Mode: 0o700, Uid: nobody, Gid: nobody},
		{Typeflag: tar.TypeReg, Name: Binary[1:], Mode: 0o755, Size: size},
	}
	for i := range entries {
		entries[i].ModTime = time.Unix(0, 0)
		if err := t.WriteHeader(&entries[i]); err != nil {
			return nil, fmt.Errorf("packing the image: %w", err)
		}
	}
	// The binary is streamed behind its header, then padded to a whole block and closed by two empty ones.
	const block = 512
	tail := make([]byte, (block-size%block)%block+2*block)
	return io.MultiReader(&head, binary, bytes.NewReader(tail)), nil
}
