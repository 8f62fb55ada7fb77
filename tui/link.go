package tui

import (
	"fmt"
	"time"

	"gateway/proxy/admin"
)

// link is what is known of the connection to the gateway, and of what stands behind it.
type link struct {
	// polling is whether a question is under way, asked since when.
	polling bool
	asked   time.Time
	// answered is when the last good answer came, zero when none came yet; err is what the last question failed with.
	answered time.Time
	err      error
	// reports are the last ones of agents, by the names of their sources.
	reports map[string]report
}

// report is when an agent last reported by the proxy's clock, and when we saw that by ours.
type report struct{ at, seen time.Time }

// slow is how long an answer may take before the screen says so.
const slow = 3 * time.Second

// take notes the end of a question.
func (k *link) take(status admin.Status, err error, now time.Time) {
	k.polling, k.err = false, err
	if err != nil {
		return
	}
	first := k.answered.IsZero()
	k.answered = now
	reports := make(map[string]report, len(status.Sources))
	for _, from := range status.Sources {
		if from.Agent == nil {
			continue
		}
		last := report{at: from.Agent.Reported, seen: now}
		switch known, again := k.reports[from.Name]; {
		case again && known.at.Equal(last.at):
			last = known
		case first:
			// The two clocks may differ, so a report that came while we looked counts from then on. Of the first one we only
			// know what the proxy's clock says.
			last.seen = last.at
		}
		reports[from.Name] = last
	}
	k.reports = reports
}

// warning says why the connection is not as it should be, empty when it is.
func (k *link) warning(now time.Time) string {
	switch {
	case k.err != nil && k.answered.IsZero():
		return fmt.Sprintf("cannot reach the gateway: %s; retrying", clean(k.err.Error()))
	case k.err != nil:
		return fmt.Sprintf("lost the gateway %s ago: %s; retrying", formatAge(now.Sub(k.answered)), clean(k.err.Error()))
	case k.polling && now.Sub(k.asked) >= slow:
		return fmt.Sprintf("the gateway has not answered for %s", formatAge(now.Sub(k.asked)))
	}
	return ""
}

// Warnings says why the table may not be the present state: an agent that is gone, a source that cannot list, a table from
// disk; and that the daily work is stopped. It is empty when all is well. Now is compared with the proxy's clock.
func Warnings(status *admin.Status, now time.Time) []string {
	return warnings(status, func(s *admin.Source) time.Time { return s.Agent.Reported }, now)
}

// heard is when the agent of a source last reported, by our clock.
func (k *link) heard(s *admin.Source) time.Time { return k.reports[s.Name].seen }

// warnings compares with the times at which agents were heard last, by the same clock as now.
func warnings(status *admin.Status, heard func(*admin.Source) time.Time, now time.Time) []string {
	var out []string
	if len(status.Sources) == 0 {
		out = append(out, unheard(&admin.Source{Name: admin.DefaultSource}))
	}
	for i := range status.Sources {
		if text := sourceWarning(&status.Sources[i], heard, now); text != "" {
			out = append(out, text)
		}
	}
	if status.Table.Restored {
		out = append(out, fmt.Sprintf("this table is from disk, %s old; not every source has confirmed it yet",
			formatAge(now.Sub(status.Table.Since))))
	}
	if stopped := status.ExpiryWarning(); stopped != "" {
		out = append(out, clean(stopped))
	}
	return out
}

func sourceWarning(s *admin.Source, heard func(*admin.Source) time.Time, now time.Time) string {
	switch {
	case s.Agent == nil && !s.InProcess:
		return unheard(s)
	case s.Agent != nil && now.Sub(heard(s)) > admin.AgentLost:
		return fmt.Sprintf("lost the %s %s ago: changes in %s are not seen%s", s.AgentName(), formatAge(now.Sub(heard(s))), listed(s), starts(s))
	case !s.Connected:
		return disconnected(s, now)
	}
	return ""
}

func unheard(s *admin.Source) string {
	return fmt.Sprintf("no %s has reported since the proxy started: changes in %s are not seen%s", s.AgentName(), listed(s), starts(s))
}

// listed names what a source lists.
func listed(s *admin.Source) string {
	if s.Name == admin.DefaultSource {
		return "Docker"
	}
	return s.Name
}

// starts says what starts the agent of a source.
func starts(s *admin.Source) string {
	if s.Name == admin.DefaultSource {
		return "; 'gateway up' starts it"
	}
	return ""
}

func disconnected(s *admin.Source, now time.Time) string {
	if s.InProcess {
		if s.Error == "" {
			return fmt.Sprintf("the source %q has not been read yet", s.Name)
		}
		return fmt.Sprintf("the source %q cannot be read: %s; the last known routes stay", s.Name, clean(s.Error))
	}
	text := fmt.Sprintf("the %s cannot reach %s", s.AgentName(), listed(s))
	if !s.Listed.IsZero() {
		text = fmt.Sprintf("the %s lost %s %s ago", s.AgentName(), listed(s), formatAge(now.Sub(s.Listed)))
	}
	if s.Error != "" {
		text += ": " + clean(s.Error)
	}
	return text + "; the last known routes stay"
}
