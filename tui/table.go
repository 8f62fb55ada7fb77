package tui

import (
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// margin is the mark of the selected row and the space after it.
const margin = 2

// widest is as far as a text column grows.
const widest = 48

// place is a column of the list with the width it got.
type place struct {
	column int
	width  int
}

// naturalWidths measures the widest text of each text column, 0 for one that is empty. Columns of figures have a
// width of their own.
func naturalWidths(routes []admin.Route) []int {
	widths := make([]int, len(columns))
	for c := range columns {
		if columns[c].figures {
			continue
		}
		if columns[c].steady {
			widths[c] = columns[c].width
		}
		for i := range routes {
			widths[c] = max(widths[c], lipgloss.Width(columns[c].value(&routes[i], time.Time{})))
		}
		widths[c] = min(widths[c], widest)
	}
	return widths
}

// layout decides which columns are shown in width cells and how wide each is: the least important go until the rest
// fits at its least useful width, then the text columns share what is left over, from left to right.
func layout(natural []int, width int) []place {
	places := make([]place, 0, len(columns))
	for c := range columns {
		if columns[c].optional && natural[c] == 0 {
			continue
		}
		places = append(places, place{column: c, width: leastWidth(c, natural)})
	}
	for spread(places) > width {
		last := slices.MaxFunc(places, func(a, b place) int { return columns[a.column].drop - columns[b.column].drop })
		if columns[last.column].drop == 0 {
			break
		}
		places = slices.DeleteFunc(places, func(p place) bool { return p == last })
	}
	spare := width - spread(places)
	for i, p := range places {
		if columns[p.column].figures {
			continue
		}
		more := max(0, min(spare, natural[p.column]-p.width))
		places[i].width += more
		spare -= more
	}
	// In a terminal that is narrower than all of this, the route gives way and the state stays.
	places[0].width = max(1, places[0].width+min(0, spare))
	return places
}

// leastWidth is the least useful width of a column: less than asked for when all that it shows is shorter.
func leastWidth(c int, natural []int) int {
	switch {
	case columns[c].figures:
		return columns[c].width
	case columns[c].steady:
		return natural[c]
	}
	title := lipgloss.Width(columns[c].title) + 2
	return max(title, min(columns[c].width, natural[c]))
}

// spread is the width of all columns with the gaps between them.
func spread(places []place) int {
	width := margin
	for i, p := range places {
		width += p.width + gap(i, p.column)
	}
	return width
}

// gap is the space before a column. A column of figures has room for its arrow, which is space enough.
func gap(i, column int) int {
	switch {
	case i == 0:
		return 0
	case columns[column].figures:
		return 1
	}
	return 2
}

// titles is the line above the list. The arrow stands beside the column that the list is sorted by.
func titles(s styles, places []place, sorted int, descending bool) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", margin))
	for i, p := range places {
		b.WriteString(strings.Repeat(" ", gap(i, p.column)))
		title, style := columns[p.column].title, s.dim
		if p.column == sorted {
			title, style = title+arrow(descending, columns[p.column].figures), s.accent
		}
		b.WriteString(style.Render(pad(title, p.width, columns[p.column].figures)))
	}
	return b.String()
}

func arrow(descending, figures bool) string {
	text := "↑"
	if descending {
		text = "↓"
	}
	if figures {
		return text
	}
	return " " + text
}

// row is the line of one route, filled up to width when it is the selected one.
func row(s styles, places []place, r *admin.Route, now time.Time, selected int) string {
	ground := lipgloss.NewStyle()
	mark := strings.Repeat(" ", margin)
	if selected > 0 {
		ground = s.selected
		mark = s.accent.Inherit(ground).Render("▌") + ground.Render(" ")
	}
	var b strings.Builder
	b.WriteString(mark)
	for i, p := range places {
		c := &columns[p.column]
		value := c.value(r, now)
		if p.column == routeColumn && slices.ContainsFunc(places, func(p place) bool { return p.column == hostColumn }) {
			value = readable(r.Path)
		}
		style := c.style(s, r, now).Inherit(ground)
		if selected > 0 && p.column == routeColumn {
			style = style.Bold(true)
		}
		b.WriteString(ground.Render(strings.Repeat(" ", gap(i, p.column))))
		b.WriteString(style.Render(pad(value, p.width, c.figures)))
	}
	line := b.String()
	if rest := selected - lipgloss.Width(line); rest > 0 {
		line += ground.Render(strings.Repeat(" ", rest))
	}
	return line
}
