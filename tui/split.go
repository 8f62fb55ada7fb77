package tui

import "fmt"

// wide is the width from which the list has the details of the selected route beside it.
const wide = 120

// The bounds of the details beside the list, and what parts both.
const (
	leastDetails = 52
	mostDetails  = 100
	separator    = " │ "
)

// split reports whether the page that is seen is the list with details beside it.
func split(m *model) bool {
	return m.pages.top().page == pageList && m.width >= wide && m.height >= roomy && len(m.list.rows) > 0
}

// panes are the widths of the list and of the details beside it. The details get what the list has no use for.
func panes(m *model) (list, details int) {
	room := m.width - len([]rune(separator))
	details = max(leastDetails, min(room*42/100, mostDetails))
	list = room - details
	if want := spread(layout(m.list.natural, m.width)); want < list {
		list = max(want, room-mostDetails)
		details = room - list
	}
	return list, details
}

// splitLines are the list, the problems below it, and the details of the selected route beside them.
func splitLines(m *model, height int) []string {
	s := m.style
	width, details := panes(m)
	left := listLines(m, height)
	left = append(left, problemsBelow(m, width-1, height-len(left))...)
	left = append(left, keysBelow(m, width-1, height-len(left))...)
	right := routeLines(m, details-1)
	if len(right) > height {
		right = append(right[:height-1], s.dim.Render("… enter shows all"))
	}
	bar := s.dim.Render(separator)
	lines := make([]string, height)
	for i := range lines {
		var list, detail string
		if i < len(left) {
			list = left[i]
		}
		if i < len(right) {
			detail = right[i]
		}
		lines[i] = pad(list, width, false) + bar + detail
	}
	return lines
}

// problemsBelow are the problems in what the list leaves of height, with a word on those that have no room.
func problemsBelow(m *model, width, height int) []string {
	const heading = 3 // with an empty line on both sides
	if len(m.problems) == 0 || height < heading+2 {
		return nil
	}
	lines := problemLines(m, width-1)
	if room := height - heading; len(lines) > room {
		lines = append(lines[:room-1], m.style.dim.Render("… ! shows all problems"))
	}
	out := []string{"", " " + m.style.bold.Render("Problems") + m.style.dim.Render(fmt.Sprintf("  %d", len(m.problems))), ""}
	for _, line := range lines {
		out = append(out, " "+line)
	}
	return out
}

// keysBelow explain the keys where all of them have room.
func keysBelow(m *model, width, height int) []string {
	lines := keyLines(m.style, width-1)
	if len(lines)+3 > height {
		return nil
	}
	out := []string{"", " " + m.style.bold.Render("Keys"), ""}
	for _, line := range lines {
		out = append(out, " "+line)
	}
	return out
}
