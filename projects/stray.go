package projects

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Stray is something that the gateway may serve and that has no project folder in a store. As an error it says what it
// is, and what to do instead; nothing that it advises loses data.
type Stray struct {
	Kind StrayKind
	// Name is that of the compose project, or of the container when there is none.
	Name string
	// Dir is the folder that it was started from, empty when that is not known.
	Dir string
	// Twin is the folder of the store that says the project's name in its compose.yaml, if there is one.
	Twin       string
	Containers []docker.Container

	// sudo says that this user may not work in the folder above Dir.
	sudo bool
}

// StrayKind says why there is no folder.
type StrayKind string

// The kinds.
const (
	// Orphan: the project's folder is gone.
	Orphan StrayKind = "orphan"
	// Elsewhere: the project belongs to another projects folder, be it on the engine's machine.
	Elsewhere StrayKind = "elsewhere"
	// Composed: somebody started it with Docker Compose.
	Composed StrayKind = "compose"
	// Single: a container that no compose file made.
	Single StrayKind = "container"
)

// Error is what it is and what to do.
func (s Stray) Error() string { return s.Name + " " + s.Message() + "; " + s.Fix() }

// Message says what it is, to be read after its name.
func (s Stray) Message() string {
	switch s.Kind {
	case Orphan:
		if s.Twin != "" {
			return fmt.Sprintf("has no folder of its name: the folder %s says name: %s", filepath.Base(s.Twin), s.Name)
		}
		if s.runs() {
			return "has lost its folder " + s.Dir + ", and its containers run"
		}
		return "has lost its folder " + s.Dir + ", and its containers are left"
	case Elsewhere:
		return "belongs to " + filepath.Dir(s.Dir)
	case Composed:
		if s.Dir == "" {
			return "was started with Docker Compose, and is no project of gateway"
		}
		return "was started with Docker Compose in " + s.Dir + ", and is no project of gateway"
	}
	return "is a container without a project"
}

// Fix says what to do.
func (s Stray) Fix() string {
	switch s.Kind {
	case Orphan:
		if s.Twin != "" {
			return fmt.Sprintf("rename it back: mv %s %s", s.Twin, filepath.Join(filepath.Dir(s.Twin), s.Name))
		}
		return "put the folder back: move it there from where it is now, or copy it from a backup"
	case Elsewhere:
		if s.sudo {
			return "use sudo"
		}
		return "name that folder: --projects " + filepath.Dir(s.Dir)
	case Composed:
		return "work on it with docker compose -p " + s.Name + " ('gateway help compose' says how to get it), or with docker logs, stop and start"
	}
	return fmt.Sprintf("work on it with docker: docker logs %s, docker stop %s, docker start %s", s.Name, s.Name, s.Name)
}

func (s Stray) runs() bool {
	return slices.ContainsFunc(s.Containers, func(c docker.Container) bool { return c.State == "running" })
}

// Strays returns what an engine has for the gateway that is none of the projects in here, which List returned, sorted by
// name. Remote says that the engine is on a machine whose folders cannot be seen.
func (s Store) Strays(here []Project, containers []docker.Container, networks []docker.Network, remote bool) []Stray {
	found := map[string]*Stray{}
	edges := map[string]bool{}
	for _, n := range networks {
		if n.Labels[label.Role] != "" {
			edges[ProjectOf(n.Labels)] = true
		}
	}
	for _, c := range containers {
		project := ProjectOf(c.Labels)
		if c.Labels[label.Role] != "" || slices.ContainsFunc(here, func(p Project) bool { return string(p.Name) == project }) {
			continue
		}
		// The space keeps containers and projects of one name apart.
		key := cmp.Or(project, " "+c.Name)
		if found[key] == nil {
			found[key] = &Stray{Kind: Single, Name: cmp.Or(project, c.Name), Dir: c.Labels[composeDir]}
		}
		found[key].Containers = append(found[key].Containers, c)
	}
	var all []Stray
	for _, key := range slices.Sorted(maps.Keys(found)) {
		stray := found[key]
		ours := slices.ContainsFunc(stray.Containers, func(c docker.Container) bool { return label.Ours(c.Labels) })
		if key == stray.Name {
			s.classify(stray, here, edges[stray.Name], remote)
			ours = ours || edges[stray.Name]
		}
		if ours {
			all = append(all, *stray)
		}
	}
	slices.SortStableFunc(all, func(a, b Stray) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// classify decides what kind of stray a compose project is.
func (s Store) classify(stray *Stray, here []Project, edge, remote bool) {
	stray.Kind = Composed
	if stray.Dir == "" {
		return
	}
	for _, p := range here {
		if misnamed, is := errors.AsType[*MisnamedError](p.Err); is && misnamed.Says == stray.Name && isGone(stray.Dir) {
			stray.Kind, stray.Twin = Orphan, p.Dir
			return
		}
	}
	inRoot := samePath(filepath.Dir(stray.Dir), s.root)
	switch {
	case !remote && isGone(stray.Dir) && (inRoot || edge):
		stray.Kind = Orphan
	case edge || inRoot:
		stray.Kind = Elsewhere
		stray.sudo = !remote && !writable(filepath.Dir(stray.Dir))
	}
}

// MisnamedError says that a compose.yaml is that of a project of another name than its folder has.
type MisnamedError struct {
	// Says is the name in the file, Dir the folder.
	Says, Dir string
}

// Error is the fault with its fix.
func (e *MisnamedError) Error() string { return e.Message() + "; " + e.Fix() }

// Message names both.
func (e *MisnamedError) Message() string {
	return fmt.Sprintf("folder %s says name: %s in its %s, and they have to be equal", filepath.Base(e.Dir), e.Says, ComposeFile)
}

// Fix says how to make them so. Renaming the project instead would leave its volumes behind.
func (e *MisnamedError) Fix() string {
	back := filepath.Join(filepath.Dir(e.Dir), e.Says)
	if !isGone(back) {
		return fmt.Sprintf("%s is there too; when %s is a copy of it, write name: %s in %s to make it a project of its own, with volumes of its own",
			back, e.Dir, filepath.Base(e.Dir), filepath.Join(e.Dir, ComposeFile))
	}
	return fmt.Sprintf("rename the folder back: mv %s %s", e.Dir, back)
}
