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
	// reported is the agent's last report by the proxy's clock, and heard by ours.
	reported, heard time.Time
}

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
	if status.Agent == nil || status.Agent.Reported.Equal(k.reported) {
		return
	}
	// The two clocks may differ, so a report that came while we looked counts from then on. Of the first one we only
	// know what the proxy's clock says.
	k.reported, k.heard = status.Agent.Reported, now
	if first {
		k.heard = status.Agent.Reported
	}
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

// Warnings says what makes the table less than the present truth: an agent that is gone, an engine that the agent
// cannot reach, a table from disk; and that its daily work is stopped. It is empty when all is well. Now is compared with the proxy's clock.
func Warnings(status *admin.Status, now time.Time) []string {
	heard := now
	if status.Agent != nil {
		heard = status.Agent.Reported
	}
	return warnings(status, heard, now)
}

// warnings takes the agent to have been heard last at heard, by the same clock as now.
func warnings(status *admin.Status, heard, now time.Time) []string {
	var out []string
	switch agent := status.Agent; {
	case agent == nil:
		out = append(out, "no agent has reported since the proxy started: changes in Docker are not seen; 'gateway up' starts it")
	case now.Sub(heard) > admin.AgentLost:
		out = append(out, fmt.Sprintf("lost the agent %s ago: changes in Docker are not seen; 'gateway up' starts it",
			formatAge(now.Sub(heard))))
	case !agent.Engine.Connected:
		out = append(out, disconnected(&agent.Engine, now))
	}
	if status.Table.Restored {
		out = append(out, fmt.Sprintf("this table is from disk, %s old; no agent has confirmed it yet",
			formatAge(now.Sub(status.Table.Since))))
	}
	if stopped := status.Agent.Warning(); stopped != "" {
		out = append(out, clean(stopped))
	}
	return out
}

func disconnected(engine *admin.Engine, now time.Time) string {
	text := "the agent cannot reach Docker"
	if !engine.Listed.IsZero() {
		text = fmt.Sprintf("the agent lost Docker %s ago", formatAge(now.Sub(engine.Listed)))
	}
	if engine.Error != "" {
		text += ": " + clean(engine.Error)
	}
	return text + "; the last known routes stay"
}
