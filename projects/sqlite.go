package projects

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/archive"
	"gateway/proxy/docker"
)

//go:embed dump/sqlite.sh
var sqlite string

// sqliteMagic is how a file of SQLite begins.
const sqliteMagic = "SQLite format 3\x00"

// sqliteAside are the names of the files that SQLite keeps beside a database while it is open. A copy needs none of them.
var sqliteAside = []string{"-wal", "-shm", "-journal"}

// opened is something that a container which runs has mounted.
type opened struct {
	docker.MountPoint
	container string
}

// add archives a file, from where containers have it: in a volume, or in a folder of this machine. A database of SQLite
// that a container may have open is copied by the tool in that container, when it has it.
func (b *archiving) add(ctx context.Context, w *archive.Writer, h *tar.Header, content io.Reader, at docker.MountPoint) error {
	in := bufio.NewReaderSize(content, len(sqliteMagic))
	head, _ := in.Peek(len(sqliteMagic))
	if b.aside(h.Name) {
		return nil
	}
	if !bytes.Equal(head, []byte(sqliteMagic)) {
		return w.Add(h, in)
	}
	container, file := b.openedBy(ctx, at)
	if container == "" {
		return w.Add(h, in)
	}
	err := b.life.exec(ctx, container, append(script("\n"+sqlite), "sh", file), func(conn net.Conn) error { return w.AddStream(h, &lively{conn}) })
	if err != nil {
		return fmt.Errorf("copying the database %s with sqlite3: %w; or copy it while the project is stopped: gateway backup %s --stop", file, err, b.Name)
	}
	b.copied = append(b.copied, h.Name)
	return nil
}

// aside reports whether a file belongs to a database that was copied.
func (b *archiving) aside(name string) bool {
	for _, end := range sqliteAside {
		if of, is := strings.CutSuffix(name, end); is && slices.Contains(b.copied, of) {
			return true
		}
	}
	return false
}

// openedBy is a container that runs, has a file and the tool for it, and the path of the file in it; empty for none.
func (b *archiving) openedBy(ctx context.Context, at docker.MountPoint) (container, file string) {
	for _, o := range b.opened {
		rel, err := filepath.Rel(o.Source, at.Source)
		switch {
		case at.Volume != o.Volume:
			continue
		case at.Volume != "":
			file = path.Join(o.Target, at.Target)
		case err == nil && filepath.IsLocal(rel):
			file = path.Join(o.Target, filepath.ToSlash(rel))
		default:
			continue
		}
		if b.hasSQLite(ctx, o.container) {
			return o.container, file
		}
	}
	return "", ""
}

// hasSQLite asks a container once.
func (b *archiving) hasSQLite(ctx context.Context, container string) bool {
	has, asked := b.tools[container]
	if !asked {
		err := b.life.exec(ctx, container, script("command -v sqlite3 && command -v mktemp"), func(conn net.Conn) error {
			_, err := io.Copy(io.Discard, conn)
			return err
		})
		has = err == nil
		b.tools[container] = has
	}
	return has
}
