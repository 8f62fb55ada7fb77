package request

import (
	"reflect"
	"strings"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

// evades reports whether the app could read the path as that of another route with limits that this one lacks, that is
// paused, or that was removed recently: such a spelling would evade the limits. A path that all readings lead to this route,
// or to routes without further limits, is none.
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

// guards reports whether another route has limits that this one lacks.
func (r *Request) guards(other *live.Route) bool {
	here, there := r.route.Route.Limits(), other.Route.Limits()
	switch {
	case there.Rate != route.Rate{}:
		// Two routes with the same rate still count apart.
		return true
	case other.BodyMax > 0 && (r.route.BodyMax <= 0 || other.BodyMax < r.route.BodyMax):
		return true
	}
	// The other limits are on or off. BodyMax was compared above, with its default.
	here.BodyMax, there.BodyMax, here.Rate = 0, 0, route.Rate{}
	if !reflect.ValueOf(there).IsZero() && !reflect.DeepEqual(there, here) {
		return true
	}
	return r.handler.Pauses.Of(other.Route.Key, r.Began) != nil
}

// evadesRemoved reports whether the path could be read as that of a removed route that shadows this one.
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
