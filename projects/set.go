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

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/proxy/label"
	"gateway/templates"
)

// Set changes parameters of the template that a project was made from, in its files: what people edited by hand stays,
// and is a reason to refuse where it is about the parameter.
type Set struct {
	Name Name
	// Values are the new values, by parameter.
	Values map[string]string
	// Template finds the project's template by its name.
	Template func(name string) (templates.Template, error)
}

// Project is the one to change.
func (r Set) Project() Name { return r.Name }

// Plan edits the files that depend on the parameters. A project that runs is deployed.
func (r Set) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	s, err := settingsOf(p, r.Template)
	if err != nil {
		return nil, err
	}
	if err := s.set(r.Values); err != nil {
		return nil, err
	}
	if err := s.followed(); err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "set"}, Project: p, Fix: "gateway deploy " + string(r.Name),
		Undone: fmt.Sprintf("project %s has the parameters that it had before", r.Name),
	}
	c.Steps = s.writes()
	if len(c.Steps) == 0 || !running.runs() {
		return c, nil
	}
	if c.Notes, err = o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir}); err != nil {
		return nil, err
	}
	replace, err := s.mounting(ctx)
	if err != nil {
		return nil, err
	}
	c.Keys, c.Runs = p.keys(), true
	return c, o.Up(ctx, c, compose.UpOptions{Replace: replace})
}

// ParameterValue is what a project has of a parameter.
type ParameterValue struct {
	templates.Parameter
	// Value is empty for a secret. Where Known is false, somebody edited what depends on it by hand.
	Value string
	Known bool
	// Unused says that no file depends on it: it mattered when the project was created.
	Unused bool
}

// Parameters are the parameters of the project's template, with their values as the project's files say them.
func Parameters(p Project, find func(name string) (templates.Template, error)) ([]ParameterValue, error) {
	s, err := settingsOf(p, find)
	if err != nil {
		return nil, err
	}
	var all []ParameterValue
	for _, parameter := range s.template.Parameters {
		value := ParameterValue{Parameter: parameter, Known: s.known[parameter.Name], Unused: s.unused[parameter.Name]}
		if !value.Unused && parameter.Type != templates.Secret {
			value.Value = s.values[parameter.Name]
		}
		all = append(all, value)
	}
	return all, nil
}

// settings are the parameters of a project's template and the files that say them.
type settings struct {
	project  Project
	template templates.Template
	// values are those of all parameters, as far as known, else their defaults.
	values map[string]string
	known  map[string]bool
	// unused are those that no file depends on.
	unused map[string]bool
	// before are the files as they are, after as they are to be, by slash-separated path.
	before, after map[string][]byte
	// sets are the parameters that change a file, by its path.
	sets map[string][]string
}

// templateOf finds the template that a project was made from.
func templateOf(p Project, find func(name string) (templates.Template, error)) (templates.Template, error) {
	t, err := find(p.Template)
	if err != nil {
		return t, fmt.Errorf("project %s: %w; name the folder of the template with --templates", p.Name, err)
	}
	return t, nil
}

// settingsOf finds out which values a project has.
func settingsOf(p Project, find func(name string) (templates.Template, error)) (*settings, error) {
	if p.Template == "" || p.imported {
		return nil, fmt.Errorf("project %s has no parameters, since its files were imported or written by hand; edit %s, then: gateway deploy %s", p.Name, p.routesFile(), p.Name)
	}
	t, err := templateOf(p, find)
	if err != nil {
		return nil, err
	}
	s := &settings{
		project: p, template: t, values: t.Samples(), known: map[string]bool{}, unused: map[string]bool{},
		before: map[string][]byte{}, after: map[string][]byte{}, sets: map[string][]string{},
	}
	for _, parameter := range t.Parameters {
		if _, sample := s.values[parameter.Name]; !sample {
			s.values[parameter.Name] = parameter.Default
		}
		if parameter.Type != templates.Secret {
			continue
		}
		// One that is not given is another one each time.
		s.values[parameter.Name] = "gateway-secret"
		if text, err := s.read(parameter.SecretFile()); err == nil {
			s.values[parameter.Name], s.known[parameter.Name] = strings.TrimSuffix(string(text), "\n"), true
		}
	}
	for _, parameter := range t.Parameters {
		if parameter.Type == templates.Folder {
			s.unused[parameter.Name] = true
		}
		if parameter.Type == templates.Secret || parameter.Type == templates.Folder {
			continue
		}
		value, known, err := s.find(parameter)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", t.Name, err)
		}
		if s.known[parameter.Name] = known; value != "" || known {
			s.values[parameter.Name] = value
		}
	}
	return s, nil
}

