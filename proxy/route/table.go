package route

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Table is an immutable snapshot of all routes, with the index that requests are matched by. It is safe for
// concurrent use. The zero value is the empty table.
type Table struct {
	routes   []Route
	problems []Problem
	index    map[Key]*Route
	hosts    map[string]bool
	// clients are the authorities of the hosts whose clients need certificates.
	clients map[string]string
	// trees are what Readings follows, by host.
	trees  map[string]*branch
	depth  int
	wire   []byte
	digest string
}

// Match is a request's place in a table.
type Match struct {
	Route *Route
	// Rest is the request's path below the prefix in its original spelling: empty, or from its slash on. For a route
	// at "/" it is the whole path.
	Rest string
}

// Build makes a table of what sources found. Routes with one key that belong to one service become one route with the
// targets of all; where the routes of different services claim one key, the one claimed first keeps it (of several,
// the one with the oldest target, then the one whose name sorts first), and each of the others becomes a problem. The arguments are not kept or changed.
func Build(found []Route, problems []Problem) *Table {
	sorted := make([]*Route, len(found))
	for i := range found {
		sorted[i] = &found[i]
	}
	slices.SortStableFunc(sorted, byClaim)
	t := &Table{routes: make([]Route, 0, len(found)), problems: slices.Clone(problems)}
	for _, r := range sorted {
		t.add(r)
	}
	for i := range t.routes {
		slices.SortFunc(t.routes[i].Targets, func(a, b Target) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
	}
	t.settleClients()
	slices.SortFunc(t.problems, compareProblems)
	t.reindex()
	t.encode()
	return t
}

// byClaim orders routes by key, and those of one key by who may have it.
func byClaim(a, b *Route) int {
	if order := cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Prefix.path, b.Prefix.path)); order != 0 {
		return order
	}
	return byAge(a, b)
}

// byAge orders routes by who came first.
func byAge(a, b *Route) int {
	return cmp.Or(
		a.Claimed.Compare(b.Claimed),
		oldest(a.Targets).Compare(oldest(b.Targets)),
		cmp.Compare(a.Project, b.Project),
		cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(firstID(a.Targets), firstID(b.Targets)),
	)
}

// firstID makes the order of replicas independent of the order in which they were found.
func firstID(targets []Target) string {
	if len(targets) == 0 {
		return ""
	}
	return targets[0].ID
}

// add takes the next route of the sorted list: as a new one, as replicas of the last one, or as a problem.
func (t *Table) add(r *Route) {
	if n := len(t.routes); n > 0 && t.routes[n-1].Key == r.Key {
		holder := &t.routes[n-1]
		if holder.SameService(r) {
			holder.merge(r)
			return
		}
		t.problems = append(t.problems, conflict(holder, r))
		return
	}
	added := *r
	added.Targets = slices.Clone(r.Targets)
	t.routes = append(t.routes, added)
}

// merge takes the targets of a replica, and its settings when the replica is younger.
func (r *Route) merge(replica *Route) {
	if newest(replica.Targets).Created.After(newest(r.Targets).Created) {
		targets, claimed := r.Targets, r.Claimed
		*r = *replica
		r.Targets, r.Claimed = targets, claimed
	}
	r.Targets = append(r.Targets, replica.Targets...)
}

func newest(targets []Target) Target {
	if len(targets) == 0 {
		return Target{}
	}
	return slices.MaxFunc(targets, func(a, b Target) int { return a.Created.Compare(b.Created) })
}

// oldest is when the oldest target came to be.
func oldest(targets []Target) time.Time {
	if len(targets) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(targets, func(a, b Target) int { return a.Created.Compare(b.Created) }).Created
}

func conflict(holder, loser *Route) Problem {
	subject := loser.Service
	if len(loser.Targets) > 0 {
		subject = loser.Targets[0].Name
	}
	return Problem{
		Subject: subject,
		Project: loser.Project,
		Route:   loser.Key.String(),
		Message: fmt.Sprintf("%s is held by %s since %s; the older claim keeps a prefix",
			loser.Key, holder.title(), holder.Claimed.UTC().Format("2006-01-02 15:04:05")),
		Fix: fmt.Sprintf("give %s another gateway.path, or %s", loser.title(), holder.title()),
	}
}

