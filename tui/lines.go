package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// listLines are the titles and the rows that fit below them.
func listLines(m *model, height int) []string {
	if m.link.answered.IsZero() {
		return nil
	}
	if len(m.list.rows) == 0 {
		return emptyLines(m)
	}
	places := places(m)
	lines := []string{titles(m.style, places, m.list.sorted, m.list.descending())}
	for at := m.list.top; at < len(m.list.rows) && len(lines) < height; at++ {
		selected := 0
		if at == m.list.cursor {
			selected = listWidth(m)
		}
		lines = append(lines, row(m.style, places, &m.list.all[m.list.rows[at]], m.now, selected))
	}
	return lines
}

// emptyLines say why there is nothing to see, and what to do about it.
func emptyLines(m *model) []string {
	s, width := m.style, m.width-4
	var lines []string
	say := func(text string) {
		for _, line := range wrap(text, width) {
			lines = append(lines, "  "+line)
		}
	}
	if m.list.filter != "" && len(m.list.all) > 0 {
		say(fmt.Sprintf("No route matches %q.", m.list.filter))
		say(s.dim.Render("esc clears the filter."))
		return lines
	}
	say(s.bold.Render("No routes yet."))
	if n := len(m.problems); n > 0 {
		say(s.warn.Render(fmt.Sprintf("%s: ! shows the fixes.", plural(n, "problem"))))
	}
	lines = append(lines, "")
	for _, step := range firstSteps {
		say(s.dim.Render(step[0]))
		say("  " + s.accent.Render(step[1]))
	}
	return lines
}

// firstSteps are how an empty table gets its first route.
var firstSteps = [][2]string{
	{"Make a first project:", "gateway add portfolio --path /robots"},
	{"or publish a container of your own:", "docker run -d --label gateway.path=/hello IMAGE"},
}

// problemLines are all problems with their fixes.
func problemLines(m *model, width int) []string {
	if len(m.problems) == 0 {
		return []string{m.style.good.Render("● ") + "No problems: every label is served as it asks."}
	}
	var lines []string
	for i := range m.problems {
		if i > 0 {
			lines = append(lines, "")
		}
		p := &m.problems[i]
		where := []string{p.Subject}
		if p.Project != "" {
			where = append(where, "project "+p.Project)
		}
		if p.Route != "" {
			where = append(where, "route "+readable(p.Route))
		}
		head := m.style.bold.Render(where[0])
		if len(where) > 1 {
			head += m.style.dim.Render("  " + strings.Join(where[1:], " · "))
		}
		lines = append(lines, wrap(head, width)...)
		lines = append(lines, problemText(m.style, p, width)...)
	}
	return lines
}

// problemText is what is wrong and how to fix it.
func problemText(s styles, p *admin.Problem, width int) []string {
	var lines []string
	for i, line := range wrap(p.Message, width-2) {
		lines = append(lines, s.warn.Render([]string{"! ", "  "}[min(i, 1)])+line)
	}
	for i, line := range wrap(p.Fix, width-2) {
		lines = append(lines, s.accent.Render([]string{"→ ", "  "}[min(i, 1)])+line)
	}
	return lines
}

// helpLines explain all keys, and what the list shows.
func helpLines(m *model, width int) []string {
	s := m.style
	lines := keyLines(s, width)
	lines = append(lines, "")
	for _, state := range []string{"ready", "starting", "draining", "waking", "asleep", "stopped", "expired", "unhealthy", "unreachable", "crashing"} {
		look := lookOf(state)
		for i, text := range wrap(stateMeaning[state], width-15) {
			name := ""
			if i == 0 {
				name = look.glyph + " " + state
			}
			lines = append(lines, look.style(s).Render(pad(name, 15, false))+text)
		}
	}
	lines = append(lines, "")
	return append(lines, pairLines(s.dim, [][2]string{
		{"TARGETS", "ready ones of all"},
		{"REQ/S", "of the last 10 seconds"},
		{"P50 P95", "latency in the last minute: half of the requests, and 95 of 100, took at most this long"},
		{"ERRORS", "answers of 500 and above since the proxy started"},
	}, width)...)
}

// keyLines explain all keys.
func keyLines(s styles, width int) []string { return pairLines(s.accent, explained(), width) }

// pairLines are names in a column of their own, with what is said of them beside it.
func pairLines(style lipgloss.Style, pairs [][2]string, width int) []string {
	var lines []string
	for _, pair := range pairs {
		for i, text := range wrap(pair[1], width-13) {
			name := ""
			if i == 0 {
				name = pair[0]
			}
			lines = append(lines, style.Render(pad(name, 13, false))+text)
		}
	}
	return lines
}

// stateMeaning says what clients get.
var stateMeaning = map[string]string{
	"ready":     "answers",
	"starting":  "runs, its health check has not passed yet: clients wait, then get a page",
	"draining":  "was told to stop: what is under way is finished",
	"waking":    "was asleep and starts, since a client asked for it: clients wait, browsers get a page",
	"asleep":    "was stopped because nobody used it: the next request starts it",
	"stopped":   "exists and does not run: clients get a page that says so",
	"expired":   "does not run, and its last day is past: clients get 410 and a page that says how to renew it",
	"unhealthy": "runs, and its health check fails: clients get a page that says so",

	"unreachable": "runs, and does not answer where it should: its details say what to write",
	"crashing":    "ends by itself and is restarted: its details say how, with the last line it wrote",
}
