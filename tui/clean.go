package tui

import (
	"slices"

	"gateway/proxy/admin"
)

// cleanRoutes copies a table with everything that labels and names brought into it made fit to be shown.
func cleanRoutes(in admin.Routes) admin.Routes {
	out := in
	out.Routes = slices.Clone(in.Routes)
	for i := range out.Routes {
		cleanRoute(&out.Routes[i])
	}
	out.Problems = slices.Clone(in.Problems)
	for i := range out.Problems {
		p := &out.Problems[i]
		cleanAll(&p.Subject, &p.Project, &p.Route, &p.Message, &p.Fix)
	}
	return out
}

func cleanRoute(r *admin.Route) {
	cleanAll(&r.Key, &r.Host, &r.Path, &r.Service, &r.Project, &r.Source, &r.Mount, &r.State, &r.Reason, &r.LastLog, &r.Owner)
	r.Targets = slices.Clone(r.Targets)
	for i := range r.Targets {
		t := &r.Targets[i]
		cleanAll(&t.Name, &t.Address, &t.Scheme, &t.State, &t.Reason, &t.LastLog, &t.Health)
	}
	if r.Certificate != nil {
		c := *r.Certificate
		cleanAll(&c.Name, &c.State, &c.Error, &c.Fix, &c.Warning, &c.Replaced)
		r.Certificate = &c
	}
	if r.Paused != nil {
		paused := *r.Paused
		paused.Message = clean(paused.Message)
		r.Paused = &paused
	}
}

func cleanRequests(in []admin.Request) []admin.Request {
	out := slices.Clone(in)
	for i := range out {
		cleanAll(&out[i].Method, &out[i].Path, &out[i].Target)
	}
	return out
}

func cleanAll(texts ...*string) {
	for _, text := range texts {
		*text = clean(*text)
	}
}
