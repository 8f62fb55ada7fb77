package tui

import (
	"fmt"
	"strings"
	"time"

	"gateway/proxy/admin"
)

// stateOf is the state that people are told: a paused route is paused, whatever it would be otherwise.
func stateOf(r *admin.Route) string {
	if r.Paused != nil {
		return "paused"
	}
	return r.State
}

// stateFact is the state in the details, with what it would be.
func stateFact(s styles, r *admin.Route) string {
	look := lookOf(stateOf(r))
	text := look.style(s).Render(look.glyph + " " + stateOf(r))
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
	if t.Reason != "" {
		notes = append(notes, t.Reason)
	}
	switch state := targetState(t); {
	case state == "ejected":
		notes = append(notes, ejectedText(t, now))
	case state == "failing":
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

// pausedSince says when a pause began and when it ends.
func pausedSince(p *admin.Pause, now time.Time) string {
	text := "since " + p.Since.In(now.Location()).Format(time.DateTime)
	if !p.Until.IsZero() {
		text += ", until " + p.Until.In(now.Location()).Format(time.DateTime)
	}
	return text
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
		lines = append(lines, "  "+s.bold.Render(readable(r.Key))+s.dim.Render(" ("+pausedSince(r.Paused, now)+")"), "    "+whoWaits(r.Paused))
		if r.Paused.Message != "" {
			lines = append(lines, "    "+s.accent.Render("message:")+" "+r.Paused.Message)
		}
		lines = append(lines, "    "+s.accent.Render("end it:")+" gateway resume "+r.Key)
	}
	writeSection(b, s.warn.Render("paused:"), lines)
}

// writeUnused lists the targets that are ready and get no requests, because the gateway finds that they fail.
func writeUnused(b *strings.Builder, s styles, routes []admin.Route, now time.Time) {
	var lines []string
	for i := range routes {
		r := &routes[i]
		for j := range r.Targets {
			t := &r.Targets[j]
			if state := targetState(t); state == t.State {
				continue
			}
			lines = append(lines, "  "+s.bold.Render(t.Name)+s.dim.Render(" (route "+readable(r.Key)+")"), "    "+targetNote(t, now))
		}
	}
	writeSection(b, s.bad.Render("targets that get no requests:"), lines)
}

// writeSection writes lines below a heading, if there are any.
func writeSection(b *strings.Builder, heading string, lines []string) {
	if len(lines) > 0 {
		b.WriteString("\n" + heading + "\n" + strings.Join(lines, "\n") + "\n")
	}
}
