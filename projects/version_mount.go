package projects

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gateway/projects/composefile"
)

// follows reports whether all services of a project that have its site mounted have its versions too: their containers
// see by themselves that another version is in force. A mount stays with the folder that it was made of, so that those
// that have the site alone need a new container.
func follows(p Project) (bool, error) {
	text, err := os.ReadFile(filepath.Join(p.Dir, ComposeFile))
	if err != nil {
		return false, fmt.Errorf("reading project %s: %w", p.Name, err)
	}
	file, err := composefile.Parse(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", filepath.Join(p.Dir, ComposeFile), err)
	}
	seen := false
	for _, service := range file.Keys("services") {
		sources := mountSources(file, service)
		site, versions := mounts(p.Dir, sources, SiteFolder), mounts(p.Dir, sources, VersionsFolder)
		if site && !versions {
			return false, nil
		}
		seen = seen || versions
	}
	return seen, nil
}

// mountSources are what a service mounts, in either form that Compose knows.
func mountSources(file *composefile.File, service string) []string {
	var all []string
	for i := range file.Len("services", service, "volumes") {
		at := composefile.Path{"services", service, "volumes", composefile.Item(i)}
		if short, is := file.Get(at...); is {
			source, _, _ := strings.Cut(short, ":")
			all = append(all, source)
		} else if source, is := file.Get(append(at, "source")...); is {
			all = append(all, source)
		}
	}
	return all
}

// mounts reports whether a folder of the project is mounted.
func mounts(dir string, sources []string, folder string) bool {
	for _, source := range sources {
		if !filepath.IsAbs(source) {
			// A name without a dot or a slash is that of a volume.
			if !strings.HasPrefix(source, ".") {
				continue
			}
			source = filepath.Join(dir, source)
		}
		if filepath.Clean(source) == filepath.Join(dir, folder) {
			return true
		}
	}
	return false
}
