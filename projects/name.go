// Package projects knows what a project is: a folder with a compose.yaml that says all there is to say, its name,
// owner and end date, and how it comes to be, changes and goes. It observes, makes a plan that can be printed, and
// carries the plan out. It knows the engine only by small interfaces and the gateway only by what callers tell it. The
// policy worth stating: what fails leaves nothing half-made behind, and what is not ours is never touched.
package projects

import (
	"fmt"
	"regexp"
	"strings"

	"gateway/proxy/route"
)

// Name is a valid project name: what its folder, its compose project and the addresses of its containers are called.
type Name string

const maxName = 40

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// reserved is the name under which gateway's own containers run.
const reserved = "gateway"

// ParseName checks a project's name.
func ParseName(s string) (Name, error) {
	switch {
	case s == reserved:
		return "", fmt.Errorf("name %q: the gateway's own containers are called so; choose another name", s)
	case len(s) > maxName:
		return "", fmt.Errorf("name %q: it has %d characters, and %d is the most; choose a shorter name", s, len(s), maxName)
	case !nameForm.MatchString(s):
		return "", fmt.Errorf("name %q: it takes lower-case letters, digits and dashes, and starts with a letter; %s", s, suggestion(s))
	}
	return Name(s), nil
}

// suggestion proposes a name made of what people wrote.
func suggestion(s string) string {
	if near := simplify(s); near != "" && near != reserved {
		return fmt.Sprintf("write %s, for example", near)
	}
	return "write robots, for example"
}

// DefaultName makes a name of the path that a project is served at, or of its template when nothing of the path can be
// used, as at "/".
func DefaultName(prefix route.Prefix, template string) (Name, error) {
	name := simplify(prefix.String())
	if name == "" {
		name = template
	}
	n, err := ParseName(name)
	if err != nil {
		return "", fmt.Errorf("no name can be made of the path %s (%w); give one: gateway add %s NAME --path %s", prefix, err, template, prefix)
	}
	return n, nil
}

// simplify keeps what a name may have and puts single dashes in place of all else.
func simplify(s string) string {
	// An escaped character is one character that a name cannot have, not three that it can.
	s = regexp.MustCompile(`%[0-9A-Fa-f]{2}`).ReplaceAllString(s, "-")
	s = regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(s), "-")
	s = strings.TrimLeft(s, "-0123456789")
	return strings.Trim(s[:min(len(s), maxName)], "-")
}
