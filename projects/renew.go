package projects

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/plan"
)

// Renew changes when a project expires: in its compose.yaml, and in the labels that repeat it.
type Renew struct {
	Name Name
	// Until is the last day, zero for a project that is pinned: it never expires.
	Until time.Time
	// Term is the length of the term, which begins again with each deployment of something new; zero for a last day that
	// does not move.
	Term Span
	// On is the day of the renewal, from which on a term without a last day is counted; zero leaves it out.
	On time.Time

	// also edits compose.yaml beside the expiry; nil begins a new term.
	also func(*composefile.File) error
}

// Project is the one to renew.
func (r Renew) Project() Name { return r.Name }

// Plan edits what says the expiry. A project that runs is deployed, so that the gateway's table says the same, and one
// that was suspended is started.
func (r Renew) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "renew"}, Project: p, Fix: "gateway deploy " + string(r.Name),
		Undone: fmt.Sprintf("project %s expires as before", r.Name),
	}
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	if c.Steps, err = r.writes(p); err != nil {
		return nil, err
	}
	suspended := !p.Expiry.Suspended.IsZero() || !running.empty() && !r.On.IsZero() && running.saysExpired(r.On) && len(running.claims()) > 0
	if !running.runs() && !suspended {
		return c, nil
	}
	if c.Notes, err = o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir}); err != nil {
		return nil, err
	}
	err = o.Up(ctx, c, compose.UpOptions{})
	if !running.runs() && err == nil {
		c.Steps[len(c.Steps)-1].Text = "start project " + string(p.Name) + " again"
		c.Undone = fmt.Sprintf("project %s is suspended as before", r.Name)
	}
	return c, err
}

// writes are the steps that edit the project's files.
func (r Renew) writes(p Project) ([]plan.Step, error) {
	var steps []plan.Step
	for _, path := range slices.Compact([]string{filepath.Join(p.Dir, ComposeFile), p.routesFile()}) {
		write, err := edits{}.step(path, r.text(path), func(before []byte) ([]byte, error) { return r.edited(p, path, before) })
		if err != nil {
			return nil, err
		}
		steps = append(steps, write)
	}
	return steps, nil
}

// text says what is edited in a file.
func (r Renew) text(path string) string {
	if r.Until.IsZero() {
		return "remove the expiry from " + filepath.Base(path)
	}
	return fmt.Sprintf("write expiry %s in %s", r.Until.Format(time.DateOnly), filepath.Base(path))
}

// edited is the text of one of a project's files with the new expiry.
func (r Renew) edited(p Project, path string, before []byte) ([]byte, error) {
	return editText(before, func(file *composefile.File) error { return r.edit(p, file, filepath.Base(path) == ComposeFile) })
}

// edit edits one of the project's files, of which only the main one has what gateway knows of the project.
func (r Renew) edit(p Project, file *composefile.File, isMain bool) error {
	// A label may refer to the project's expiry, so that it goes first and comes last.
	places := p.expiryLabels(file)
	if isMain {
		places = append(places, composefile.Path{"x-gateway", "expires"})
	}
	if !r.Until.IsZero() {
		slices.Reverse(places)
	}
	for _, place := range places {
		var err error
		if r.Until.IsZero() {
			err = file.Remove(place)
		} else {
			err = file.Set(place, r.Until.Format(time.DateOnly))
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !isMain:
		return nil
	case r.also != nil:
		return r.also(file)
	}
	return r.term(file)
}

// expiryLabels are the places of the labels that say, or are to say, the last day of the project. Redirects have one of
// their own: they follow in a project that only redirects, when they say the same day.
func (p Project) expiryLabels(file *composefile.File) []composefile.Path {
	var places []composefile.Path
	for _, service := range file.Keys("services") {
		labels := composefile.Path{"services", service, "labels"}
		for _, prefix := range publishedRoutes(file, service) {
			place := append(slices.Clip(labels), prefix+"expires")
			said, _ := file.Get(place...)
			if _, redirects := file.Get(append(slices.Clip(labels), prefix+"redirect")...); !redirects || p.redirects() && said == dateOf(p.Expires) {
				places = append(places, place)
			}
		}
	}
	return places
}

// dateOf is a day as files say it, empty for none.
func dateOf(day time.Time) string {
	if day.IsZero() {
		return ""
	}
	return day.Format(time.DateOnly)
}

// term begins a new term: nothing is left of the one before.
func (r Renew) term(file *composefile.File) error {
	at := func(key string) composefile.Path { return composefile.Path{"x-gateway", key} }
	err := forgetExpiry(file)
	if err == nil && r.Term.IsZero() {
		err = file.Remove(at("term"))
	} else if err == nil {
		err = file.Set(at("term"), r.Term.String())
	}
	if err == nil && !r.On.IsZero() {
		err = file.Set(at("renewed"), r.On.Format(time.DateOnly))
	}
	switch {
	case err != nil:
		return err
	case r.Until.IsZero():
		return file.Set(at("pinned"), "true")
	}
	return file.Remove(at("pinned"))
}

// forgetExpiry removes what was recorded of a project that expires.
func forgetExpiry(file *composefile.File) error {
	return file.Remove(composefile.Path{"x-gateway", "expiry"})
}
