package tui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// factWidth is what the names of facts have.
const factWidth = 9

// routeLines are the details of one route.
func routeLines(m *model, width int) []string {
	r, s := &m.detail.last, m.style
	var lines []string
	if m.detail.gone {
		lines = append(lines, s.warn.Render(cut("! this route has left the table; this is how it was last", width)), "")
	}
	for _, fact := range facts(m, r) {
		for i, text := range wrap(fact[1], width-factWidth) {
			label := fact[0]
			if i > 0 {
				label = ""
			}
			lines = append(lines, s.dim.Render(pad(label, factWidth, false))+text)
		}
	}
	lines = append(lines, section(s, fmt.Sprintf("Targets  %s ready", targetCount(r)))...)
	lines = append(lines, targetLines(m, r, width)...)
	if problems := problemsOf(m.problems, r); len(problems) > 0 {
		lines = append(lines, section(s, "Problems")...)
		for i := range problems {
			lines = append(lines, problemText(s, &problems[i], width)...)
		}
	}
	lines = append(lines, section(s, "Last requests")...)
	return append(lines, requestLines(m, width)...)
}

// facts are the pairs at the top of the details.
func facts(m *model, r *admin.Route) [][2]string {
	s := m.style
	out := [][2]string{{"State", stateFact(s, r)}}
	if why := r.Why(m.now.Location()); why != "" && r.Paused == nil {
		out = append(out, [2]string{"Reason", why})
	}
	if r.Paused != nil {
		out = append(out, [2]string{"Paused", r.Paused.Span(m.now.Location()) + "; " + whoWaits(r.Paused)})
		if r.Paused.Message != "" {
			out = append(out, [2]string{"Message", r.Paused.Message})
		}
	}
	project := r.Project
	switch {
	case project != "":
	case r.OnEngine():
		project = s.dim.Render("none: a container by itself")
	default:
		project = s.dim.Render("none: not on this engine")
	}
	out = append(out,
		[2]string{"URL", s.accent.Render(urlOf(m, r))},
		[2]string{"Project", project},
		[2]string{"Service", strings.Join([]string{r.Service, "from " + r.Source, "mount " + r.Mount}, " · ")})
	out = append(out, certificateFacts(m, r)...)
	if r.Owner != "" {
		out = append(out, [2]string{"Owner", r.Owner})
	}
	if !r.Expires.IsZero() {
		left := formatExpiry(r.Expires, m.now)
		if daysLeft(r.Expires, m.now) > 0 {
			left = "in " + left
		}
		text := fmt.Sprintf("%s (%s)", r.Expires.UTC().Format("2006-01-02"), left)
		out = append(out, [2]string{"Expires", expiryStyle(s, daysLeft(r.Expires, m.now)).Render(text)})
	}
	return append(out, trafficFacts(m, r)...)
}

// trafficFacts are what a route has to do, and the newest of its last requests that went wrong.
func trafficFacts(m *model, r *admin.Route) [][2]string {
	s, t := m.style, r.Traffic
	latency := "no requests in the last minute"
	if t.P95 > 0 {
		latency = fmt.Sprintf("p50 %s · p95 %s", formatMillis(t.P50), formatMillis(t.P95))
	}
	errors := plural(int(t.Errors), "error")
	if t.Errors > 0 {
		errors = s.bad.Render(errors)
	}
	out := [][2]string{
		{"Traffic", fmt.Sprintf("%s req/s · %s", formatRate(t.Rate), latency)},
		{"Total", fmt.Sprintf("%s · %s · %d under way", plural(int(t.Requests), "request"), errors, t.Inflight)},
	}
	at := slices.IndexFunc(m.detail.requests, func(q admin.Request) bool { return q.Status >= 500 })
	if at < 0 {
		return out
	}
	q := &m.detail.requests[at]
	text := fmt.Sprintf("%s at %s: %s %s", s.bad.Render(strconv.Itoa(q.Status)), q.Time.In(m.now.Location()).Format(time.TimeOnly), q.Method, readable(q.Path))
	return append(out, [2]string{"Failed", text})
}

// section is a heading with an empty line above it.
func section(s styles, title string) []string { return []string{"", s.bold.Render(title)} }

func targetLines(m *model, r *admin.Route, width int) []string {
	s := m.style
	if len(r.Targets) == 0 {
		return []string{s.dim.Render("none")}
	}
	name, address := 0, 0
	for _, t := range r.Targets {
		name, address = max(name, lipgloss.Width(t.Name)), max(address, lipgloss.Width(t.Address))
	}
	name = min(name, max(10, width/3))
	lines := make([]string, 0, len(r.Targets))
	for i := range r.Targets {
		t := &r.Targets[i]
		state := targetState(t)
		look := lookOf(state)
		where := strings.Repeat(" ", address+2+len(t.Scheme))
		if t.Address != "" {
			where = pad(t.Address, address, false) + "  " + t.Scheme
		}
		line := look.style(s).Render(pad(look.glyph+" "+state, max(11, lipgloss.Width(state)+2), false)) + "  " + pad(t.Name, name, false) + "  " + s.dim.Render(where)
		why := targetNote(t, m.now)
		if more := line + "  " + why; lipgloss.Width(more) <= width {
			lines = append(lines, strings.TrimRight(more, " "))
			continue
		}
		lines = append(lines, cut(strings.TrimRight(line, " "), width))
		if why != "" {
			for _, part := range wrap(why, width-2) {
				lines = append(lines, "  "+part)
			}
		}
	}
	return lines
}

// problemsOf are the problems that concern a route or one of its targets.
func problemsOf(problems []admin.Problem, r *admin.Route) []admin.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p admin.Problem) bool {
		mine := slices.ContainsFunc(r.Targets, func(t admin.Target) bool { return t.Name == p.Subject })
		return p.Route != r.Key && !mine
	})
}

// requestLines are the last requests, the newest first.
func requestLines(m *model, width int) []string {
	s, d := m.style, &m.detail
	switch {
	case d.err != nil:
		return []string{s.warn.Render(cut("cannot read them: "+clean(d.err.Error()), width))}
	case !d.asked:
		return []string{s.dim.Render("…")}
	case len(d.requests) == 0:
		return []string{s.dim.Render("none yet")}
	}
	lines := make([]string, 0, len(d.requests))
	for i := range d.requests {
		lines = append(lines, cut(requestLine(m, &d.requests[i], width), width))
	}
	return lines
}

func requestLine(m *model, q *admin.Request, width int) string {
	s := m.style
	status := s.text
	switch {
	case q.Status >= 500:
		status = s.bad
	case q.Status >= 400:
		status = s.warn
	}
	parts := []string{
		s.dim.Render(q.Time.In(m.now.Location()).Format("15:04:05")),
		status.Render(fmt.Sprintf("%3d", q.Status)),
		pad(q.Method, 4, false),
		pad(formatMillis(q.Millis), 6, true),
	}
	if width >= 60 {
		parts = append(parts, s.dim.Render(pad(formatBytes(q.Bytes), 8, true)))
	}
	left := strings.Join(parts, "  ") + "  "
	if width >= 100 {
		target := q.Target
		if target == "" {
			target = "the gateway itself"
		}
		path := max(20, width-lipgloss.Width(left)-30)
		return left + pad(readable(q.Path), path, false) + "  " + s.dim.Render(target)
	}
	return left + readable(q.Path)
}
