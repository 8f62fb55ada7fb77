package tui

import (
	"cmp"
	"fmt"
	"time"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// column is one column of the list.
type column struct {
	title string
	// width is that of a column of figures with room for the arrow; a text column takes from its width, as the least
	// that is useful, to the widest that it has to show.
	width int
	// steady text columns have that width whatever they show, unless it needs more.
	steady bool
	// figures are aligned to the right and sorted from the highest.
	figures bool
	// drop orders the columns by how soon they go when the terminal is narrow; 0 is never.
	drop int
	// optional columns are shown only when a route has something in them.
	optional bool
	value    func(*admin.Route, time.Time) string
	compare  func(a, b *admin.Route) int
	style    func(styles, *admin.Route, time.Time) lipgloss.Style
}

// Places in columns that others refer to.
const (
	routeColumn = 0
	hostColumn  = 1
)

// columns are all columns of the list, from left to right.
var columns = []column{
	{
		title: "ROUTE", width: 16, style: plainText,
		value:   func(r *admin.Route, _ time.Time) string { return readable(r.Key) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(readable(a.Key), readable(b.Key)) },
	},
	{
		title: "HOST", width: 12, drop: 8, optional: true, style: dimText,
		value:   func(r *admin.Route, _ time.Time) string { return r.Host },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Host, b.Host) },
	},
	{
		title: "STATE", width: 11, steady: true, style: stateText,
		value:   func(r *admin.Route, _ time.Time) string { return lookOf(r.Status()).glyph + " " + r.Status() },
		compare: func(a, b *admin.Route) int { return cmp.Compare(lookOf(b.Status()).rank, lookOf(a.Status()).rank) },
	},
	{
		title: "SERVICE", width: 10, drop: 7, optional: true, style: dimText,
		value:   func(r *admin.Route, _ time.Time) string { return serviceName(r) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(serviceName(a), serviceName(b)) },
	},
	{
		title: "TARGETS", width: 8, figures: true, drop: 3, style: targetsText,
		value:   func(r *admin.Route, _ time.Time) string { return targetCount(r) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(readyTargets(a), readyTargets(b)) },
	},
	{
		title: "REQ/S", width: 6, figures: true, drop: 1, style: trafficText,
		value:   func(r *admin.Route, _ time.Time) string { return formatRate(r.Traffic.Rate) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Traffic.Rate, b.Traffic.Rate) },
	},
	{
		title: "P50", width: 6, figures: true, drop: 6, style: latencyText,
		value:   func(r *admin.Route, _ time.Time) string { return formatMillis(r.Traffic.P50) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Traffic.P50, b.Traffic.P50) },
	},
	{
		title: "P95", width: 6, figures: true, drop: 2, style: latencyText,
		value:   func(r *admin.Route, _ time.Time) string { return formatMillis(r.Traffic.P95) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Traffic.P95, b.Traffic.P95) },
	},
	{
		title: "ERRORS", width: 7, figures: true, drop: 4, style: errorsText,
		value:   func(r *admin.Route, _ time.Time) string { return formatCount(r.Traffic.Errors) },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Traffic.Errors, b.Traffic.Errors) },
	},
	{
		title: "EXPIRES", width: 8, figures: true, drop: 5, style: expiresText,
		value:   func(r *admin.Route, now time.Time) string { return formatExpiry(r.Expires, now) },
		compare: compareExpiry,
	},
	{
		title: "OWNER", width: 10, drop: 9, optional: true, style: dimText,
		value:   func(r *admin.Route, _ time.Time) string { return r.Owner },
		compare: func(a, b *admin.Route) int { return cmp.Compare(a.Owner, b.Owner) },
	},
}

// serviceName is "project/service", or the service alone.
func serviceName(r *admin.Route) string {
	if r.Project == "" {
		return r.Service
	}
	return r.Project + "/" + r.Service
}

// targetCount is "ready/all".
func targetCount(r *admin.Route) string { return fmt.Sprintf("%d/%d", readyTargets(r), len(r.Targets)) }

func readyTargets(r *admin.Route) int {
	n := 0
	for i := range r.Targets {
		if targetState(&r.Targets[i]) == "ready" {
			n++
		}
	}
	return n
}

// compareExpiry orders by what stays longest; a column of figures shows the highest first, so the nearest end date
// is the highest.
func compareExpiry(a, b *admin.Route) int {
	if a.Expires.IsZero() != b.Expires.IsZero() {
		if a.Expires.IsZero() {
			return -1
		}
		return 1
	}
	return b.Expires.Compare(a.Expires)
}

func plainText(s styles, _ *admin.Route, _ time.Time) lipgloss.Style { return s.text }

func dimText(s styles, _ *admin.Route, _ time.Time) lipgloss.Style { return s.dim }

func stateText(s styles, r *admin.Route, _ time.Time) lipgloss.Style {
	return lookOf(r.Status()).style(s)
}

func targetsText(s styles, r *admin.Route, _ time.Time) lipgloss.Style {
	if ready := readyTargets(r); ready > 0 && ready < len(r.Targets) {
		return s.warn
	}
	return s.text
}

func trafficText(s styles, r *admin.Route, _ time.Time) lipgloss.Style {
	if r.Traffic.Rate < 0.05 {
		return s.dim
	}
	return s.text
}

func latencyText(s styles, r *admin.Route, _ time.Time) lipgloss.Style {
	if r.Traffic.P95 <= 0 {
		return s.dim
	}
	return s.text
}

func errorsText(s styles, r *admin.Route, _ time.Time) lipgloss.Style {
	if r.Traffic.Errors > 0 {
		return s.bad
	}
	return s.dim
}

func expiresText(s styles, r *admin.Route, now time.Time) lipgloss.Style {
	if r.Expires.IsZero() {
		return s.dim
	}
	return expiryStyle(s, daysLeft(r.Expires, now))
}
