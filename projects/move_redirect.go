package projects

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"gateway/projects/composefile"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// routeLabels are the labels of one route of a service, by their short names such as "path". Values are as the file has
// them.
type routeLabels struct {
	// prefix is what the full names start with, such as "gateway.routes.api.".
	service, prefix string
	values          map[string]string
}

// place is where a label is said.
func (r routeLabels) place(field string) composefile.Path {
	return composefile.Path{"services", r.service, "labels", r.prefix + field}
}

// allRouteLabels reads the labels of all routes, in the order of the file.
func allRouteLabels(file *composefile.File) []routeLabels {
	var all []routeLabels
	for _, service := range file.Keys("services") {
		for name, value := range labelsOf(file, service) {
			field, ours := strings.CutPrefix(name, "gateway.")
			prefix := "gateway."
			if rest, further := strings.CutPrefix(name, label.Routes); further {
				var of string
				of, field, ours = strings.Cut(rest, ".")
				prefix = label.Routes + of + "."
			}
			if !ours {
				continue
			}
			i := slices.IndexFunc(all, func(r routeLabels) bool { return r.service == service && r.prefix == prefix })
			if i < 0 {
				i = len(all)
				all = append(all, routeLabels{service, prefix, map[string]string{}})
			}
			all[i].values[field] = value
		}
	}
	return all
}

// labelsOf yields the labels of a service in the order of the file, in both of the forms that Compose knows.
func labelsOf(file *composefile.File, service string) iter.Seq2[string, string] {
	at := composefile.Path{"services", service, "labels"}
	names := file.Keys(at...)
	for _, item := range file.Items(at...) {
		name, _, _ := strings.Cut(item, "=")
		names = append(names, name)
	}
	return func(yield func(name, value string) bool) {
		for _, name := range names {
			if value, is := file.Get(append(slices.Clip(at), name)...); is && !yield(name, value) {
				return
			}
		}
	}
}

// redirect makes the redirects in the text of a compose.yaml right after a move: those to the old path lead to the new
// one, one from the new path goes, and when last is not zero, requests to the old path are redirected until that day.
func redirect(text []byte, from, to route.Prefix, last time.Time) ([]byte, error) {
	file, err := composefile.Parse(text)
	if err != nil {
		return nil, err
	}
	old, now := escapeLabel(from.String()), escapeLabel(to.String())
	all := allRouteLabels(file)
	serves := slices.ContainsFunc(all, func(r routeLabels) bool { return r.values["path"] != "" && r.values["redirect"] == "" })
	for _, r := range all {
		_, redirects := r.values["redirect"]
		switch {
		case redirects && r.values["path"] == now && serves:
			for field := range r.values {
				if err := file.Remove(r.place(field)); err != nil {
					return nil, err
				}
			}
		case r.values["redirect"] == old:
			if err := file.Set(r.place("redirect"), now); err != nil {
				return nil, err
			}
		}
	}
	if last.IsZero() {
		return file.Bytes(), nil
	}
	all = allRouteLabels(file)
	moved := slices.IndexFunc(all, func(r routeLabels) bool { return r.values["path"] == now && (r.values["redirect"] == "" || !serves) })
	if moved < 0 {
		return nil, fmt.Errorf("no service has a label %s with %s; leave --redirect out", label.Path, to)
	}
	if err := addRedirect(file, all, all[moved], old, now, last); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// addRedirect adds a route from the old path to the service that moved. It copies the labels that say where the target is,
// since every route must have a target.
func addRedirect(file *composefile.File, all []routeLabels, moved routeLabels, from, to string, last time.Time) error {
	added := routeLabels{service: moved.service}
	for n := 1; added.prefix == ""; n++ {
		prefix := fmt.Sprintf("%smoved-%d.", label.Routes, n)
		if !slices.ContainsFunc(all, func(r routeLabels) bool { return r.service == moved.service && r.prefix == prefix }) {
			added.prefix = prefix
		}
	}
	said := [][2]string{{"path", from}, {"redirect", to}, {"expires", last.Format(time.DateOnly)}}
	for _, field := range []string{"host", "port", "network", "owner"} {
		if value, is := moved.values[field]; is {
			said = append(said, [2]string{field, value})
		}
	}
	for _, s := range said {
		if err := file.Set(added.place(s[0]), s[1]); err != nil {
			return err
		}
	}
	return nil
}
