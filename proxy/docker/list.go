package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"sync"

	"github.com/moby/moby/client"
)

// Containers lists all containers in every state that have all the labels, each given as "key" or "key=value"; none
// given lists all. What it returns is to be read only: the maps and slices in it are shared with later listings.
func (c *Client) Containers(ctx context.Context, labels ...string) ([]Container, error) {
	query := url.Values{"all": {"1"}}
	if len(labels) > 0 {
		filters, err := json.Marshal(client.Filters{}.Add("label", labels...))
		if err != nil {
			return nil, fmt.Errorf("listing containers: %w", err)
		}
		query.Set("filters", string(filters))
	}
	var found []Container
	err := c.link.do(ctx, "listing containers", func(s *session) error {
		resp, err := c.link.send(ctx, http.MethodGet, "/v"+s.api+"/containers/json", query, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		raw := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(raw)
		raw.Reset()
		if _, err := raw.ReadFrom(resp.Body); err != nil {
			return fmt.Errorf("reading the listing: %w", err)
		}
		found, err = c.listings.decode(raw.Bytes())
		return err
	})
	return found, err
}

// buffers hold whole listings, which are megabytes on a large host.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// listings decodes listings of containers, which come upon every event and hardly differ: what was decoded from the same
// bytes before is taken from there. Only the status does not count, since it tells the time. It is safe for concurrent
// use, and keeps what the last few listings had.
type listings struct {
	mu     sync.Mutex
	seed   maphash.Seed
	count  uint64
	last   int // how many the last listing had
	before map[uint64]*decoded
}

// decoded is an element that was decoded, and when it was seen last.
type decoded struct {
	container Container
	// statusRaw is the status as it was in the bytes; health says whether the health came from there.
	statusRaw string
	health    bool
	seen      uint64
}

// memory is how many listings an element has to be missing from to be forgotten. There is more than one because
// listings by different labels take turns.
const memory = 4

func (l *listings) decode(raw []byte) ([]Container, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.before == nil {
		l.seed, l.before = maphash.MakeSeed(), map[uint64]*decoded{}
	}
	if l.count++; string(bytes.TrimSpace(raw)) == "null" {
		return nil, nil
	}
	found := make([]Container, 0, l.last+l.last/8)
	err := elements(raw, func(e element) error {
		d, err := l.element(e)
		if err == nil {
			found = append(found, d.container)
		}
		return err
	})
	for key, d := range l.before {
		if d.seen+memory < l.count {
			delete(l.before, key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the listing: %w", err)
	}
	l.last = len(found)
	return found, nil
}

// element decodes one element, or finds it.
func (l *listings) element(e element) (*decoded, error) {
	var hash maphash.Hash
	hash.SetSeed(l.seed)
	_, _ = hash.Write(e.raw[:e.statusAt])
	_, _ = hash.Write(e.raw[e.statusEnd:])
	key, status := hash.Sum64(), e.raw[e.statusAt:e.statusEnd]
	d := l.before[key]
	if d == nil {
		var s summary
		if err := json.Unmarshal(e.raw, &s); err != nil {
			return nil, err
		}
		d = &decoded{container: s.container(), statusRaw: string(status), health: s.Health == nil && s.State == "running"}
		l.before[key] = d
	}
	d.seen = l.count
	if d.statusRaw == string(status) {
		return d, nil
	}
	var text string
	if err := json.Unmarshal(status, &text); err != nil {
		return nil, err
	}
	d.statusRaw, d.container.Status = string(status), text
	if d.health {
		d.container.Health = healthIn(text)
	}
	return d, nil
}
