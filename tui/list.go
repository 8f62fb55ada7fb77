package tui

import (
	"cmp"
	"slices"
	"strings"

	"gateway/proxy/admin"
)

// list is the routes, in the order and with the selection that the user chose.
type list struct {
	all     []admin.Route
	natural []int
	// rows are the places in all of what the filter lets through, sorted.
	rows   []int
	filter string
	// sorted is the column, and reversed turns its usual direction around.
	sorted   int
	reversed bool
	// selected is the key of the selected route, which it keeps when the order changes; cursor is its row.
	selected    string
	cursor, top int
}

// Matches reports whether a filter lets a route through: each of its words is a part of the route's key, project and
// service, state or owner, in any case. The empty filter lets everything through.
func Matches(r *admin.Route, filter string) bool {
	text := strings.ToLower(strings.Join([]string{r.Key, readable(r.Key), serviceName(r), r.State, r.Status(), r.Owner}, "\n"))
	return containsWords(text, filter)
}

// MatchesProblem is Matches for a problem: its route, subject and project count.
func MatchesProblem(p *admin.Problem, filter string) bool {
	return containsWords(strings.ToLower(strings.Join([]string{p.Route, readable(p.Route), p.Subject, p.Project}, "\n")), filter)
}

func containsWords(text, filter string) bool {
	for word := range strings.FieldsSeq(strings.ToLower(filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// load takes new routes in.
func (l *list) load(routes []admin.Route) {
	l.all = routes
	l.natural = naturalWidths(routes)
	l.arrange()
}

// arrange filters and sorts again, and finds the selected route again; when it is gone, its row is selected.
func (l *list) arrange() {
	l.rows = make([]int, 0, len(l.all))
	for i := range l.all {
		if Matches(&l.all[i], l.filter) {
			l.rows = append(l.rows, i)
		}
	}
	compare, descending := columns[l.sorted].compare, l.descending()
	slices.SortFunc(l.rows, func(i, j int) int {
		a, b := &l.all[i], &l.all[j]
		order := compare(a, b)
		if descending {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Key, b.Key))
	})
	at := slices.IndexFunc(l.rows, func(i int) bool { return l.all[i].Key == l.selected })
	if at < 0 {
		at = l.cursor
	}
	l.to(at)
}

// descending reports whether the highest comes first, as it usually does in a column of figures.
func (l *list) descending() bool { return columns[l.sorted].figures != l.reversed }

// to selects a row, the nearest one when there is no such row.
func (l *list) to(row int) {
	l.cursor = max(0, min(row, len(l.rows)-1))
	if r := l.current(); r != nil {
		l.selected = r.Key
	}
}

// current is the selected route, nil when the list is empty.
func (l *list) current() *admin.Route {
	if l.cursor >= len(l.rows) {
		return nil
	}
	return &l.all[l.rows[l.cursor]]
}

// find is the route of a key, nil when there is none.
func (l *list) find(key string) *admin.Route {
	at := slices.IndexFunc(l.all, func(r admin.Route) bool { return r.Key == key })
	if at < 0 {
		return nil
	}
	return &l.all[at]
}

// sortBy sorts by a column that is shown, so many places after the present one.
func (l *list) sortBy(places []place, step int) {
	at := slices.IndexFunc(places, func(p place) bool { return p.column == l.sorted })
	l.sorted, l.reversed = places[(max(0, at)+step+len(places))%len(places)].column, false
	l.arrange()
}

// show scrolls until the selected row is among the height rows that are seen, and no row is left empty for nothing.
func (l *list) show(height int) {
	l.top = min(l.top, l.cursor, max(0, len(l.rows)-height))
	l.top = max(l.top, l.cursor-height+1, 0)
}
