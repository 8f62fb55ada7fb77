package compose

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/importer"
)

// Shape is what decides which containers of a project have to be replaced beside those that Compose finds by itself.
type Shape struct {
	// Mounts are the files and folders that the containers of each service get, configs and secrets among them; also those
	// of services that do not run.
	Mounts map[string][]importer.Mount
	// Running are the names of the services that run, sorted.
	Running []string
	// Built are the names that images of the project are built under, sorted.
	Built []string
}

// ReadShape reads a project that rules may refuse by now, but for the rules of what is read. The engine is not asked.
func ReadShape(ctx context.Context, s Subject) (Shape, error) {
	prepare()
	shape := Shape{Mounts: map[string][]importer.Mount{}}
	report, err := look(s)
	if err != nil {
		return shape, located(filepath.Join(s.Dir, file), err)
	}
	if err := report.Refused(); err != nil {
		return shape, err
	}
	project, err := read(ctx, s, report)
	if err != nil {
		return shape, located(report.Files[0], err)
	}
	for _, name := range slices.Sorted(maps.Keys(project.AllServices())) {
		service := project.AllServices()[name]
		shape.Mounts[name] = slices.Concat(mountsOf(service), objectsOf(project, service))
	}
	shape.Running = project.ServiceNames()
	for _, name := range builtServices(project) {
		shape.Built = append(shape.Built, imagesOf(project, name)...)
	}
	return shape, nil
}

// objectsOf are the configs and secrets of a service that are files.
func objectsOf(project *types.Project, s types.ServiceConfig) []importer.Mount {
	var all []importer.Mount
	add := func(file string) {
		if file != "" {
			all = append(all, importer.Mount{Path: file, ReadOnly: true})
		}
	}
	for _, c := range s.Configs {
		add(project.Configs[c.Source].File)
	}
	for _, secret := range s.Secrets {
		add(project.Secrets[secret.Source].File)
	}
	return all
}
