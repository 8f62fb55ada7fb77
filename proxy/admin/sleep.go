package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// MaxOrderWait is how long a call for orders may wait.
const MaxOrderWait = time.Minute

// ErrInUse says that a unit cannot be put to sleep, since it is in use or may not sleep yet.
var ErrInUse = errors.New("in use")

// What an agent is to do.
const (
	Wake  = "wake"
	Sleep = "sleep"
)

// Order is what an agent is to do with a project, or with a container that has none.
type Order struct {
	// Do is Wake or Sleep.
	Do        string `json:"do"`
	Project   string `json:"project,omitempty"`
	Container string `json:"container,omitempty"`
}

// Orders are all that are due, each until it was carried out.
type Orders struct {
	Orders []Order `json:"orders"`
	// Digest names the content: a call that has seen it waits for another.
	Digest string `json:"digest"`
}

// The phases that an agent reports.
const (
	// PhaseSleep asks to put to sleep: from then on no request is sent there. The answer is ErrInUse when it is in use.
	PhaseSleep = "sleep"
	// PhaseAsleep says that it was stopped, PhaseKept that it could not be and runs on.
	PhaseAsleep = "asleep"
	PhaseKept   = "kept"
	// PhaseStarted says that it was started, PhaseFailed that it could not be, with the reason.
	PhaseStarted = "started"
	PhaseFailed  = "failed"
)

// SleepReport is what an agent says of an order.
type SleepReport struct {
	// Source is the agent's, empty for DefaultSource.
	Source    string `json:"source,omitempty"`
	Project   string `json:"project,omitempty"`
	Container string `json:"container,omitempty"`
	Phase     string `json:"phase"`
	Reason    string `json:"reason,omitempty"`
}

// Idleness is how a route's project is used, of which the last use decides when it is put to sleep.
type Idleness struct {
	// After is how long it may be unused, in milliseconds.
	After int64 `json:"after_ms"`
	// LastUsed is when the last request began or ended, or when it was last started; InUse counts those under way.
	LastUsed time.Time `json:"last_used"`
	InUse    int       `json:"in_use"`
}

// Sleeper is what says when projects sleep and wake.
type Sleeper interface {
	// Orders returns what is to be done with the projects of a source, as soon as its digest differs from the one seen, or
	// as it is after the wait.
	Orders(ctx context.Context, source, seen string, wait time.Duration) Orders
	// Report takes in how an order went. The error is ErrInUse as described at PhaseSleep, and ErrNoRoute when the table has no
	// route of that name that may sleep.
	Report(r SleepReport) error
}

// Orders asks for what an agent is to do, and waits as Sleeper says, up to MaxOrderWait.
func (c *Client) Orders(ctx context.Context, source, seen string, wait time.Duration) (Orders, error) {
	var orders Orders
	path := "/v1/sleep?" + url.Values{"source": {source}, "seen": {seen}, "wait_ms": {strconv.FormatInt(wait.Milliseconds(), 10)}}.Encode()
	if err := c.call(ctx, http.MethodGet, path, nil, &orders); err != nil {
		return Orders{}, fmt.Errorf("asking the proxy for orders: %w", err)
	}
	return orders, nil
}

// Report says how an order went. The errors are those of Sleeper.
func (c *Client) Report(ctx context.Context, r SleepReport) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := c.call(ctx, http.MethodPut, "/v1/sleep", body, &struct{}{}); err != nil {
		return fmt.Errorf("reporting phase %s of %s%s: %w", r.Phase, r.Project, r.Container, err)
	}
	return nil
}

func getOrders(g Sleeper, r *http.Request) (any, error) {
	wait, err := strconv.ParseInt(r.URL.Query().Get("wait_ms"), 10, 32)
	if err != nil || wait < 0 || wait > MaxOrderWait.Milliseconds() {
		return nil, fmt.Errorf("%w: wait_ms takes a number from 0 to %d", ErrRefused, MaxOrderWait.Milliseconds())
	}
	name, err := sourceOf(r)
	if err != nil {
		return nil, err
	}
	return g.Orders(r.Context(), name, r.URL.Query().Get("seen"), time.Duration(wait)*time.Millisecond), nil
}

func putSleep(g Sleeper, r *http.Request) (any, error) {
	body, err := read(r.Body, maxReport)
	if err != nil {
		return nil, err
	}
	var report SleepReport
	if err := json.Unmarshal(body, &report); err != nil {
		return nil, fmt.Errorf("%w: this is no report: %w", ErrRefused, err)
	}
	report.Source = cmp.Or(report.Source, DefaultSource)
	switch report.Phase {
	case PhaseSleep, PhaseAsleep, PhaseKept, PhaseStarted, PhaseFailed:
		return struct{}{}, g.Report(report)
	}
	return nil, fmt.Errorf("%w: %q is no phase", ErrRefused, report.Phase)
}
