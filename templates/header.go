package templates

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Header is what template.yaml says. Keys it does not know are refused.
type Header struct {
	// Name is that of the folder, of the form a-z, 0-9 and dashes.
	Name string `yaml:"name" json:"name"`
	// Summary is one line for lists.
	Summary string `yaml:"summary" json:"summary"`
	// Parameters are what people may set, in the order in which they are shown.
	Parameters []Parameter `yaml:"parameters" json:"parameters"`
	Needs      Needs       `yaml:"needs" json:"needs"`
}

// Parameter is one value that people may set, as a flag of `gateway add`.
type Parameter struct {
	Name string `yaml:"name" json:"name"`
	Type Type   `yaml:"type" json:"type"`
	// Default is the value when none is given; it has to be valid for the type.
	Default string `yaml:"default" json:"default"`
	// Help is one line.
	Help string `yaml:"help" json:"help"`
}

// Type says which values a parameter takes.
type Type string

// The types of parameters.
const (
	Text   Type = "text"   // any one line
	Bool   Type = "bool"   // true or false
	Folder Type = "folder" // a folder on this machine, given to the project as its site; empty for none
)

// Needs are conditions that have to hold before a project of the template is started.
type Needs struct {
	// Images have to be on the engine already; they are never pulled.
	Images []string `yaml:"images" json:"images,omitempty"`
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// parseHeader reads a header strictly.
func parseHeader(text []byte) (Header, error) {
	var h Header
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&h); err != nil {
		return Header{}, err
	}
	return h, h.check()
}

func (h Header) check() error {
	if !nameForm.MatchString(h.Name) {
		return fmt.Errorf("name %q: it takes lower-case letters, digits and dashes", h.Name)
	}
	if h.Summary == "" {
		return errors.New("summary is missing")
	}
	var seen []string
	for _, p := range h.Parameters {
		if !nameForm.MatchString(p.Name) || slices.Contains(seen, p.Name) {
			return fmt.Errorf("parameter %q: its name is no flag's, or comes twice", p.Name)
		}
		seen = append(seen, p.Name)
		if p.Help == "" {
			return fmt.Errorf("parameter %s: help is missing", p.Name)
		}
		if _, err := p.read(p.Default); err != nil {
			return fmt.Errorf("parameter %s: default: %w", p.Name, err)
		}
	}
	return nil
}

// read makes the value that a scaffold sees of what was given.
func (p Parameter) read(given string) (any, error) {
	switch p.Type {
	case Text:
		return Value(given), nil
	case Folder:
		return given != "", nil
	case Bool:
		if given == "" {
			return false, nil
		}
		set, err := strconv.ParseBool(given)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", given)
		}
		return set, nil
	}
	return nil, fmt.Errorf("type %q: there are text, bool and folder", p.Type)
}
