package compose

import (
	"context"
	"strings"
	"sync"

	"github.com/docker/compose/v5/pkg/api"
)

// Event is a step of an operation: what happens to one container, network, volume or image.
type Event struct {
	// ID names the thing, such as "Network robots_web" and "Container robots-site-1".
	ID string
	// Text is what happens to it, such as "Creating"; Details may be empty.
	Text, Details string
	Status        Status
}

// Status says how far a step is.
type Status int

// The states of steps.
const (
	Working Status = iota
	Done
	Warning
	Failed
	// Wrote is a line that a build wrote, which is in Details.
	Wrote
)

// reporter hands the SDK's events on, one at a time.
type reporter struct {
	mu   sync.Mutex
	emit func(Event)
	// told are the last events by their ids: the SDK tells some twice.
	told map[string]Event
	// shown puts names that people know in the place of others; nil changes nothing.
	shown *strings.Replacer
}

// hide replaces names in events.
func (r *reporter) hide(names *strings.Replacer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = names
}

// named is an event with the names that people know. The caller holds mu.
func (r *reporter) named(e Event) Event {
	if r.shown != nil {
		e.ID, e.Text, e.Details = r.shown.Replace(e.ID), r.shown.Replace(e.Text), r.shown.Replace(e.Details)
	}
	return e
}

// Start is told that an operation begins.
func (r *reporter) Start(context.Context, string) {}

// Done is told that an operation ended. Its flag is inverted in the version of the SDK that is used here; how it ended
// is what the call returns.
func (r *reporter) Done(string, bool) {}

// On is told of steps, from several goroutines.
func (r *reporter) On(resources ...api.Resource) {
	if r.emit == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range resources {
		if resource.ID == api.ResourceCompose || inUse(resource) || abandoned(resource) {
			continue
		}
		e := r.named(event(resource))
		if r.told[e.ID] == e {
			continue
		}
		if r.told == nil {
			r.told = map[string]Event{}
		}
		r.told[e.ID] = e
		r.emit(e)
	}
}

// say hands on an event of our own.
func (r *reporter) say(e Event) {
	if r.emit == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.emit(r.named(e))
}

// event is a step as it is handed on. The SDK calls healthy what runs and has no health check, too.
func event(r api.Resource) Event {
	e := Event{ID: r.ID, Text: r.Text, Details: r.Details, Status: status(r.Status)}
	if e.Text == api.StatusHealthy {
		e.Text = "Up"
	}
	return e
}

// inUse is a network that the proxy is still on when the project's containers are gone: it is removed right after.
func inUse(r api.Resource) bool {
	return r.Status == api.Warning && r.Text == "Resource is still in use" ||
		r.Status == api.Error && strings.Contains(r.Details, "has active endpoints")
}

// abandoned is a step that failed because the caller gave up, as the caller knows.
func abandoned(r api.Resource) bool {
	return r.Status == api.Error && (strings.Contains(r.Details, "interrupt signal received") || strings.Contains(r.Details, "context canceled"))
}

func status(s api.EventStatus) Status {
	switch s {
	case api.Working:
		return Working
	case api.Done:
		return Done
	case api.Warning:
		return Warning
	}
	return Failed
}
