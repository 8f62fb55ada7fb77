package compose

import (
	"context"
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
)

// reporter hands the SDK's events on, one at a time.
type reporter struct {
	mu   sync.Mutex
	emit func(Event)
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
		if resource.ID == api.ResourceCompose || inUse(resource) {
			continue
		}
		r.emit(Event{ID: resource.ID, Text: resource.Text, Details: resource.Details, Status: status(resource.Status)})
	}
}

// inUse is a network that the proxy is still on when the project's containers are gone: it is removed right after.
func inUse(r api.Resource) bool {
	return r.Status == api.Warning && r.Text == "Resource is still in use"
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
