package label

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gateway/proxy/route"
)

// Claim is one route that a container asks for.
type Claim struct {
	// Name is that in gateway.routes.NAME, empty for the route of gateway.path.
	Name string
	Key  route.Key
	// Port is the target's, 0 when the default rule decides.
	Port   uint16
	Scheme route.Scheme
	Mount  route.Mount
	// Network and Owner are empty when no label says them.
	Network, Owner string
	// Expires is the start of the last day in UTC, zero when there is none.
	Expires time.Time
	// Policy has its defaults filled in where a label says a part of it.
	Policy route.Policy
}

// Over reports that the claim is a redirect whose last day is over, so that it asks for no route any more.
func (c Claim) Over(now time.Time) bool { return c.Policy.Redirect != "" && Ended(c.Expires, now) }

// Own returns the claims that a project or a container is there for: redirects count when there is nothing else. Redirects
// beside other routes have a last day of their own.
func Own(claims []Claim) []Claim {
	redirects := func(c Claim) bool { return c.Policy.Redirect != "" }
	if own := slices.DeleteFunc(slices.Clone(claims), redirects); len(own) > 0 {
		return own
	}
	return claims
}

// Problem is a label that cannot be followed. The route it belongs to is left out.
type Problem struct {
	// Label is the label's full name, cut and escaped where it cannot be shown as it is; Route the key of its route as text, empty when that is not known.
	Label, Route string
	// Message names the label and the rule it breaks, Fix what to write instead.
	Message, Fix string
}

// group holds the labels of one route, by their short names.
type group struct {
	name string
	// prefix is what the labels start with; empty for options.
	prefix string
	values map[string]string
	// labels are the full names, by their short ones.
	labels map[string]string
}

// Parse reads the labels of one container. Both results are sorted by the names of routes; a container without
// gateway.* labels yields neither. A route with a problem is left out of the claims, all others go on. Labels of
// another prefix are none of its business, and neither are those that gateway sets itself. The problems of one container are bounded: it
// has at most MaxProblems, of which the last says how many more there are.
func Parse(labels map[string]string) ([]Claim, []Problem) {
	groups, problems := split(labels)
	names := slices.Sorted(maps.Keys(groups))
	if len(names) > maxRoutes {
		problems = append([]Problem{crowded(names[maxRoutes:])}, problems...)
		names = names[:maxRoutes]
	}
	var claims []Claim
	holders := make(map[route.Key]string, len(names))
	for _, name := range names {
		claim, found := groups[name].parse()
		if holder, taken := holders[claim.Key]; taken && len(found) == 0 {
			found = []Problem{doubled(claim, holder)}
		}
		if len(found) > 0 {
			problems = append(problems, found...)
			continue
		}
		holders[claim.Key] = name
		claims = append(claims, claim)
	}
	return claims, shorten(problems)
}

// ParseOptions reads what one route asks for outside of labels, as Parse does: the names of options are those of labels without
// "gateway.", such as path and body.max. The claim counts only when there are no problems.
func ParseOptions(options map[string]string) (Claim, []Problem) {
	g := &group{values: options, labels: make(map[string]string, len(options))}
	for name := range options {
		g.labels[name] = name
	}
	claim, problems := g.parse()
	return claim, shorten(problems)
}

// Ours reports whether labels has any that Parse would look at.
func Ours(labels map[string]string) bool {
	for name := range labels {
		if _, is := short(name); is {
			return true
		}
	}
	return false
}

// Internal reports whether gateway sets a label itself, on what it creates.
func Internal(name string) bool {
	return name == Role || name == Record || name == Rollout || name == Replaces
}

// MaySleep reports whether labels have one that lets a project sleep, valid or not.
func MaySleep(labels map[string]string) bool {
	for name := range labels {
		if name == Idle || strings.HasPrefix(name, Routes) && strings.HasSuffix(name, ".idle") {
			return true
		}
	}
	return false
}

// short cuts the prefix off a label that concerns routes. A prefix in the wrong case is one too: it is an unknown label.
func short(name string) (string, bool) {
	if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) || Internal(name) {
		return "", false
	}
	return name[len(prefix):], true
}

