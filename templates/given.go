package templates

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway/proxy/typo"
)

// Check reports all that is wrong with parameters as people give them, each with the fix: names that the template does
// not have, values that do not fit. Required ones that are missing are reported by Missing alone.
func (t Template) Check(given map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, ok := t.Parameter(name)
		if !ok {
			wrong = append(wrong, t.unknown(name))
			continue
		}
		if p.Required && given[name] == "" {
			continue
		}
		if err := p.Check(given[name]); err != nil {
			wrong = append(wrong, fmt.Errorf("parameter %s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

// Missing are the required parameters that were not given.
func (t Template) Missing(given map[string]string) []Parameter {
	var missing []Parameter
	for _, p := range t.Parameters {
		if p.Required && given[p.Name] == "" {
			missing = append(missing, p)
		}
	}
	return missing
}

// unknown is the error about a name that no parameter has.
func (t Template) unknown(name string) error {
	var names []string
	for _, p := range t.Parameters {
		names = append(names, p.Name)
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("template %s has no parameter %q; write %s if that is what you mean", t.Name, name, near)
	}
	if len(names) == 0 {
		return fmt.Errorf("template %s has no parameter %q, and takes none at all", t.Name, name)
	}
	return fmt.Errorf("template %s has no parameter %q; it has %s", t.Name, name, list(names))
}

// complete returns the value of every parameter, with defaults and generated secrets for what was not given.
func (t Template) complete(given map[string]string) (map[string]string, error) {
	err := t.Check(given)
	for _, p := range t.Missing(given) {
		err = errors.Join(err, fmt.Errorf("parameter %s: it is required; give a value", p.Name))
	}
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, p := range t.Parameters {
		text, ok := given[p.Name]
		switch {
		case p.Type == Secret && text == "":
			text = generate()
		case !ok:
			text = p.Default
		}
		all[p.Name] = text
	}
	return all, nil
}

// generate makes a secret of 26 letters and digits with 128 bits or more of chance, all easy to read and to type.
func generate() string { return strings.ToLower(rand.Text()) }

// Samples are parameters by which the template can be tried out: values that fit for all that are required, so that the
// defaults stand for the rest.
func (t Template) Samples() map[string]string {
	samples := map[string]string{}
	for _, p := range t.Parameters {
		if p.Required {
			samples[p.Name] = p.sample()
		}
	}
	return samples
}

// nearest is the word that s is a beginning of, or a typo.
func nearest(s string, words []string) string {
	for _, word := range words {
		if len(s) > 1 && strings.HasPrefix(word, s) {
			return word
		}
	}
	return typo.Nearest(s, words...)
}
