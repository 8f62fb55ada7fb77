package proxy

import (
	"reflect"
	"strings"

	"gateway/proxy/route"
)

// evades reports whether the app could take the path for that of another route which has limits that this one lacks, is
// paused, or was removed a moment ago: spelled that way, a request would get around them. What is below one route
// however it is read, or only means a route that asks for nothing more, is the app's own business.
func (r *clientRequest) evades(path route.Path) bool {
	if !path.Odd() {
		return false
	}
	readings, ok := r.snapshot.table.Readings(r.Host, path)
	if !ok {
		r.logEvasion("too many readings")
		return true
	}
	for _, reading := range readings {
		if other := r.snapshot.serving[reading]; other != r.serving && r.guards(other) {
			r.logEvasion(other.key)
			return true
		}
	}
	return r.evadesRemoved(path)
}

// guards reports whether another route holds its requests to something that the one of this request does not.
func (r *clientRequest) guards(other *serving) bool {
	here, there := r.serving.route.Limits(), other.route.Limits()
	switch {
	case there.Rate != route.Rate{}:
		// Equal rates are still two budgets.
		return true
	case other.bodyMax > 0 && (r.serving.bodyMax <= 0 || other.bodyMax < r.serving.bodyMax):
		return true
	}
	// What is left is all or nothing. The most a body may have was compared above, with its default.
	here.BodyMax, there.BodyMax, here.Rate = 0, 0, route.Rate{}
	if !reflect.ValueOf(there).IsZero() && !reflect.DeepEqual(there, here) {
		return true
	}
	return r.server.pauses.paused(other.route.Key, r.Began) != nil
}

// evadesRemoved reports whether the path could be read as one that shadows keeps from this route.
func (r *clientRequest) evadesRemoved(path route.Path) bool {
	if len(r.snapshot.gone) == 0 {
		return false
	}
	readings, ok := r.snapshot.goneIndex.Readings(r.Host, path)
	for _, reading := range readings {
		if reading.Prefix.Depth() > r.serving.route.Prefix.Depth() && r.Began.Sub(r.snapshot.leftAt(reading.Key)) < goneShadow {
			r.logEvasion(reading.Key.String())
			return true
		}
	}
	return !ok
}

func (r *clientRequest) logEvasion(other string) {
	r.server.log.Debug("a request was refused: an app may read its path as another route, whose limits it would evade",
		"request", strings.Clone(r.ID), "route", r.serving.key, "other", other)
}
