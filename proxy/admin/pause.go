package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// DefaultWait is how long a request to a paused route waits when nobody said otherwise.
	DefaultWait = 30 * time.Second
	// MaxWait is the longest that it can: few clients, and few programs between them and the gateway, wait longer.
	MaxWait = 10 * time.Minute
	// MaxMessage is the most characters that an owner's message may have.
	MaxMessage = 280
	// maxPause is the most bytes that an order to pause may have.
	maxPause = 16 << 10
)

// Pause says how a route is paused: requests wait until it is resumed, for a time and up to a number, and are then
// answered with 503 and the owner's message.
type Pause struct {
	// Since is when the route was paused, and Waiting how many of its requests wait. Neither is read in an order.
	Since   time.Time `json:"since,omitzero"`
	Waiting int       `json:"waiting"`
	// Message is what clients are told, one line of plain text of up to MaxMessage characters. By default they are told
	// that the app is paused.
	Message string `json:"message,omitempty"`
	// Wait is how long a request waits at most, in milliseconds up to MaxWait, by default DefaultWait. With 0 none waits.
	Wait int64 `json:"wait_ms"`
	// Until is when the pause ends by itself; by default it never does.
	Until time.Time `json:"until,omitzero"`
}

// Pauser is what pauses routes and resumes them. A key that cannot be read, or an order that breaks a rule, is
// ErrRefused.
type Pauser interface {
	// Pause pauses a route, or changes how it is paused; requests that wait already go on waiting as they did. The error
	// is ErrNoRoute for a key that is not in the table.
	Pause(key string, p Pause) (Pause, error)
	// Resume lets the requests that wait go on, and returns the pause that is over: one without Since when there was none.
	// The error is ErrNoRoute for a key that is neither paused nor in the table. With a message, a pause that has another
	// one goes on, as if there were none.
	Resume(key, message string) (Pause, error)
}

// Pause pauses a route, or changes how it is paused. It is on the proxy's disk when the call returns. The errors are those
// of Pauser.
func (c *Client) Pause(ctx context.Context, key string, p Pause) (Pause, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return Pause{}, fmt.Errorf("writing the pause: %w", err)
	}
	var now Pause
	if err := c.call(ctx, http.MethodPut, pausePath(key), body, &now); err != nil {
		return Pause{}, fmt.Errorf("pausing %s: %w", key, err)
	}
	return now, nil
}

// Resume ends the pause of a route and returns it. The errors are those of Pauser.
func (c *Client) Resume(ctx context.Context, key string) (Pause, error) {
	return c.ResumeOf(ctx, key, "")
}

// ResumeOf ends the pause of a route if it has a message, and returns it. An empty message stands for any.
func (c *Client) ResumeOf(ctx context.Context, key, message string) (Pause, error) {
	path := pausePath(key)
	if message != "" {
		path += "&" + url.Values{"message": {message}}.Encode()
	}
	var was Pause
	if err := c.call(ctx, http.MethodDelete, path, nil, &was); err != nil {
		return Pause{}, fmt.Errorf("resuming %s: %w", key, err)
	}
	return was, nil
}

func pausePath(key string) string { return "/v1/pause?" + url.Values{"route": {key}}.Encode() }

func putPause(g Pauser, r *http.Request) (any, error) {
	key, err := routeOf(r)
	if err != nil {
		return nil, err
	}
	body, err := read(r.Body, maxPause)
	if err != nil {
		return nil, err
	}
	order := Pause{Wait: DefaultWait.Milliseconds()}
	if err := json.Unmarshal(body, &order); err != nil {
		return nil, fmt.Errorf("%w: this is no pause: %w", ErrRefused, err)
	}
	return g.Pause(key, order)
}

func deletePause(g Pauser, r *http.Request) (any, error) {
	key, err := routeOf(r)
	if err != nil {
		return nil, err
	}
	return g.Resume(key, r.URL.Query().Get("message"))
}
