package tui

import (
	"fmt"
	"strings"
	"time"

	"gateway/proxy/admin"
)

// stateFact is the state in the details, with what it would be.
func stateFact(s styles, r *admin.Route) string {
	look := lookOf(r.Status())
	text := look.style(s).Render(look.glyph + " " + r.Status())
	if r.Paused != nil {
		text += s.dim.Render(" (its app is " + r.State + ")")
	}
	return text
}

// targetState is what keeps a target from getting requests: its own state, or what the gateway finds.
func targetState(t *admin.Target) string {
	switch {
	case t.State != "ready":
		return t.State
	case t.Ejected:
		return "ejected"
	case t.Health == "failing":
		return "failing"
	}
	return t.State
}

// targetNote says in words why a target's state is what it is, and how much it has to do.
func targetNote(t *admin.Target, now time.Time) string {
	var notes []string
	if why := t.Why(); why != "" {
		notes = append(notes, why)
	}
	switch state := targetState(t); {
	case state == "ejected":
		notes = append(notes, ejectedText(t, now))
	case state == "failing" && t.Reason == "":
		notes = append(notes, "its check fails")
	case state == "ready" && t.Health == "unchecked":
		notes = append(notes, "not checked yet")
	}
	if t.Inflight > 0 {
		notes = append(notes, fmt.Sprintf("%d under way", t.Inflight))
	}
	return strings.Join(notes, " · ")
}

func ejectedText(t *admin.Target, now time.Time) string {
	if t.EjectedUntil.IsZero() {
		return "too many requests failed"
	}
	return "too many requests failed; tried again at " + t.EjectedUntil.In(now.Location()).Format(time.TimeOnly)
}

// whoWaits says how many requests wait, and how long one does.
func whoWaits(p *admin.Pause) string {
	if p.Wait == 0 {
		return "no request waits"
	}
	verb := "wait"
	if p.Waiting == 1 {
		verb = "waits"
	}
	most := (time.Duration(p.Wait) * time.Millisecond).String()
	if strings.HasSuffix(most, "m0s") {
		most = strings.TrimSuffix(most, "0s")
	}
	return fmt.Sprintf("%s %s, up to %s each", plural(p.Waiting, "request"), verb, most)
}

// writePaused lists the paused routes below a table.
func writePaused(b *strings.Builder, s styles, routes []admin.Route, now time.Time) {
	var lines []string
	for i := range routes {
		r := &routes[i]
		if r.Paused == nil {
			continue
		}
		lines = append(lines, "  "+s.bold.Render(readable(r.Key))+s.dim.Render(" ("+r.Paused.Span(now.Location())+")"), "    "+whoWaits(r.Paused))
		if r.Paused.Message != "" {
			lines = append(lines, "    "+s.accent.Render("message:")+" "+r.Paused.Message)
		}
		lines = append(lines, "    "+s.accent.Render("end it:")+" gateway resume "+r.Key)
	}
	writeSection(b, s.warn.Render("paused:"), lines)
}

// writeUnused lists the targets that get no requests though they should: they end by themselves, or the gateway finds that
// they fail.
func writeUnused(b *strings.Builder, s styles, routes []admin.Route, now time.Time) {
	var lines []string
	for i := range routes {
		r := &routes[i]
		for j := range r.Targets {
			t := &r.Targets[j]
			if note := targetNote(t, now); note != "" && unwell(t) {
				lines = append(lines, "  "+s.bold.Render(t.Name)+s.dim.Render(" (route "+readable(r.Key)+")"), "    "+note)
			}
		}
	}
	writeSection(b, s.bad.Render("targets that get no requests:"), lines)
}

// unwell reports whether somebody has to look after a target.
func unwell(t *admin.Target) bool {
	switch targetState(t) {
	case "ejected", "failing", "unhealthy", "unreachable", "crashing":
		return true
	}
	return t.LastLog != ""
}

// writeSection writes lines below a heading, if there are any.
func writeSection(b *strings.Builder, heading string, lines []string) {
	if len(lines) > 0 {
		b.WriteString("\n" + heading + "\n" + strings.Join(lines, "\n") + "\n")
	}
}
