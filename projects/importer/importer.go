// Package importer knows how a folder that somebody wrote for Compose or for a build alone becomes the source of a project:
// which of its files count, which service is to be reached at which port, and what is written beside them so that the
// gateway can. It knows neither Compose's library nor an engine: what Compose makes of the files is told to it. The
// policy worth stating: the imported files are never changed, what is left out of them is said, and where it would have to
// guess it asks.
package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The names in a project's folder: Source has the copy of the imported folder, Override what the gateway adds to it.
const (
	Source   = "source"
	Override = "gateway.yaml"
)

// Dockerfile is the file that is built when a folder has nothing for Compose, and App the service that comes of it.
const (
	Dockerfile = "Dockerfile"
	App        = "app"
)

// Outline is what Compose makes of the imported files, as far as importing them is concerned.
type Outline struct {
	// Name is what the files call the project, empty when they do not.
	Name string
	// Services are those that would run, sorted by name.
	Services []Service
	// Off are those that a profile would turn on, and none does.
	Off []Service
	// Networks are the keys of those that the files declare, Addressed those of them that choose their addresses or that
	// are somebody else's.
	Networks, Addressed []string
	// Idle is what configs and secrets mount.
	Idle []Mount
}

// Mount is a file or folder that a container gets.
type Mount struct {
	// Path is absolute.
	Path     string
	ReadOnly bool
}

// Mounts are all that containers get, but for volumes.
func (o Outline) Mounts() []Mount {
	all := slices.Clone(o.Idle)
	for _, s := range slices.Concat(o.Services, o.Off) {
		all = append(all, s.Mounts...)
	}
	return all
}

// Service is one of the imported services.
type Service struct {
	Name string
	// Image is what it runs, empty when it is built and has no name of its own.
	Image  string
	Builds bool
	// Published are its ports outside, Exposed those that it says to listen at, or that its Dockerfile does.
	Published []Port
	Exposed   []int
	// ContainerName, Restart and NetworkMode are empty when they are not said.
	ContainerName, Restart, NetworkMode string
	// Networks are the keys of those that it is on, default among them; none with a NetworkMode.
	Networks []string
	Labels   map[string]string
	Mounts   []Mount
	Missing  Missing
}

// Port is one that is published.
type Port struct {
	// Host is the outer side as people wrote it, empty for any.
	Host string
	// Inside is the container's; UDP says that it is none that HTTP could use.
	Inside int
	UDP    bool
}

// String is the outer port, and what it leads to.
func (p Port) String() string {
	if p.Host == "" {
		return fmt.Sprint(p.Inside)
	}
	return fmt.Sprintf("%s:%d", p.Host, p.Inside)
}

// Missing are the limits that a service says nothing of, with the values that fit what it does say; zero values are not
// missing.
type Missing struct {
	// Memory is in bytes. Of CPUs and CPUQuota, which counts microseconds of the service's own cpu_period, one is set.
	Memory   int64
	CPUs     float64
	CPUQuota int64
	Pids     int64
	// Deploy says that these belong to deploy.resources.limits, since the service has some there: Compose refuses both.
	Deploy          bool
	NoNewPrivileges bool
	// CapDrop are the capabilities to drop, separated by a comma and a space.
	CapDrop           string
	LogSize, LogFiles string
}

// composeNames are the names of compose files and of those that override them, in the order in which Compose looks.
var (
	composeNames  = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
	overrideNames = []string{"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"}
)

// Find names the files that Compose would read in a folder, in its order: none when there is a Dockerfile alone. The
// error says which names it looked for.
func Find(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("folder %s: there is no such folder; name the one with the compose.yaml or the Dockerfile", dir)
	}
	first := func(names []string) []string {
		i := slices.IndexFunc(names, func(name string) bool { return isFile(filepath.Join(dir, name)) })
		if i < 0 {
			return nil
		}
		return names[i : i+1]
	}
	if found := first(composeNames); found != nil {
		return slices.Concat(found, first(overrideNames)), nil
	}
	if isFile(filepath.Join(dir, Dockerfile)) {
		return nil, nil
	}
	return nil, fmt.Errorf("folder %s: it has none of %s and no %s; name the folder that has", dir, strings.Join(composeNames, ", "), Dockerfile)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() || err != nil && !errors.Is(err, fs.ErrNotExist)
}
