package dockertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// message is an event on the wire.
type message struct {
	Status   string `json:"status,omitempty"`
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"`
	Type     string
	Action   string
	Actor    actor
	Scope    string `json:"scope"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

type actor struct {
	ID         string
	Attributes map[string]string
}

// feed keeps all events, so that a slow reader misses none. It has its own lock.
type feed struct {
	mu      sync.Mutex
	past    []message
	changed chan struct{} // closed at the next event
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) add(m message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.past = append(f.past, m)
	close(f.changed)
	f.changed = make(chan struct{})
}

// from returns the events from the one at an index on, and a channel that is closed when there are more.
func (f *feed) from(index int) ([]message, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.past[index:len(f.past):len(f.past)], f.changed
}

// since is the index of the first event that is not before t, or of the next when t is zero.
func (f *feed) since(t time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.IsZero() {
		return len(f.past)
	}
	index, _ := slices.BinarySearchFunc(f.past, t.UnixNano(), func(m message, at int64) int { return int(m.TimeNano - at) })
	return index
}

// emit tells of something that happened to a container.
func (b *box) emit(action string, extra map[string]string) {
	w := b.world
	attributes := map[string]string{}
	maps.Copy(attributes, b.config.Labels)
	attributes["image"], attributes["name"] = b.config.Image, b.name
	maps.Copy(attributes, extra)
	now := time.Now()
	w.feed.add(message{
		Status: action, ID: b.id, From: b.config.Image, Type: "container", Action: action, Actor: actor{b.id, attributes},
		Scope: "local", Time: now.Unix(), TimeNano: now.UnixNano(),
	})
}

// emitNetwork tells of something that happened to a network; the container may be empty.
func (w *world) emitNetwork(n *bridge, action, container string) {
	attributes := map[string]string{"name": n.name, "type": n.driver}
	if container != "" {
		attributes["container"] = container
	}
	now := time.Now()
	w.feed.add(message{
		Type: "network", Action: action, Actor: actor{n.id, attributes},
		Scope: "local", Time: now.Unix(), TimeNano: now.UnixNano(),
	})
}

// wants reports whether the filters let an event through, by the engine's rule: actions match exactly unless one of the
// actions that carry words after a colon is asked for, and then by their beginning.
func wants(filters map[string][]string, m message) bool {
	if types := filters["type"]; len(types) > 0 && !slices.Contains(types, m.Type) {
		return false
	}
	if ids := filters["container"]; len(ids) > 0 && !slices.Contains(ids, m.Actor.ID) && !slices.Contains(ids, m.Actor.Attributes["name"]) {
		return false
	}
	actions := filters["event"]
	if len(actions) == 0 || slices.Contains(actions, m.Action) {
		return true
	}
	fuzzy := slices.ContainsFunc(actions, func(a string) bool {
		return a == "health_status" || a == "exec_create" || a == "exec_start"
	})
	return fuzzy && slices.ContainsFunc(actions, func(a string) bool { return strings.HasPrefix(m.Action, a) })
}

func (a *api) serveEvents(rw http.ResponseWriter, r *http.Request) {
	filters, err := filters(r)
	if err != nil {
		write(rw, 0, nil, err)
		return
	}
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			write(rw, 0, nil, refuse(http.StatusBadRequest, "strconv.ParseInt: parsing %q: invalid syntax", text))
			return
		}
		since = time.Unix(0, int64(seconds*1e9))
	}
	gone := a.wire.gone()
	next := a.world.feed.since(since)
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(rw)
	encoder := json.NewEncoder(rw)
	for {
		if flusher.Flush() != nil {
			return
		}
		news, changed := a.world.feed.from(next)
		next += len(news)
		for _, m := range news {
			if wants(filters, m) && encoder.Encode(m) != nil {
				return
			}
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-gone:
			return
		case <-r.Context().Done():
			return
		}
	}
}
