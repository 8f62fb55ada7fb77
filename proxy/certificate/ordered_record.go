package certificate

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gateway/proxy/durable"

	"github.com/caddyserver/certmagic"
)

// record is what is known of the orders of one name. It is on disk, so that a proxy that restarts, however often, waits
// as long as one that runs on.
type record struct {
	// Failures counts those since the last success, Last is when the last order began and Next before when no other does.
	Failures int       `json:"failures,omitempty"`
	Last     time.Time `json:"last,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	// Error and Fix are those of the last order.
	Error string `json:"error,omitempty"`
	Fix   string `json:"fix,omitempty"`
	// Limited is until when the authority takes no order, by its own words.
	Limited time.Time `json:"limited,omitzero"`
	// Since is when the first authority began not to answer, and Issuer the key of the one that was asked last.
	Since  time.Time `json:"since,omitzero"`
	Issuer string    `json:"issuer,omitempty"`
	// Recent are the failed validations of the last hour: authorities count them by name.
	Recent []time.Time `json:"recent,omitempty"`
	// Unasked means that the last order ended before the authority was asked: another one costs nothing.
	Unasked bool `json:"unasked,omitempty"`
	// Interrupted counts orders in a row that neither ended nor were told to: the process died in them.
	Interrupted int `json:"interrupted,omitempty"`
	// Challenge and Replaced are as in State.
	Challenge string `json:"challenge,omitempty"`
	Replaced  string `json:"replaced,omitempty"`
}

// backoffs are the waits after failures in a row: authorities stop a name after some hundred failures without a pause.
var backoffs = []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, day}

// backoff is the wait after so many failures.
func backoff(failures int) time.Duration { return backoffs[min(max(failures, 1), len(backoffs))-1] }

// begin notes an order before it is made. The first one that a crash interrupts is made again at once; from the second
// on there are waits, since something about the order may be what crashes.
func (r *record) begin(now time.Time, issuer string) {
	r.Last, r.Issuer, r.Unasked = now, issuer, false
	r.Interrupted++
	if r.Interrupted > 1 {
		r.Next = now.Add(backoff(r.Interrupted - 1))
	}
}

// end notes an order that was told to stop: it counts for nothing.
func (r *record) end() { r.Interrupted = 0 }

// succeed forgets the failures.
func (r *record) succeed(challenge, replaced string) {
	*r = record{Last: r.Last, Issuer: r.Issuer, Challenge: challenge, Replaced: replaced, Recent: r.Recent}
}

// hourly is how many failed validations of a name a person may cause in an hour; Let's Encrypt allows five.
const hourly = 4

// exhausted returns until when not even a person may order: zero, if now.
func (r *record) exhausted(now time.Time) time.Time {
	r.Recent = slices.DeleteFunc(r.Recent, func(at time.Time) bool { return now.Sub(at) > time.Hour })
	if now.Before(r.Limited) {
		return r.Limited
	}
	if len(r.Recent) >= hourly {
		return r.Recent[0].Add(time.Hour)
	}
	return time.Time{}
}

func (s *storage) recordPath(name string) string {
	return filepath.Join(s.files.Path, "orders", certmagic.StorageKeys.Safe(name)+".json")
}

// record reads that of a name; one that is missing or makes no sense is a new one. Waits from a time when the clock was
// wrong end at once.
func (s *storage) record(name string) record {
	var r record
	s.readJSON(s.recordPath(name), &r)
	if now := time.Now(); r.Last.After(now.Add(fast)) || r.Next.After(now.Add(longest)) {
		r.Last, r.Next, r.Limited, r.Since, r.Recent = time.Time{}, time.Time{}, time.Time{}, time.Time{}, nil
	}
	return r
}

// fast is how much later than now a time that was stored may be; longest is how long authorities ask to wait.
const (
	fast    = time.Hour
	longest = 8 * day
)

func (s *storage) keep(name string, r record) error { return writeJSON(s.recordPath(name), r) }

// names reads when hosts of routes became names.
func (s *storage) names() map[string]time.Time {
	m := map[string]time.Time{}
	s.readJSON(filepath.Join(s.files.Path, "names.json"), &m)
	return m
}

func (s *storage) keepNames(m map[string]time.Time) error {
	return writeJSON(filepath.Join(s.files.Path, "names.json"), m)
}

func (s *storage) readJSON(path string, to any) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("a file about orders cannot be read; it is made again", "file", path, "error", err)
	}
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return durable.Write(path, text, 0o600)
}