func (t *Table) reindex() {
	t.index = make(map[Key]*Route, len(t.routes))
	t.hosts = make(map[string]bool)
	t.trees = make(map[string]*branch)
	t.depth = 0
	for i := range t.routes {
		r := &t.routes[i]
		t.index[r.Key] = r
		t.depth = max(t.depth, r.Prefix.Depth())
		tree := t.trees[r.Host]
		if tree == nil {
			tree = new(branch)
			t.trees[r.Host] = tree
		}
		tree.plant(r)
		if r.Host != "" {
			t.hosts[r.Host] = true
		}
	}
}

// Routes returns all routes sorted by host and prefix. The slice and what it holds must not be changed.
func (t *Table) Routes() []Route { return t.routes }

// Problems returns all problems, sorted. The slice must not be changed.
func (t *Table) Problems() []Problem { return t.problems }

// Hosts returns the hosts that routes are for, sorted and in the form of CanonicalHost. Routes for any host add none.
func (t *Table) Hosts() []string { return slices.Sorted(maps.Keys(t.hosts)) }

// ClientCA returns the PEM certificates of the authorities that sign the certificates of the clients of a host, empty when
// clients need none. The host is in its canonical form.
func (t *Table) ClientCA(host string) string { return t.clients[host] }

// Lookup returns the route with exactly that key, or nil.
func (t *Table) Lookup(k Key) *Route { return t.index[k] }

// Match finds the route of a request: the longest prefix that contains the path, among the routes of the host first
// and then among those of any host. The host is in its canonical form. It reports false when nothing matches. Its
// cost does not depend on the number of routes.
func (t *Table) Match(host string, path Path) (Match, bool) {
	if t.hosts[host] {
		if m, ok := t.match(host, path); ok {
			return m, true
		}
	}
	return t.match("", path)
}

func (t *Table) match(host string, path Path) (Match, bool) {
	end, depth := t.deepest(path.Normal)
	for {
		if r := t.index[Key{Host: host, Prefix: Prefix{path: path.Normal[:end]}}]; r != nil {
			return Match{Route: r, Rest: path.After(depth)}, true
		}
		if end == 0 {
			return Match{}, false
		}
		end, depth = strings.LastIndexByte(path.Normal[:end], '/'), depth-1
	}
}

// deepest returns where the path is to be cut so that it has no more segments than the deepest prefix of the table.
func (t *Table) deepest(path string) (end, depth int) {
	for depth < t.depth && end < len(path) {
		next := strings.IndexByte(path[end+1:], '/')
		depth++
		if next < 0 {
			return len(path), depth
		}
		end += 1 + next
	}
	return end, depth
}

// wireTable is a table as it is sent and stored.
type wireTable struct {
	Routes   []Route   `json:"routes"`
	Problems []Problem `json:"problems,omitempty"`
}

// encode fixes the bytes and the digest of the table. Times that JSON cannot hold leave both empty.
func (t *Table) encode() {
	wire, err := json.Marshal(wireTable{Routes: t.routes, Problems: t.problems})
	if err != nil {
		return
	}
	sum := sha256.Sum256(wire)
	t.wire, t.digest = wire, hex.EncodeToString(sum[:16])
}

// Digest names the content of the table: 32 hexadecimal digits of the SHA-256 of its JSON. Equal tables have equal
// digests, also after they were sent; it is computed once, when the table is built.
func (t *Table) Digest() string {
	if t.wire == nil {
		return Build(t.routes, t.problems).digest
	}
	return t.digest
}

// MarshalJSON writes the table as it is pushed to the proxy and kept on disk. Equal tables have equal bytes. The
// bytes are the table's own and must not be changed.
func (t *Table) MarshalJSON() ([]byte, error) {
	switch {
	case t.wire != nil:
		return t.wire, nil
	case t.routes == nil:
		return json.Marshal(wireTable{Routes: []Route{}, Problems: t.problems})
	}
	return json.Marshal(wireTable{Routes: t.routes, Problems: t.problems})
}

// UnmarshalJSON reads what MarshalJSON wrote, and settles conflicts again.
func (t *Table) UnmarshalJSON(data []byte) error {
	read, err := ReadTable(bytes.NewReader(data))
	if err != nil {
		return err
	}
	*t = *read
	return nil
}