// split sorts labels into their routes. Those that name no route properly are problems.
func split(labels map[string]string) (map[string]*group, []Problem) {
	var (
		groups map[string]*group
		stray  []Problem
	)
	for name, value := range labels {
		field, is := short(name)
		if !is {
			continue
		}
		routeName, field, err := address(name, field)
		if err != nil {
			stray = append(stray, *err)
			continue
		}
		if groups == nil {
			groups = make(map[string]*group)
		}
		g := groups[routeName]
		if g == nil {
			g = &group{name: routeName, prefix: prefix, values: make(map[string]string), labels: make(map[string]string)}
			groups[routeName] = g
		}
		g.values[field], g.labels[field] = value, name
	}
	slices.SortFunc(stray, func(a, b Problem) int { return cmp.Compare(a.Label, b.Label) })
	return groups, stray
}

// address tells the route a label belongs to and its short name there. The short name of a label whose prefix is in
// the wrong case is the whole label, which no route knows.
func address(label, field string) (routeName, short string, problem *Problem) {
	if !strings.HasPrefix(label, prefix) {
		return "", label, nil
	}
	rest, further := strings.CutPrefix(label, Routes)
	if !further {
		return "", field, nil
	}
	name, short, found := strings.Cut(rest, ".")
	if !found || short == "" || !IsRouteName(name) {
		return "", "", &Problem{
			Label: plain(label),
			Message: fmt.Sprintf("%s names no route and label: a route's name has small letters, digits, - and _ only, %d at most",
				quote(label), MaxRouteName),
			Fix: "write gateway.routes.ROUTE.NAME, such as gateway.routes.api.path",
		}
	}
	return name, short, nil
}

// IsRouteName reports whether s may name a further route: small letters, digits, - and _, up to MaxRouteName bytes.
func IsRouteName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= MaxRouteName
}

// parse reads the labels of one route. The claim counts only when there are no problems.
func (g *group) parse() (Claim, []Problem) {
	claim := Claim{Name: g.name, Scheme: route.HTTP, Mount: route.Strip}
	var problems []Problem
	for _, field := range slices.Sorted(maps.Keys(g.values)) {
		label := g.labels[field]
		if reader(field) == nil {
			problems = append(problems, unknown(label, field, g))
			continue
		}
		if p := read(&claim, field, g.values[field]); p != nil {
			problems = append(problems, Problem{Label: label, Message: label + ": " + p.rule, Fix: p.fix})
		}
	}
	if len(problems) == 0 && g.labels["path"] == "" {
		problems = append(problems, g.pathless())
	}
	problems = append(problems, g.unchecked()...)
	problems = append(problems, g.looping(claim)...)
	problems = append(problems, g.overreaching(claim)...)
	problems = append(problems, g.unaskable(claim)...)
	if key := g.key(claim); key != "" {
		for i := range problems {
			problems[i].Route = key
		}
	}
	return claim, problems
}

// key names the route in problems, as far as it could be read.
func (g *group) key(c Claim) string {
	path := strings.TrimSpace(g.values["path"])
	if len(path) > maxValue {
		return ""
	}
	if _, err := route.ParsePrefix(path); err != nil {
		return ""
	}
	return c.Key.String()
}

// pathless is the problem of a route that has labels, but no path.
func (g *group) pathless() Problem {
	path := g.spell("path")
	if len(g.labels) == 0 {
		return Problem{Label: path, Message: "there is no " + path, Fix: fmt.Sprintf("add %s=/PREFIX", path)}
	}
	some := g.labels[slices.Min(slices.Collect(maps.Keys(g.labels)))]
	return Problem{
		Label:   some,
		Message: fmt.Sprintf("%s has no route to belong to: there is no %s", some, path),
		Fix:     fmt.Sprintf("add %s=/PREFIX, or remove %s", path, some),
	}
}

// spell writes the full name of a label of the route.
func (g *group) spell(field string) string {
	if g.name == "" {
		return g.prefix + field
	}
	return Routes + g.name + "." + field
}

// doubled is the problem of a claim on the route of another one of the same container, given that one's name.
func doubled(c Claim, holder string) Problem {
	g, other := group{name: c.Name, prefix: prefix}, group{name: holder, prefix: prefix}
	return Problem{
		Label:   g.spell("path"),
		Route:   c.Key.String(),
		Message: fmt.Sprintf("%s claims %s, which %s of the same container has already", g.spell("path"), c.Key, other.spell("path")),
		Fix:     fmt.Sprintf("give %s another path, or remove the labels that start with %s", g.spell("path"), g.spell("")),
	}
}
