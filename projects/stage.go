package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gateway/projects/importer"
	"gateway/projects/tree"
	"gateway/templates"
)

// tidy ends what a crash in the middle of changing a project left half done. The caller holds the project's lock.
func (s Store) tidy(name Name) error {
	if err := s.repairReleases(name); err != nil {
		return err
	}
	for _, dir := range []string{scratch(s.root, "rm", name), scratch(s.beside(name), "rm", name), scratch(s.root, "add", name)} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing what an interrupted change left: %w", err)
		}
	}
	return nil
}

// fill writes a project's files into a new folder.
func fill(ctx context.Context, dir string, files map[string][]byte, site *Site, sources ...*importer.Folder) error {
	if err := os.Mkdir(dir, privateMode); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if site != nil && strings.HasPrefix(name, SiteFolder+"/") {
			continue
		}
		if err := writeFile(dir, name, files[name]); err != nil {
			return err
		}
	}
	for _, source := range sources {
		if err := source.Copy(ctx, filepath.Join(dir, importer.Source), nil); err != nil {
			return err
		}
	}
	if site == nil {
		return nil
	}
	return site.copyTo(ctx, filepath.Join(dir, SiteFolder))
}

// The modes of secrets. A container reads its secrets as a user of its own, whom nobody here knows: so the files can be
// read by everybody, and the folder that keeps everybody out is the one above, which no container sees.
const (
	secretFolderMode = 0o700
	secretFileMode   = 0o444
)

func writeFile(dir, name string, content []byte) error {
	mode := os.FileMode(0o644)
	to := dir
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		to = filepath.Join(to, part)
		if err := tree.MakeFolder(to, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if parts[0] == templates.SecretFolder && len(parts) > 1 {
		mode = secretFileMode
		// Before there is anything in it.
		if err := os.Chmod(filepath.Join(dir, parts[0]), secretFolderMode); err != nil {
			return err
		}
	}
	to = filepath.Join(to, parts[len(parts)-1])
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, os.Chmod(to, mode), f.Sync(), f.Close())
}

// Secrets are the files of the project's secrets, sorted by name; none when nobody may list them.
func (p Project) Secrets() []string {
	entries, err := os.ReadDir(filepath.Join(p.Dir, templates.SecretFolder))
	if err != nil {
		return nil
	}
	var files []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && oneLine(entry.Name()) == nil {
			files = append(files, filepath.Join(p.Dir, templates.SecretFolder, entry.Name()))
		}
	}
	return files
}

// diskFull adds the fix to an error about a full disk.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w; nothing was kept, make room on the disk and run the command again", err)
	}
	return err
}
