package request

import (
	"reflect"
	"strings"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

// evades reports whether the app could take the path for that of another route which has limits that this one lacks, is
// paused, or was removed a moment ago: spelled that way, a request would get around them. What is below one route
// however it is read, or only means a route that asks for nothing more, is the app's own business.
func (r *Request) evades(path route.Path) bool {
	if !path.Odd() {
		return false
	}
	readings, ok := r.state.Table.Readings(r.Host, path)
	if !ok {
		r.logEvasion("too many readings")
		return true
	}
	for _, reading := range readings {
		if other := r.state.Of(reading); other != r.route && r.guards(other) {
			r.logEvasion(other.Key)
			return true
		}
	}
	return r.evadesRemoved(path)
}

// guards reports whether another route holds its requests to something that the one of this request does not.
func (r *Request) guards(other *live.Route) bool {
	here, there := r.route.Route.Limits(), other.Route.Limits()
	switch {
	case there.Rate != route.Rate{}:
		// Equal rates are still two budgets.
		return true
	case other.BodyMax > 0 && (r.route.BodyMax <= 0 || other.BodyMax < r.route.BodyMax):
		return true
	}
	// What is left is all or nothing. The most a body may have was compared above, with its default.
	here.BodyMax, there.BodyMax, here.Rate = 0, 0, route.Rate{}
	if !reflect.ValueOf(there).IsZero() && !reflect.DeepEqual(there, here) {
		return true
	}
	return r.handler.Pauses.Of(other.Route.Key, r.Began) != nil
}

// evadesRemoved reports whether the path could be read as one that shadows keeps from this route.
func (r *Request) evadesRemoved(path route.Path) bool {
	key, found, known := r.state.ShadowedReading(r.Host, path, r.Route.Prefix, r.Began)
	if found {
		r.logEvasion(key)
	}
	return found || !known
}

func (r *Request) logEvasion(other string) {
	r.handler.Log.Debug("a request was refused: an app may read its path as another route, whose limits it would evade",
		"request", strings.Clone(r.ID), "route", r.route.Key, "other", other)
}
