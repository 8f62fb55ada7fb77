// Package policy knows what a compose file of somebody one does not fully trust may ask of the machine, and says no by
// file, line, rule and fix. It reads YAML and folders, and knows neither Compose's library nor an engine. Before Compose
// reads a project it looks at the text of every file for what only the text shows: what is included and extended, env
// files, what cannot be read safely, and trust. All else is for who loads the project, which holds each field of what came
// of the files to the rules here (projects/compose). The policy worth stating: what leaves the project's folder, its
// networks or its share of the machine is refused by default, and only who runs the gateway allows it, by the rule's name.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing that a rule refuses.
type Finding struct {
	Rule Rule `json:"rule"`
	// File is the absolute path of the file that says it, Line counts from 1; 0 when it is not known.
	File string `json:"file"`
	Line int    `json:"line"`
	// Where are the keys that lead there, such as services.web.privileged.
	Where string `json:"where"`
	// Text is what is wrong, Fix what to do about it without trust.
	Text string `json:"text"`
	Fix  string `json:"fix"`
}

// String is one line for people: file, line, keys, what is wrong, the rule, and the fix.
func (f Finding) String() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s: line %d", f.File, f.Line)
	}
	if f.Where != "" {
		place += ": " + Shown(f.Where)
	}
	fix := f.Fix
	if !f.Rule.fixed() {
		fix += fmt.Sprintf(", or allow it: --trust %s", f.Rule)
	}
	return fmt.Sprintf("%s: %s (rule %s); %s", place, f.Text, f.Rule, fix)
}

// Refused are the findings of a project that nobody allowed. It is an error.
type Refused []Finding

// Error is one line for one finding, and a list for more.
func (r Refused) Error() string {
	if len(r) == 1 {
		return r[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the policy refuses %d things:", len(r))
	for _, f := range r {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Trust are the rules that who runs the gateway has allowed to be broken.
type Trust []Rule

// Has reports whether a rule is allowed to be broken.
func (t Trust) Has(r Rule) bool { return !r.fixed() && slices.Contains(t, r) }

// With is t and more, sorted and without repetition. Neither is changed.
func (t Trust) With(more Trust) Trust {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(t, more))))
}

// ParseTrust reads names of rules. The error lists the rules.
func ParseTrust(names []string) (Trust, error) {
	var t Trust
	for _, name := range names {
		name = strings.TrimSpace(name)
		rule := Rule(name)
		if rule.fixed() {
			return nil, fmt.Errorf("rule %s cannot be trusted away: %s", rule, rule.doc().Fix)
		}
		if !rule.known() {
			return nil, fmt.Errorf("%q is no rule; there are: %s", name, strings.Join(trustable(), ", "))
		}
		t = append(t, rule)
	}
	return t.With(nil), nil
}

// trustable are the names of the rules that trust can allow.
func trustable() []string {
	var names []string
	for _, d := range rules {
		if !d.Fixed {
			names = append(names, string(d.Name))
		}
	}
	return names
}

// Split sorts findings into those that t allows and the others.
func (t Trust) Split(all []Finding) (allowed, refused []Finding) {
	for _, f := range all {
		if t.Has(f.Rule) {
			allowed = append(allowed, f)
		} else {
			refused = append(refused, f)
		}
	}
	return allowed, refused
}

// errFormat marks a file that is not read any further.
var errFormat = errors.New("the file cannot be read")

// Shown makes text fit to be printed on one line.
func Shown(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	quoted := fmt.Sprintf("%q", s)
	if quoted == `"`+s+`"` {
		return s
	}
	return quoted
}
