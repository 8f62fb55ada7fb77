package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// actions are the events that may change a table. Engines send others by the hundred: every health check is three.
var actions = map[events.Type][]events.Action{
	events.ContainerEventType: {
		events.ActionCreate, events.ActionStart, events.ActionRestart, events.ActionKill, events.ActionDie, events.ActionStop,
		events.ActionPause, events.ActionUnPause, events.ActionRename, events.ActionDestroy, events.ActionHealthStatus, events.ActionUpdate,
	},
	events.NetworkEventType: {
		events.ActionCreate, events.ActionConnect, events.ActionDisconnect, events.ActionDestroy, events.ActionRemove,
	},
}

// Events calls emit for each event of containers and networks that may change a table, in the engine's order. It blocks
// until ctx ends or the stream breaks, and its error is never nil. The first event it emits is of type "stream" with the
// action "open": whatever changes after a listing made from then on has an event. Some events of the second before may follow
// it. The API version is negotiated again first, since the engine may have been exchanged while nobody watched.
func (c *Client) Events(ctx context.Context, emit func(Event)) error {
	const what = "watching events"
	s, clock, err := c.link.negotiate(ctx)
	if err != nil {
		return c.link.fail(what, err)
	}
	filters, err := json.Marshal(eventFilters())
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	query := url.Values{"filters": {string(filters)}}
	if !clock.IsZero() {
		// The engine answers before it listens for events itself; asking from a little earlier closes the gap.
		query.Set("since", strconv.FormatInt(clock.Unix(), 10))
	}
	// The SDK's own call returns before it knows whether the engine refused.
	resp, err := c.link.send(ctx, http.MethodGet, "/v"+s.api+"/events", query, nil)
	if err != nil {
		return c.link.streamEnd(ctx, what, err)
	}
	defer resp.Body.Close()
	emit(Event{Type: "stream", Action: "open", Time: time.Now()})
	for stream := json.NewDecoder(resp.Body); ; {
		var m events.Message
		if err := stream.Decode(&m); err != nil {
			return c.link.streamEnd(ctx, what, err)
		}
		if e, wanted := event(m); wanted {
			emit(e)
		}
	}
}

// streamEnd says why a stream of events ended. A stream that breaks is an engine that went away.
func (l *link) streamEnd(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return l.fail(what, err)
}

func eventFilters() client.Filters {
	filters := client.Filters{}
	for kind, list := range actions {
		filters.Add("type", string(kind))
		for _, action := range list {
			filters.Add("event", string(action))
		}
	}
	return filters
}

// event converts m and reports whether it is of interest: the engine's filter knows no pairs of type and action.
func event(m events.Message) (Event, bool) {
	action, _, _ := strings.Cut(string(m.Action), ":")
	for _, wanted := range actions[m.Type] {
		if string(wanted) == action {
			at := time.Unix(0, m.TimeNano)
			if m.TimeNano == 0 {
				at = time.Unix(m.Time, 0)
			}
			return Event{Type: string(m.Type), Action: action, ID: m.Actor.ID, Attributes: m.Actor.Attributes, Time: at}, true
		}
	}
	return Event{}, false
}
