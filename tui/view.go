package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// roomy is the height from which empty lines set the parts of the screen apart.
const roomy = 16

// View draws the model.
func (m model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "gateway routes"
	if m.width == 0 || m.height == 0 {
		return v
	}
	above, height := head(&m), bodyHeight(&m)
	lines := append(above, body(&m, height)...)
	for len(lines) < len(above)+height {
		lines = append(lines, "")
	}
	lines = append(lines, foot(&m)...)
	lines = lines[:min(len(lines), m.height)]
	for i := range lines {
		lines[i] = strings.TrimRight(cut(lines[i], m.width), " ")
	}
	v.SetContent(strings.Join(lines, "\n"))
	if c := m.filter.Cursor(); c != nil && m.filter.Focused() {
		c.X++
		c.Y = len(above) - 1
		v.Cursor = c
	}
	return v
}

// body is the part of the page that is seen.
func body(m *model, height int) []string {
	p := m.pages.top()
	switch {
	case split(m):
		return splitLines(m, height)
	case p.page == pageList:
		return listLines(m, height)
	case p.page == pageLog:
		return logLines(m, height)
	}
	lines := pageLines(m)
	start := min(p.scroll, len(lines))
	return lines[start:min(len(lines), start+height)]
}

// pageLines are all lines of the page that is seen, unless it is the list or a log.
func pageLines(m *model) []string {
	width := max(1, m.width-2)
	var lines []string
	switch m.pages.top().page {
	case pageRoute:
		lines = routeLines(m, width)
	case pageProblems:
		lines = problemLines(m, width)
	case pageHelp:
		lines = helpLines(m, width)
	}
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return lines
}

// listWidth is the part of the screen that the list has.
func listWidth(m *model) int {
	if split(m) {
		width, _ := panes(m)
		return width
	}
	return m.width
}

// places are the columns of the list that have room.
func places(m *model) []place { return layout(m.list.natural, listWidth(m)-1) }

// bodyHeight is what the lines above and below leave.
func bodyHeight(m *model) int { return max(2, m.height-len(head(m))-footHeight(m)) }

// head is everything above the page: where we are, what is wrong, the filter.
func head(m *model) []string {
	lines := append([]string{title(m)}, banners(m)...)
	switch {
	case m.pages.top().page == pageList && (m.filter.Focused() || m.filter.Value() != ""):
		lines = append(lines, filterLine(m))
	case m.height >= roomy:
		lines = append(lines, "")
	}
	return lines
}

// title is the first line: the page's name, and what there is to know at a glance.
func title(m *model) string {
	s := m.style
	left := " " + s.accent.Bold(true).Render("gateway")
	switch m.pages.top().page {
	case pageList:
		left += "  " + summary(m)
	case pageRoute:
		left += s.dim.Render(" › ") + s.bold.Render(readable(m.detail.key))
	case pageLog:
		left += s.dim.Render(" › ") + s.bold.Render(m.log.title)
	case pageProblems:
		left += s.dim.Render(" › ") + s.bold.Render("problems")
	case pageHelp:
		left += s.dim.Render(" › ") + s.bold.Render("help")
	}
	if m.link.answered.IsZero() {
		return left
	}
	var rate float64
	for i := range m.list.all {
		rate += m.list.all[i].Traffic.Rate
	}
	right := s.dim.Render(fmt.Sprintf("%s req/s · revision %d ", formatRate(rate), m.status.Table.Revision))
	space := m.width - lipgloss.Width(left) - lipgloss.Width(right)
	if space < 2 {
		return left
	}
	return left + strings.Repeat(" ", space) + right
}

// summary counts the routes by state.
func summary(m *model) string {
	s := m.style
	if m.link.answered.IsZero() {
		return s.dim.Render("connecting…")
	}
	parts := []string{s.text.Render(plural(len(m.list.all), "route"))}
	if n := len(m.problems); n > 0 {
		parts = append(parts, s.warn.Render(plural(n, "problem")))
	}
	counts := map[string]int{}
	for i := range m.list.all {
		counts[m.list.all[i].Status()]++
	}
	for _, state := range []string{"crashing", "unreachable", "unhealthy", "expired", "stopped", "asleep", "paused", "draining", "waking", "starting", "ready"} {
		if n := counts[state]; n > 0 {
			parts = append(parts, lookOf(state).style(s).Render(fmt.Sprintf("%d %s", n, state)))
		}
	}
	line := parts[0]
	for _, part := range parts[1:] {
		if more := line + s.dim.Render(" · ") + part; lipgloss.Width(more)+11 < m.width {
			line = more
		}
	}
	return line
}

