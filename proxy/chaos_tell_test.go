package proxy

import (
	"fmt"
	"time"
)

// ago is a time of a show as text.
func (o oracle) ago(t time.Time) string {
	if t.IsZero() {
		return "now"
	}
	return t.Sub(o.opened).Round(10 * time.Microsecond).String()
}

// spells are times as text.
func (o oracle) spells(name string, all []spell) string {
	for _, s := range all {
		name += fmt.Sprintf(" %s-%s(%d)", o.ago(s.from), o.ago(s.to), s.as)
	}
	return name
}

// describe is an arrival as text.
func describe(a *arrival) string {
	return fmt.Sprintf("kept %t, %d bytes, whole %t, answer %d begun %t done %t", a.kept, a.body, a.whole, a.status, a.begun, a.done)
}
