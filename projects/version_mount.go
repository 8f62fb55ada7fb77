package projects

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"gateway/proxy/printable"
)

// follows reports whether all services of a project that have its site mounted have its versions too: their containers
// see by themselves that another version is in force. A mount stays with the folder that it was made of, so that those
// that have the site alone need a new container.
func follows(p Project) (bool, error) {
	text, err := os.ReadFile(filepath.Join(p.Dir, ComposeFile))
	if err != nil {
		return false, fmt.Errorf("reading project %s: %w", p.Name, err)
	}
	var file struct {
		Services map[string]struct {
			Volumes []yaml.Node `yaml:"volumes"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return false, fmt.Errorf("%s: %s", filepath.Join(p.Dir, ComposeFile), printable.Text(err.Error()))
	}
	seen := false
	for _, service := range file.Services {
		site, versions := mounts(p.Dir, service.Volumes, SiteFolder), mounts(p.Dir, service.Volumes, VersionsFolder)
		if site && !versions {
			return false, nil
		}
		seen = seen || versions
	}
	return seen, nil
}

// mounts reports whether a folder of the project is mounted, in either form that Compose knows.
func mounts(dir string, volumes []yaml.Node, folder string) bool {
	for _, volume := range volumes {
		source := ""
		if volume.Kind == yaml.ScalarNode {
			source, _, _ = strings.Cut(volume.Value, ":")
		} else {
			var long struct {
				Source string `yaml:"source"`
			}
			if volume.Decode(&long) == nil {
				source = long.Source
			}
		}
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