// banners say what is wrong between here and the engine. A low screen has one line for each.
func banners(m *model) []string {
	var texts []string
	style := m.style.bad
	switch warning := m.link.warning(m.now); {
	case warning != "":
		texts = append(texts, warning)
	case !m.link.answered.IsZero():
		style, texts = m.style.warn, warnings(&m.status, m.link.heard, m.now)
	}
	var lines []string
	for _, text := range texts {
		parts := wrap(text, m.width-4)
		if most := bannerHeight(m); len(parts) > most {
			rest := strings.Join(parts[most-1:], " ")
			parts = append(parts[:most-1], cut(rest, m.width-4))
		}
		for i, part := range parts {
			lines = append(lines, " "+style.Render([]string{"!", " "}[min(i, 1)]+" "+part))
		}
	}
	return lines
}

func bannerHeight(m *model) int {
	if m.height < roomy {
		return 1
	}
	return 3
}

// filterLine is what is typed, and how much it lets through.
func filterLine(m *model) string {
	count := m.style.dim.Render(fmt.Sprintf("%d of %d ", len(m.list.rows), len(m.list.all)))
	left := " " + strings.TrimRight(m.filter.View(), " ")
	space := max(1, m.width-lipgloss.Width(left)-lipgloss.Width(count))
	return left + strings.Repeat(" ", space) + count
}

// foot is the last lines: what is asked, what a key just did, what is under way, else what keys do; at their end, how much
// there is below what is seen.
func foot(m *model) []string {
	more := ""
	if m.pages.top().page == pageLog {
		more = logState(m)
	} else if rest := below(m); rest > 0 {
		more = m.style.dim.Render(fmt.Sprintf("↓ %d more ", rest))
	}
	lines := footText(m, m.width-lipgloss.Width(more))
	last := len(lines) - 1
	if space := m.width - lipgloss.Width(lines[last]) - lipgloss.Width(more); space >= 0 {
		lines[last] += strings.Repeat(" ", space) + more
	}
	if m.height >= roomy {
		lines = append([]string{""}, lines...)
	}
	return lines
}

// footText is what foot says, the last line in a width of its own.
func footText(m *model, width int) []string {
	s := m.style
	switch {
	case m.asked != nil:
		keys := hint(m, " ", "y", m.asked.yes) + hint(m, "  ", "any other key", "leaves it as it is")
		return append(footLines(m, s.bold, m.asked.question, 1), keys)
	case m.notice.text != "" && m.now.Before(m.notice.until):
		if m.notice.bad {
			return footLines(m, s.bad, m.notice.text, 0)
		}
		return footLines(m, s.accent, m.notice.text, 0)
	case m.task != nil:
		return []string{" " + s.warn.Render(m.task.doing+"… ") + s.dim.Render(formatAge(m.now.Sub(m.task.since)))}
	case m.filter.Focused():
		return []string{hint(m, " ", "enter", "keep") + hint(m, "  ", "esc", "clear") + hint(m, "  ", "↑ ↓", "move")}
	}
	return []string{hints(m, width)}
}

// footLines breaks a text into lines, few where the screen is low; others come below it.
func footLines(m *model, style lipgloss.Style, text string, others int) []string {
	most := 5
	if m.height < roomy {
		most = max(1, m.height/3-others)
	}
	parts := wrap(text, m.width-2)
	if len(parts) > most {
		parts = append(parts[:most-1], cut(strings.Join(parts[most-1:], " "), m.width-2))
	}
	lines := make([]string, 0, len(parts)+others)
	for _, part := range parts {
		lines = append(lines, " "+style.Render(part))
	}
	return lines
}

// footHeight is how many lines foot has.
func footHeight(m *model) int {
	lines := len(footText(m, m.width))
	if m.height >= roomy {
		lines++
	}
	return lines
}

// below counts the rows or lines below those that are seen.
func below(m *model) int {
	height := bodyHeight(m)
	if p := m.pages.top(); p.page != pageList {
		return len(pageLines(m)) - p.scroll - height
	}
	return len(m.list.rows) - m.list.top - (height - 1)
}

// hints are as many of the page's keys as fit into width, whole ones only. Help is among them if it has to be alone.
func hints(m *model, width int) string {
	bindings := m.keys.short(m.pages.top().page, m.route())
	line, help := "", ""
	for _, binding := range bindings {
		if binding.Help().Key == m.keys.help.Help().Key {
			help = hint(m, "  ", binding.Help().Key, binding.Help().Desc)
		}
	}
	room := width - lipgloss.Width(help)
	for _, binding := range bindings {
		more := hint(m, "  ", binding.Help().Key, binding.Help().Desc)
		if more == help {
			room = width
		}
		if more == help || lipgloss.Width(line)+lipgloss.Width(more) <= room {
			line += more
		}
	}
	return strings.TrimPrefix(line, " ")
}

func hint(m *model, before, name, what string) string {
	return before + m.style.text.Render(name) + " " + m.style.dim.Render(what)
}
