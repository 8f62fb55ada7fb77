package projects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gateway/projects/importer"
	"gateway/projects/release"
)

// history is the releases of a project: of its source when it was imported, else of its site.
func (p Project) history() release.History {
	if p.Template == ImportTemplate {
		return release.History{Dir: p.Dir, Content: importer.Source}
	}
	return release.History{Dir: p.Dir, Content: SiteFolder}
}

// Releases are those of the project, the newest first. Before the first deployment of files there are none.
func (p Project) Releases() ([]release.Release, error) { return p.history().List() }

// hasReleases returns an error when a project is of a kind that cannot have releases, with what to do instead.
func hasReleases(p Project) error {
	if p.HasSite() || p.HasSource() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(p.Dir, release.Folder)); err == nil {
		return nil
	}
	kind := "a project that serves no files"
	if p.Template != "" {
		kind = "template " + p.Template
	}
	return fmt.Errorf("project %s: %w: %s has none, since its content is in volumes; bring the former %s back in %s and run: gateway deploy %s, or restore the app from a backup of its own",
		p.Name, release.ErrNone, kind, ComposeFile, p.Dir, p.Name)
}

// repairReleases removes what an interrupted change left among the releases of a project, which need not be readable, and
// makes their links lead somewhere again.
func (s Store) repairReleases(name Name) error {
	var err error
	for _, content := range []string{SiteFolder, importer.Source} {
		err = errors.Join(err, release.History{Dir: s.Dir(name), Content: content}.Repair())
	}
	if err != nil {
		return fmt.Errorf("project %s: %w", name, err)
	}
	return nil
}
