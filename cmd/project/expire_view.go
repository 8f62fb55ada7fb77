package project

import (
	"cmp"
	"fmt"
	"time"

	"gateway/projects"
)

// expiryView is what --json prints of one project.
type expiryView struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Dir   string   `json:"dir,omitempty"`
	Paths []string `json:"paths,omitempty"`
	Owner string   `json:"owner,omitempty"`
	// Why says in words why the term is over, and Since is the first day after it.
	Why   string `json:"why"`
	Since string `json:"since"`
	// Visited is the day of the last request, empty for none since Watched.
	Visited   string `json:"last_visited,omitempty"`
	Watched   string `json:"watched_since,omitempty"`
	Notified  string `json:"notified,omitempty"`
	Suspended string `json:"suspended,omitempty"`
	Archived  string `json:"archived,omitempty"`
	// Archive is the file of the archive.
	Archive string `json:"archive,omitempty"`
	// Step is the next step and On its day; Due says that --yes takes it. Held says why nothing is done.
	Step string `json:"step,omitempty"`
	On   string `json:"on,omitempty"`
	Due  bool   `json:"due"`
	Held string `json:"held,omitempty"`
}

// expiryReport is what --json prints.
type expiryReport struct {
	Projects []expiryView `json:"projects"`
	// Confirm says why a person has to confirm, empty when --yes does.
	Confirm string   `json:"confirm,omitempty"`
	Faults  []string `json:"faults,omitempty"`
}

func (e *expiry) report() expiryReport {
	r := expiryReport{Projects: []expiryView{}, Confirm: e.doubt(len(e.ready()))}
	if e.silent != nil {
		r.Faults = append(r.Faults, e.session.Env.Hinted(e.silent))
	}
	for _, d := range e.decisions {
		v := expiryView{
			Name: d.Name, Kind: "project", Dir: d.Dir, Paths: e.paths[d.Name], Owner: d.Owner, Why: d.Why, Since: day(d.Due),
			Visited: day(d.Visited), Watched: day(d.Watched), Notified: day(d.Expiry.Notified), Suspended: day(d.Expiry.Suspended),
			Archived: day(d.Expiry.Archived), Archive: d.Expiry.Archive,
			Step: string(d.Step), On: day(d.On), Due: d.Ready, Held: d.Held,
		}
		if d.Stray {
			v.Kind = "stray"
		}
		r.Projects = append(r.Projects, v)
	}
	return r
}

// print writes the plan for people.
func (e *expiry) print() error {
	env := e.session.Env
	if e.silent != nil {
		env.Notef("last visits are not known: %s\n", env.Hinted(e.silent))
	}
	if len(e.decisions) == 0 {
		env.Notef("no project has expired; select more with --older-than 180d or --idle 60d\n")
		return nil
	}
	w := env.Table()
	w.Row("NAME\tOWNER\tSINCE\tLAST VISITED\tWHAT HAPPENS")
	for _, d := range e.decisions {
		w.Row("%s\t%s\t%s\t%s\t%s", d.Name, cmp.Or(d.Owner, "-"), e.why(d), e.visited(d), e.rules.Then(d))
	}
	if err := w.Flush("the plan"); err != nil {
		return err
	}
	if e.jumped != "" {
		env.Notef("warning: %s\n", e.jumped)
	}
	return nil
}

// why says since when the term is over, and why.
func (e *expiry) why(d projects.Decision) string {
	if d.Why == "expired" {
		return fmt.Sprintf("%s, %s", day(d.Expires), ago(d.Expires, e.rules.Today))
	}
	return fmt.Sprintf("%s, %s", day(d.Due), d.Why)
}

// visited says when a project was last asked for, or what is known instead.
func (e *expiry) visited(d projects.Decision) string {
	switch {
	case !d.Visited.IsZero():
		return ago(d.Visited, e.rules.Today)
	case !d.Watched.IsZero():
		return "not since the gateway started " + ago(d.Watched, e.rules.Today)
	}
	return "unknown"
}

// suggest says what to do with a plan.
func (e *expiry) suggest(due int) {
	env, run := e.session.Env, "gateway expire old projects"
	for i, name := range e.rules.Named {
		if run += " " + name; i == 0 {
			run = "gateway expire " + name
		}
	}
	flags := [][2]string{{"--older-than ", e.options.olderThan}, {"--idle ", e.options.idle}, {"--to ", e.options.to}}
	for _, key := range e.options.encrypt {
		flags = append(flags, [2]string{"--encrypt ", key})
	}
	for _, flag := range flags {
		if flag[1] != "" {
			run += " " + flag[0] + flag[1]
		}
	}
	switch {
	case due == 0:
		env.Notef("nothing is due today\n")
	case e.options.now:
		env.Notef("nothing was done; take the next steps with: %s --now --yes\n", run)
	default:
		env.Notef("nothing was done; take the steps that are due with: %s --yes\n", run)
	}
}

// ago is a day in view of another.
func ago(day, today time.Time) string {
	switch days := int(today.Sub(day).Hours() / 24); days {
	case 0:
		return "today"
	case 1:
		return "yesterday"
	default:
		return fmt.Sprintf("%d days ago", days)
	}
}
