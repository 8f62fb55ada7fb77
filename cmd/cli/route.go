package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// RouteKeys are the keys of the routes that a word names, sorted: a path, with its host or without, or the name of a
// project or of a container that belongs to none. The error wraps admin.ErrNoRoute when the table has none.
func RouteKeys(routes admin.Routes, word string) ([]route.Key, error) {
	isKey := strings.Contains(word, "/")
	if isKey {
		key, err := route.ParseKey(word)
		if err != nil {
			return nil, Usage(err)
		}
		word = key.String()
	}
	var keys []route.Key
	for _, r := range routes.Routes {
		if isKey && r.Key != word || !isKey && (cmp.Or(r.Project, r.Service) != word || word == "") {
			continue
		}
		key, err := route.ParseKey(r.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the routes of the gateway: %w", err)
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b route.Key) int { return strings.Compare(a.String(), b.String()) })
	switch {
	case len(keys) > 0:
		return keys, nil
	case isKey:
		return nil, fmt.Errorf("%s: %w", word, admin.ErrNoRoute)
	}
	return nil, fmt.Errorf("%s: %w: no project and no container of that name has one", word, admin.ErrNoRoute)
}
