package projects

import (
	"fmt"
	"strings"
)

// Refusal is every reason why a plan was refused. Each names the thing, the rule and the fix.
type Refusal []error

// Error is one line for one reason, and a list for more.
func (r Refusal) Error() string {
	if len(r) == 1 {
		return r[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was started, for %d reasons:", len(r))
	for _, reason := range r {
		b.WriteString("\n  " + reason.Error())
	}
	return b.String()
}

// Unwrap returns the reasons.
func (r Refusal) Unwrap() []error { return r }

// refuse returns the reasons that are not nil as an error, or nil.
func refuse(reasons ...error) error {
	var all Refusal
	for _, reason := range reasons {
		if reason != nil {
			all = append(all, reason)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
