package templates

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"gateway/projects/composefile"
	"gateway/proxy/document"
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
	// After is a line on what to do once a project is served; it may be empty.
	After string `yaml:"after" json:"after,omitempty"`
	// Move is nil when nothing but the files depends on the path.
	Move *Move `yaml:"move" json:"move,omitempty"`
}

// Needs are conditions that have to hold before a project of the template is started.
type Needs struct {
	// Images have to be on the engine already; they are never pulled.
	Images []string `yaml:"images" json:"images,omitempty"`
	// Backend asks for a second network, which the project has for itself. Scaffolds get its subnet as Backend.
	Backend bool `yaml:"backend" json:"backend,omitempty"`
	// PlainPath asks for a path of letters, digits, dots, dashes and underscores, as one that becomes a folder.
	PlainPath bool `yaml:"plain_path" json:"plain_path,omitempty"`
}

// Move is what has to be run, once, after a project of the template was moved to another path.
type Move struct {
	// Service is the one in whose container it runs, as the container's user.
	Service string `yaml:"service" json:"service"`
	// Run is a command without a shell. The former path and the present one are added as its last two arguments.
	Run []string `yaml:"run" json:"run"`
}

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	// flagsOfAdd are the names that mean the same for every template.
	flagsOfAdd = []string{
		"docker-host", "dry-run", "help", "host", "json", "name", "owner", "path", "pool", "projects", "set", "socket",
		"template", "templates", "trust", "ttl", "version", "yes",
	}
)

// parseHeader reads a header strictly. Errors name the line where there is one.
func parseHeader(text []byte) (Header, error) {
	var h Header
	if err := document.Decode(text, &h); err != nil {
		return Header{}, err
	}
	if err := h.check(); err != nil {
		return Header{}, err
	}
	for i, p := range h.Parameters {
		if err := p.declared(h.Parameters[:i]); err != nil {
			return Header{}, fmt.Errorf("line %d: parameter %q: %w", lineOf(text, i), p.Name, err)
		}
	}
	return h, nil
}

func (h Header) check() error {
	switch {
	case !nameForm.MatchString(h.Name):
		return fmt.Errorf("name %q: it takes lower-case letters, digits and dashes", h.Name)
	case h.Summary == "":
		return errors.New("summary is missing; write one line for lists")
	case oneLine(h.Summary) != nil:
		return fmt.Errorf("summary: %w", oneLine(h.Summary))
	case oneLine(h.After) != nil:
		return fmt.Errorf("after: %w", oneLine(h.After))
	case h.Move != nil && (h.Move.Service == "" || len(h.Move.Run) == 0):
		return errors.New("move: it takes a service and what to run in it")
	}
	return nil
}

// declared checks one parameter as the header has it, after those before it.
func (p Parameter) declared(before []Parameter) error {
	switch {
	case !nameForm.MatchString(p.Name):
		return errors.New("its name takes lower-case letters, digits and dashes")
	case slices.Contains(flagsOfAdd, p.Name):
		return errors.New("its name is that of a flag of 'gateway add'; choose another")
	case slices.ContainsFunc(before, func(b Parameter) bool { return b.Name == p.Name }):
		return errors.New("it comes twice; remove one")
	case p.Help == "":
		return errors.New("help is missing; write one line on what it does")
	case oneLine(p.Help) != nil:
		return fmt.Errorf("help: %w", oneLine(p.Help))
	case oneLine(p.Default) != nil:
		return fmt.Errorf("default: %w", oneLine(p.Default))
	}
	for _, choice := range p.Choices {
		if err := oneLine(choice); err != nil {
			return fmt.Errorf("choices: %w", err)
		}
	}
	return p.bounded()
}

// lineOf is where the header's text has the parameter of that index, 1 when it cannot be told.
func lineOf(text []byte, index int) int {
	file, err := composefile.Parse(text)
	if err != nil {
		return 1
	}
	return file.Line("parameters", composefile.Item(index))
}

// Parameter returns the declared one with that name.
func (h Header) Parameter(name string) (Parameter, bool) {
	i := slices.IndexFunc(h.Parameters, func(p Parameter) bool { return p.Name == name })
	if i < 0 {
		return Parameter{}, false
	}
	return h.Parameters[i], true
}