// read is a file of the project, as it is to be.
func (s *settings) read(name string) ([]byte, error) {
	if text, is := s.after[name]; is {
		return text, nil
	}
	text, err := os.ReadFile(filepath.Join(s.project.Dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("reading project %s: %w", s.project.Name, err)
	}
	s.before[name], s.after[name] = text, text
	return text, nil
}

// render is what the files would say with another value of a parameter.
func (s *settings) render(parameter, value string) (map[place]saying, error) {
	p := s.project
	given := maps.Clone(s.values)
	given[parameter] = value
	of := templates.Project{
		Name: string(p.Name), Path: "/", Owner: p.Owner, Created: "2026-01-01", Expires: "2026-12-31", Subnet: "10.0.0.0/27", Backend: "10.0.0.32/27",
	}
	if len(p.Claims) > 0 {
		of.Path, of.Host = p.Claims[0].Key.Prefix.String(), p.Claims[0].Key.Host
	}
	files, err := s.template.Render(of, given)
	if err != nil {
		return nil, err
	}
	all := map[place]saying{}
	for name, text := range files {
		if !strings.HasPrefix(name, SiteFolder+"/") {
			if err := sayings(name, text, all); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return all, nil
}

// samples are values by which the places that depend on a parameter are found: the first two that it takes.
var samples = []string{
	"1", "2", "64M", "128M", "gateway-first", "gateway-other", "first@example.org", "other@example.org", "https://first.example.org", "https://other.example.org",
}

// usual are values that a parameter takes: its default and its choices, or two that differ.
func usual(p templates.Parameter) []string {
	var values []string
	if !p.Required && p.Type != templates.Secret {
		values = append(values, p.Default)
	}
	switch p.Type {
	case templates.Choice:
		return append(values, p.Choices...)
	case templates.Bool:
		return append(values, "true", "false")
	}
	fits := slices.DeleteFunc(append([]string{p.Min, p.Max}, samples...), func(value string) bool { return value == "" || p.Check(value) != nil })
	return append(values, fits[:min(2, len(fits))]...)
}

// variants are the files with several values of a parameter: the usual ones, and further ones that it takes.
func (s *settings) variants(p templates.Parameter, further ...string) (map[string]map[place]saying, error) {
	all := map[string]map[place]saying{}
	for _, value := range append(slices.Clone(further), usual(p)...) {
		if all[value] != nil || value == "" && p.Type == templates.Secret {
			continue
		}
		files, err := s.render(p.Name, value)
		if err != nil {
			return nil, err
		}
		all[value] = files
	}
	return all, nil
}

// dependent are the places at which the variants differ, sorted.
func dependent(variants map[string]map[place]saying) []place {
	found := map[place]bool{}
	for _, a := range variants {
		for _, b := range variants {
			for at, says := range a {
				if b[at] != says {
					found[at] = true
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), comparePlaces)
}

// verbatim reports whether a place says the parameter's value and nothing else, where it says anything.
func verbatim(at place, variants map[string]map[place]saying) bool {
	for value, files := range variants {
		if says := files[at]; says.there && (says.list || at.unescape(says.text) != value) {
			return false
		}
	}
	return true
}

// find is the value of a parameter: the one with which the template says at each place what the files say there.
func (s *settings) find(p templates.Parameter) (value string, known bool, err error) {
	variants, err := s.variants(p)
	if err != nil {
		return "", false, err
	}
	places := dependent(variants)
	var there []string
	for _, at := range places {
		if !verbatim(at, variants) {
			continue
		}
		text, err := s.read(at.file)
		if err != nil {
			return "", false, err
		}
		if says, err := at.in(text); err == nil && says.there && p.Check(at.unescape(says.text)) == nil {
			there = append(there, at.unescape(says.text))
		}
	}
	if len(places) == 0 {
		s.unused[p.Name] = true
		return "", false, nil
	}
	if variants, err = s.variants(p, there...); err != nil {
		return "", false, err
	}
	for _, candidate := range append(slices.Clone(there), usual(p)...) {
		if s.agrees(places, variants[candidate]) {
			return candidate, true, nil
		}
	}
	if len(there) > 0 {
		return there[0], false, nil
	}
	return "", false, nil
}

// agrees reports whether the project's files say at these places what others say.
func (s *settings) agrees(places []place, files map[place]saying) bool {
	return !slices.ContainsFunc(places, func(at place) bool {
		text, err := s.read(at.file)
		if err != nil {
			return true
		}
		says, err := at.in(text)
		return err != nil || says != files[at]
	})
}

// set edits the files. The error has every reason there is.
func (s *settings) set(values map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := s.allowed(name, values[name]); err != nil {
			wrong = append(wrong, err)
			continue
		}
		p, _ := s.template.Parameter(name)
		if err := s.edit(p, values[name]); err != nil {
			wrong = append(wrong, err)
		}
	}
	return refuse(wrong...)
}

// followed refuses values by which a label cannot be followed, that could before.
func (s *settings) followed() error {
	text, err := s.read(ComposeFile)
	if err != nil {
		return err
	}
	doc, err := parseDocument(s.project.Name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", ComposeFile, err)
	}
	doc.Problems = slices.DeleteFunc(doc.Problems, func(p label.Problem) bool { return slices.Contains(s.project.Problems, p) })
	return refuse(doc.wrong()...)
}

// allowed refuses values that do not fit, and parameters that nothing can be changed by later.
func (s *settings) allowed(name, value string) error {
	if err := s.template.Check(map[string]string{name: value}); err != nil {
		return err
	}
	p, _ := s.template.Parameter(name)
	switch {
	case p.Type == templates.Folder:
		return fmt.Errorf("parameter %s: files are deployed, with: gateway deploy %s --dir %s", name, s.project.Name, value)
	case p.Type == templates.Secret && !p.Show:
		return fmt.Errorf("parameter %s: it is set once, when the project is created: what the app has stored needs it", name)
	case s.unused[name]:
		return fmt.Errorf("parameter %s: it mattered when the project was created, and no file of the project has it", name)
	case p.Type == templates.Secret && value == "" || p.Required && value == "":
		return fmt.Errorf("parameter %s: give a value", name)
	}
	return nil
}

// edit writes one parameter.
func (s *settings) edit(p templates.Parameter, value string) error {
	variants, err := s.variants(p, s.values[p.Name], value)
	if err != nil {
		return fmt.Errorf("template %s: %w", s.template.Name, err)
	}
	to := variants[value]
	for _, at := range dependent(variants) {
		text, err := s.read(at.file)
		if err != nil {
			return err
		}
		says, err := at.in(text)
		if err == nil && says == to[at] {
			continue
		}
		ours := func(files map[place]saying) bool { return files[at] == says }
		if err == nil && !verbatim(at, variants) && !slices.ContainsFunc(slices.Collect(maps.Values(variants)), ours) {
			err = errors.New("it was edited by hand")
		}
		if err == nil {
			text, err = at.write(text, to[at])
		}
		if err != nil {
			return fmt.Errorf("parameter %s: %s: %w; edit the file for %s, then: gateway deploy %s", p.Name, at, err, p.Name, s.project.Name)
		}
		s.after[at.file] = text
		if !slices.Contains(s.sets[at.file], p.Name) {
			s.sets[at.file] = append(s.sets[at.file], p.Name)
		}
	}
	s.values[p.Name] = value
	return nil
}

// writes are the steps that write the files.
func (s *settings) writes() []plan.Step {
	var steps []plan.Step
	for _, name := range slices.Sorted(maps.Keys(s.sets)) {
		step := plan.WriteFile(filepath.Join(s.project.Dir, filepath.FromSlash(name)), s.before[name], s.after[name])
		step.Text = fmt.Sprintf("write %s in %s", strings.Join(s.sets[name], ", "), name)
		steps = append(steps, step)
	}
	return steps
}

// mounting are the services that have one of the files mounted by itself: such a mount stays with the file that it was
// made of.
func (s *settings) mounting(ctx context.Context) ([]string, error) {
	shape, err := compose.ReadShape(ctx, compose.Subject{Dir: s.project.Dir, Name: string(s.project.Name)})
	if err != nil {
		return nil, fmt.Errorf("reading project %s: %w", s.project.Name, err)
	}
	var all []string
	for _, service := range shape.Running {
		for _, m := range shape.Mounts[service] {
			name, err := filepath.Rel(s.project.Dir, m.Path)
			if err == nil && s.sets[filepath.ToSlash(name)] != nil && !slices.Contains(all, service) {
				all = append(all, service)
			}
		}
	}
	return all, nil
}
