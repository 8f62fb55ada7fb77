package proxy

import (
	"reflect"
	"strings"

	"gateway/proxy/route"
)

// evades reports whether the app could take the path for that of another route which has limits that this one lacks, is
// paused, or was removed a moment ago: spelled that way, a request would get around them. What is below one route
// however it is read, or only means a route that asks for nothing more, is the app's own business.
func (v *visit) evades(path route.Path) bool {
	if !path.Odd() {
		return false
	}
	readings, ok := v.snapshot.table.Readings(v.host, path)
	if !ok {
		v.logEvasion("too many readings")
		return true
	}
	for _, r := range readings {
		if other := v.snapshot.serving[r]; other != v.serving && v.guards(other) {
			v.logEvasion(other.key)
			return true
		}
	}
	return v.evadesRemoved(path)
}

// guards reports whether another route holds its requests to something that the one of this request does not.
func (v *visit) guards(other *serving) bool {
	here, there := v.serving.route.Limits(), other.route.Limits()
	switch {
	case there.Rate != route.Rate{}:
		// Equal rates are still two budgets.
		return true
	case other.bodyMax > 0 && (v.serving.bodyMax <= 0 || other.bodyMax < v.serving.bodyMax):
		return true
	}
	// What is left is all or nothing. The most a body may have was compared above, with its default.
	here.BodyMax, there.BodyMax, here.Rate = 0, 0, route.Rate{}
	if !reflect.ValueOf(there).IsZero() && !reflect.DeepEqual(there, here) {
		return true
	}
	return v.server.pauses.paused(other.route.Key, v.began) != nil
}

// evadesRemoved reports whether the path could be read as one that shadows keeps from this route.
func (v *visit) evadesRemoved(path route.Path) bool {
	if len(v.snapshot.gone) == 0 {
		return false
	}
	readings, ok := v.snapshot.goneIndex.Readings(v.host, path)
	for _, r := range readings {
		if r.Prefix.Depth() > v.serving.route.Prefix.Depth() && v.began.Sub(v.snapshot.leftAt(r.Key)) < goneShadow {
			v.logEvasion(r.Key.String())
			return true
		}
	}
	return !ok
}

func (v *visit) logEvasion(other string) {
	v.server.log.Debug("a request was refused: an app may read its path as another route, whose limits it would evade",
		"request", strings.Clone(v.id), "route", v.serving.key, "other", other)
}
