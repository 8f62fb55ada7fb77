package admin

import (
	"fmt"
	"time"
)

// The states that the front ends tell apart; others are shown by their words.
const (
	Ready  = "ready"
	Paused = "paused"
)

// Status is the word that all lists show for a route: paused if it is, else its state.
func (r *Route) Status() string {
	if r.Paused != nil {
		return Paused
	}
	return r.State
}

// OnEngine reports whether the targets of the route are containers of the gateway's own engine, which its commands act on.
func (r *Route) OnEngine() bool { return r.Source == DefaultSource }

// Why says why the status is not ready, with the fix where there is one; empty when it is, or when nobody knows. Times are
// those of that place.
func (r *Route) Why(in *time.Location) string {
	if r.Paused == nil {
		return reason(r.Reason, r.LastLog)
	}
	why := "paused " + r.Paused.Span(in)
	if r.State != Ready {
		why += fmt.Sprintf("; its app is %s", r.State)
	}
	return why + "; end it with: gateway resume " + r.Key
}

// Why says why the target is not ready; empty when it is, or when nobody knows.
func (t *Target) Why() string { return reason(t.Reason, t.LastLog) }

func reason(text, lastLog string) string {
	if lastLog != "" {
		text += `; its last line: "` + lastLog + `"`
	}
	return text
}

// Span says when a pause began and when it ends, at that place.
func (p *Pause) Span(in *time.Location) string {
	text := "since " + p.Since.In(in).Format(time.DateTime)
	if !p.Until.IsZero() {
		text += ", until " + p.Until.In(in).Format(time.DateTime)
	}
	return text
}
