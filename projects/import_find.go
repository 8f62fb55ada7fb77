package projects

import (
	"context"
	"errors"

	"gateway/projects/compose"
	"gateway/projects/importer"
)

// ErrCall is in errors that what somebody asked for is to blame for, such as a service that the files do not have.
var ErrCall = errors.New("usage error")

// callError is an error in what somebody asked for, in its own words.
type callError struct{ error }

// Unwrap returns the reason and ErrCall.
func (e callError) Unwrap() []error { return []error{e.error, ErrCall} }

// Find is what is looked for in the imported folder.
type Find struct {
	Dir    string
	Name   Name
	Limits importer.Limits
	// Given is what is known of the choice already.
	Given importer.Choice
	// Into is the project that the files are for, nil for a new one.
	Into *Project
}

// FindSource looks through a folder and decides which service clients reach.
func (l Life) FindSource(ctx context.Context, f Find) (*Source, error) {
	files, err := compose.Files(f.Dir)
	if err != nil {
		return nil, callError{err}
	}
	if f.Into != nil {
		if err := f.Into.Takes(f.Dir, files); err != nil {
			return nil, err
		}
	}
	folder, err := importer.Open(f.Dir, f.Limits)
	if err != nil {
		return nil, err
	}
	s := &Source{Folder: folder, Files: files}
	if len(files) == 0 {
		s.Outline = compose.OutlineDockerfile(folder.Dir)
	} else if s.Outline, err = compose.Outline(ctx, folder.Dir, string(f.Name), files); err != nil {
		return nil, err
	}
	if f.Into != nil && len(files) > 0 {
		if err := s.Outline.Has(f.Given); err != nil {
			return nil, err
		}
	}
	if s.Choice, err = s.Outline.Choose(f.Given.Service, f.Given.Port); err != nil {
		return nil, callError{err}
	}
	if s.Choice.Port == 0 {
		err = l.askImage(ctx, s)
	}
	return s, err
}

// askImage finds the port in the image of the service, when the engine has it and does not build it. Else the port stays
// open until the image is there.
func (l Life) askImage(ctx context.Context, s *Source) error {
	image := s.Outline.Image(s.Choice.Service)
	if image == "" {
		return nil
	}
	ports, found, err := l.Compose.Exposed(ctx, image)
	if err != nil || !found {
		return err
	}
	if s.Choice.Port, err = s.Choice.One(ports); err != nil {
		return callError{err}
	}
	if s.Choice.Port == 0 {
		return callError{s.Choice.NoPort()}
	}
	return nil
}
