package certificate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// newNames limits the new hosts of routes per day: anyone who starts containers sets their labels.
const newNames = 20

// MaxNames is the default of OrderConfig.MaxNames.
const MaxNames = 100

// remembered is how long a host that is gone stays known.
const remembered = 90 * day

const day = 24 * time.Hour

// verdict says what becomes of one host.
type verdict struct {
	// Wanted means that it gets a certificate of its own.
	Wanted bool
	// Why and Fix are of a host that gets none; both are empty for one that needs none.
	Why, Fix string
}

// judge says what becomes of the host of a route, or of a name of the site, whatever the limits are.
func (o *Ordered) judge(name string) verdict {
	site := slices.Contains(o.config.Domains, name)
	switch {
	case o.config.Except != nil && o.config.Except(name):
		return verdict{}
	case !site && o.underWildcard(name):
		return verdict{}
	case !site && !o.allowed(name):
		return verdict{
			Why: "no --domain or --allow-domain covers it",
			Fix: o.allowing(name),
		}
	case o.isInternal(name) && o.internal == nil:
		return verdict{
			Why: "no public certificate authority issues for names and addresses of home networks",
			Fix: "add --internal-ca to gateway up",
		}
	case o.isInternal(name):
		if err := o.authority.Permits(name); err != nil {
			return verdict{Why: "the gateway's own authority does not sign for it", Fix: err.Error()}
		}
	case strings.Contains(name, "_"):
		return verdict{
			Why: "no public certificate authority issues for names with _",
			Fix: "give the route a host without it, or cover the host by a wildcard of --domain",
		}
	case strings.HasPrefix(name, "*.") && o.config.DNS == nil:
		return verdict{
			Why: "a wildcard is proved by DNS alone",
			Fix: "add --dns and --dns-token-file to gateway up",
		}
	case o.config.HTTPPort == 0 && o.config.TLSPort == 0 && (o.config.DNS == nil || isAddress(name)):
		return verdict{Why: "the gateway listens on neither port 80 nor 443", Fix: "let gateway up publish port 80 or 443, or add --dns"}
	}
	return verdict{Wanted: true}
}

// allowing says how a host gets a certificate: as a name of the site, or by a pattern for it and those beside it. Flags of
// gateway up replace whole lists, so that those of now stand before.
func (o *Ordered) allowing(name string) string {
	command := "run: gateway up --domain " + quoted(append(slices.Clone(o.config.Domains), name))
	if isAddress(name) {
		return command
	}
	pattern := name
	if _, parent, found := strings.Cut(name, "."); found && strings.Contains(parent, ".") {
		pattern = "*." + parent
	}
	return command + ", or: gateway up --allow-domain " + quoted(append(slices.Clone(o.config.Allowed), pattern))
}

// quoted is a list for a flag, in quotes where a shell would take a star for itself.
func quoted(names []string) string {
	list := strings.Join(names, ",")
	if strings.Contains(list, "*") {
		return "'" + list + "'"
	}
	return list
}

// underWildcard reports whether a wildcard of the site is for that host: the star stands for one label (RFC 6125 section
// 6.4.3).
func (o *Ordered) underWildcard(host string) bool {
	return slices.Contains(o.config.Domains, wildcardOf(host))
}

// allowed reports whether a host lies below a wildcard of the site, however deep, or matches a pattern.
func (o *Ordered) allowed(host string) bool {
	below := func(p string) bool {
		suffix, is := strings.CutPrefix(p, "*")
		return is && strings.HasSuffix(host, suffix) && len(host) > len(suffix) || p == host
	}
	return slices.ContainsFunc(o.config.Domains, below) || slices.ContainsFunc(o.config.Allowed, below)
}

// choice is what the hosts of a table come to.
type choice struct {
	wanted  []string
	refused []State
	// first is when each host of a route became a name. It outlives the table: one that comes back is not new.
	first map[string]time.Time
	// again is when a host that is refused for the day may be a name; zero for none.
	again time.Time
}

// choose decides which names get certificates. Hosts that were names before go first.
func (o *Ordered) choose(hosts []Host, before map[string]time.Time, now time.Time) choice {
	c := choice{first: map[string]time.Time{}}
	for _, name := range o.config.Domains {
		o.add(&c, name)
	}
	there := map[string]bool{}
	var left []string
	for _, h := range hosts {
		there[h.Name] = true
		if !slices.Contains(o.config.Domains, h.Name) && o.judge(h.Name).Wanted {
			left = append(left, h.Name)
		} else if !slices.Contains(o.config.Domains, h.Name) {
			o.add(&c, h.Name)
		}
	}
	for name, at := range before {
		if at.After(now.Add(fast)) {
			// The clock was wrong when it was stored.
			at = now
		}
		if there[name] || now.Sub(at) < remembered {
			c.first[name] = at
		}
	}
	slices.SortStableFunc(left, func(a, b string) int {
		_, knownA := before[a]
		_, knownB := before[b]
		return cmp.Or(cmp.Compare(rank(knownA), rank(knownB)), cmp.Compare(a, b))
	})
	o.limit(&c, left, now)
	slices.Sort(c.wanted)
	return c
}

func rank(known bool) int {
	if known {
		return 0
	}
	return 1
}

func (o *Ordered) add(c *choice, name string) {
	switch v := o.judge(name); {
	case v.Wanted:
		c.wanted = append(c.wanted, name)
	case v.Why != "":
		c.refused = append(c.refused, refusal(name, v.Why, v.Fix))
	}
}

func refusal(name, why, fix string) State {
	return State{Name: name, Phase: Refused, Source: "acme", Error: why, Fix: fix}
}

// limit adds the hosts that the limits leave room for, and refuses the others.
func (o *Ordered) limit(c *choice, hosts []string, now time.Time) {
	most := cmp.Or(o.config.MaxNames, MaxNames)
	var today []time.Time
	for _, at := range c.first {
		if now.Sub(at) < day {
			today = append(today, at)
		}
	}
	slices.SortFunc(today, time.Time.Compare)
	taken := 0
	for _, name := range hosts {
		_, known := c.first[name]
		switch {
		case taken >= most:
			c.refused = append(c.refused, refusal(name, fmt.Sprintf("%d hosts of routes have certificates, the most allowed", most),
				"raise --max-names, or cover the host by a wildcard of --domain"))
			continue
		case !known && len(today) >= newNames:
			c.again = today[0].Add(day)
			s := refusal(name, fmt.Sprintf("%d new names today, the most in a day", newNames),
				"wait, or cover the host by a wildcard of --domain")
			s.Next = c.again
			c.refused = append(c.refused, s)
			continue
		case !known:
			c.first[name] = now
			today = append(today, now)
		}
		taken++
		c.wanted = append(c.wanted, name)
	}
}

// sameNames reports whether two sets of first days are the same, so that nothing is written for nothing.
func sameNames(a, b map[string]time.Time) bool { return maps.EqualFunc(a, b, time.Time.Equal) }
