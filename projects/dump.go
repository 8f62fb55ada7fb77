package projects

import (
	"archive/tar"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"gateway/projects/archive"
	"gateway/projects/compose"
	"gateway/proxy/docker"
)

// database is a kind of database, and how its own tool writes and reads all its content.
type database struct {
	kind string
	// tool is the name of the tool, for people.
	tool string
	// data are the folders that its images keep their files in.
	data []string
	// dump and load are shell scripts for a container of it that runs: dump writes to stdout, load reads stdin. Passwords are
	// read in the container, from its own environment or secret files, and are in no command line.
	dump, load string
}

//go:embed dump/mariadb.sh
var mariadb string

//go:embed dump/postgresql.sh
var postgresql string

// databases are those that are known.
var databases = []database{
	{kind: "mariadb", tool: "mariadb-dump", data: []string{"/var/lib/mysql"}, dump: "\n" + mariadb + "\ndump", load: "\n" + mariadb + "\nload"},
	{kind: "postgresql", tool: "pg_dump", data: []string{"/var/lib/postgresql/data", "/var/lib/postgresql"}, dump: "\n" + postgresql + "\ndump", load: "\n" + postgresql + "\nload"},
}

// dumpSilence is how long a tool may write nothing: a tool that waits for a lock that nobody gives back never ends.
var dumpSilence = 5 * time.Minute

// dumping is a database that runs, and is dumped.
type dumping struct {
	database
	service, container string
}

// findDatabase notes what a container that runs has open, and one that is a database: its dump is archived in place of its files, which change
// while they are copied.
func (b *archiving) findDatabase(c docker.Container, mounts []docker.MountPoint) {
	if b.Stop || c.State != "running" {
		return
	}
	for _, m := range mounts {
		if m.Source != "" {
			m.Source = resolved(m.Source)
		}
		b.opened = append(b.opened, opened{m, c.ID})
	}
	for _, d := range databases {
		i := slices.IndexFunc(mounts, func(m docker.MountPoint) bool { return slices.Contains(d.data, m.Target) })
		if i < 0 {
			continue
		}
		b.skip(mounts[i])
		if !slices.ContainsFunc(b.dumps, func(other dumping) bool { return other.service == ServiceOf(c) }) {
			b.dumps = append(b.dumps, dumping{d, ServiceOf(c), c.ID})
		}
		return
	}
}

// skip leaves the files of a database out: a volume, or a folder of the project.
func (b *archiving) skip(m docker.MountPoint) {
	for key, v := range b.volumes {
		if v.Name == m.Volume {
			b.info.Volumes = slices.DeleteFunc(b.info.Volumes, func(k string) bool { return k == key })
		}
	}
	if rel, err := filepath.Rel(resolved(b.project.Dir), resolved(m.Source)); m.Source != "" && err == nil && filepath.IsLocal(rel) && rel != "." {
		b.skipped = append(b.skipped, filepath.ToSlash(rel))
	}
}

// dump archives a database.
func (b *archiving) dump(ctx context.Context, w *archive.Writer, d dumping) error {
	member := archive.Dumps + "/" + d.service + ".sql"
	err := b.life.exec(ctx, d.container, script(d.database.dump), func(conn net.Conn) error {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: member, Mode: 0o600, ModTime: b.info.Created}
		return w.AddStream(head, &lively{conn})
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it wrote nothing for %s", dumpSilence)
	case err == nil:
		b.info.Dumps = append(b.info.Dumps, archive.Dump{Service: d.service, Kind: d.kind, Member: member})
		return nil
	}
	return fmt.Errorf("dumping the database of service %s with %s: %w; or copy its files while the project is stopped: gateway backup %s --stop", d.service, d.tool, err, b.Name)
}

// lively ends reading when nothing comes for too long.
type lively struct{ net.Conn }

// Read implements io.Reader.
func (l *lively) Read(p []byte) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(dumpSilence)); err != nil {
		return 0, err
	}
	return l.Conn.Read(p)
}

// exec runs a command in a container and lets do talk with it.
func (l Life) exec(ctx context.Context, container string, command []string, do func(net.Conn) error) error {
	conn, err := l.Engine.Exec(ctx, container, command)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := do(conn); ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// script is the command that runs a script of a shell.
func script(text string) []string { return []string{"sh", "-c", text} }

// loadDumps starts the databases alone, and loads what the archive has of them.
func (u *restoring) loadDumps(ctx context.Context) error {
	var services []string
	for _, d := range u.manifest.Dumps {
		services = append(services, d.Service)
	}
	if err := u.life.run(ctx, u.dir, u.Name, compose.UpOptions{Only: services}); err != nil {
		return fmt.Errorf("starting the databases of project %s: %w", u.Name, err)
	}
	running, err := Look(ctx, u.life.Engine, u.Name)
	if err != nil {
		return err
	}
	for _, d := range u.manifest.Dumps {
		c := slices.IndexFunc(running.Containers, func(c docker.Container) bool { return ServiceOf(c) == d.Service && c.State == "running" })
		kind := slices.IndexFunc(databases, func(known database) bool { return known.kind == d.Kind })
		if c < 0 || kind < 0 {
			return fmt.Errorf("the dump of service %s, a database %s, cannot be loaded: the service does not run, or this version of gateway does not know the kind", d.Service, d.Kind)
		}
		if err := u.loadDump(ctx, running.Containers[c].ID, databases[kind], d); err != nil {
			return fmt.Errorf("loading the dump of service %s: %w", d.Service, err)
		}
	}
	return nil
}

// loadDump hands a dump to the database's own tool.
func (u *restoring) loadDump(ctx context.Context, container string, kind database, d archive.Dump) error {
	return u.life.exec(ctx, container, script(kind.load), func(conn net.Conn) error {
		return dumpLoad{u, conn, d.Member}.Run(ctx)
	})
}

// dumpLoad writes a member of an archive to a command.
type dumpLoad struct {
	of     *restoring
	conn   net.Conn
	member string
}

// Run returns when the command has ended.
func (d dumpLoad) Run(ctx context.Context) error {
	var group errgroup.Group
	var ended, sent error
	group.Go(func() error {
		_, ended = io.Copy(io.Discard, d.conn)
		return nil
	})
	group.Go(func() error {
		if sent = d.send(ctx); sent != nil {
			// A tool that takes no more says why; one that waits for more is not told that this was all.
			_ = d.conn.SetReadDeadline(time.Now().Add(time.Second))
		}
		return nil
	})
	_ = group.Wait()
	if ended != nil && (sent == nil || !errors.Is(ended, os.ErrDeadlineExceeded)) {
		return ended
	}
	return sent
}

// send writes the dump and ends the command's input.
func (d dumpLoad) send(ctx context.Context) error {
	_, err := archive.Read(ctx, d.of.File, d.of.Keys, func(h *tar.Header, content io.Reader) error {
		if h.Name != d.member {
			return nil
		}
		_, err := io.Copy(d.conn, content)
		return err
	})
	if half, ok := d.conn.(interface{ CloseWrite() error }); ok && err == nil {
		return half.CloseWrite()
	}
	return err
}
