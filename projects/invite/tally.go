package invite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gateway/projects/invite/link"
	"gateway/proxy/durable"
)

// Counts is what a page counts. It holds nothing of who visited.
type Counts struct {
	// Since is when counting began.
	Since time.Time `json:"since"`
	// Links are by the ID of the link; those that were removed are kept.
	Links map[string]link.Count `json:"links"`
	// Requests are those for an invitation that were sent on, Failed those that could not be.
	Requests int       `json:"requests"`
	Failed   int       `json:"failed"`
	Failure  time.Time `json:"failure,omitzero"`
}

// Joins is how often the link of that ID was used.
func (c Counts) Joins(id string) int { return c.Links[id].Joins }

// maxCounted bounds how many links are remembered.
const maxCounted = 200

// countsFile is in the folder of the state.
const countsFile = "counts.json"

// ReadCounts reads what a page counted from the folder of its state. Before the first join there is nothing.
func ReadCounts(state string) (Counts, error) {
	empty := Counts{Links: map[string]link.Count{}}
	text, err := os.ReadFile(filepath.Join(state, countsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("reading the counts: %w", err)
	}
	counts := empty
	if err := json.Unmarshal(text, &counts); err != nil {
		return empty, fmt.Errorf("reading the counts in %s: %w", filepath.Join(state, countsFile), err)
	}
	if counts.Links == nil {
		counts.Links = empty.Links
	}
	return counts, nil
}

// tally counts in memory and keeps that on the disk.
type tally struct {
	path string
	log  *slog.Logger
	// changed has room for one: that there is something to write.
	changed chan struct{}

	mu     sync.Mutex
	counts Counts
}

// openTally goes on with the counts in the folder. What cannot be read is put aside, and counting starts again: a page
// that lets nobody in for the sake of its counts would be worse.
func openTally(state string, log *slog.Logger) (*tally, error) {
	t := &tally{path: filepath.Join(state, countsFile), log: log, changed: make(chan struct{}, 1)}
	var err error
	if t.counts, err = ReadCounts(state); err != nil {
		aside := t.path + time.Now().UTC().Format(".20060102T150405Z") + ".bad"
		if renamed := os.Rename(t.path, aside); renamed != nil {
			return nil, errors.Join(err, renamed)
		}
		log.Warn("the counts cannot be read and start again", "error", err, "kept", aside)
	}
	if t.counts.Since.IsZero() {
		t.counts.Since = time.Now().UTC().Truncate(time.Second)
	}
	return t, nil
}

// join chooses one of the links and counts its use, as one step: no link is used oftener than it may be.
func (t *tally) join(kind link.Kind, links []link.Link, now time.Time) (link.Link, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	chosen, found := link.Choose(kind, links, t.counts.Joins, now)
	if !found {
		return link.Link{}, false
	}
	t.counts.Links[chosen.ID] = link.Count{Joins: t.counts.Joins(chosen.ID) + 1, Last: now.UTC().Truncate(time.Second)}
	t.prune(links)
	t.wake()
	return chosen, true
}

// open reports whether a link can be used.
func (t *tally) open(kind link.Kind, links []link.Link, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, found := link.Choose(kind, links, t.counts.Joins, now)
	return found
}

// prune forgets links that went long ago.
func (t *tally) prune(links []link.Link) {
	for len(t.counts.Links) > maxCounted {
		gone := slices.DeleteFunc(slices.Collect(maps.Keys(t.counts.Links)), func(id string) bool {
			return slices.ContainsFunc(links, func(l link.Link) bool { return l.ID == id })
		})
		if len(gone) == 0 {
			return
		}
		delete(t.counts.Links, slices.MinFunc(gone, func(a, b string) int {
			return t.counts.Links[a].Last.Compare(t.counts.Links[b].Last)
		}))
	}
}

// request counts one for an invitation.
func (t *tally) request(sent bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent {
		t.counts.Requests++
	} else {
		t.counts.Failed++
		t.counts.Failure = now.UTC().Truncate(time.Second)
	}
	t.wake()
}

// wake has the counts written. It is called under the lock.
func (t *tally) wake() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// retryEvery is how long a write that failed, as on a full disk, waits for the next.
const retryEvery = 10 * time.Second

// keep writes the counts whenever they changed, until ctx ends, and then once more. Joins that come while one write is
// under way share the next.
func (t *tally) keep(ctx context.Context) {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			if len(t.changed) > 0 || retry != nil {
				t.attempt()
			}
			return
		case <-t.changed:
		case <-retry:
		}
		retry = nil
		if !t.attempt() {
			retry = time.After(retryEvery)
		}
	}
}

func (t *tally) attempt() bool {
	if err := t.write(); err != nil {
		t.log.Warn("the counts cannot be written, and are kept in memory", "error", err)
		return false
	}
	return true
}

func (t *tally) write() error {
	t.mu.Lock()
	text, err := json.Marshal(t.counts)
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("writing the counts: %w", err)
	}
	return durable.Write(t.path, append(text, '\n'), 0o644)
}
