package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// MaxTable is the most bytes that a pushed table or an answer may have.
const MaxTable = 64 << 20

// Client asks a running proxy. It is safe for concurrent use: two calls at most are under way at once, further ones
// wait, and one connection is kept between calls, since a connection may be a process of its own (docker exec).
type Client struct {
	http *http.Client
}

// NewClient prepares a client and does not connect. The context that dial gets covers the dialling alone: the
// connection must outlive it. The connections belong to the client and are closed by Close.
func NewClient(dial func(ctx context.Context) (net.Conn, error)) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxConnsPerHost:     2,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}}}
}

// Close closes the connections that are idle. A closed client connects again when it is used again.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Status asks for the state of proxy and agent.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	if err := c.call(ctx, http.MethodGet, "/v1/status", nil, &status); err != nil {
		return Status{}, fmt.Errorf("asking the proxy for its status: %w", err)
	}
	return status, nil
}

// Routes asks for the current table with its traffic.
func (c *Client) Routes(ctx context.Context) (Routes, error) {
	var routes Routes
	if err := c.call(ctx, http.MethodGet, "/v1/routes", nil, &routes); err != nil {
		return Routes{}, fmt.Errorf("asking the proxy for its routes: %w", err)
	}
	return routes, nil
}

// Requests asks for the last requests of the route with that key, newest first. The error is ErrNoRoute when the
// table has no such route.
func (c *Client) Requests(ctx context.Context, key string) ([]Request, error) {
	var requests []Request
	path := "/v1/requests?" + url.Values{"route": {key}}.Encode()
	if err := c.call(ctx, http.MethodGet, path, nil, &requests); err != nil {
		return nil, fmt.Errorf("asking the proxy for the requests of %s: %w", key, err)
	}
	return requests, nil
}

// call does one exchange and reads the answer into out.
func (c *Client) call(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// Every call may be repeated, so one that meets a connection the proxy just closed is sent again. An empty value
	// says so to net/http alone and is not sent.
	req.Header["Idempotency-Key"] = []string{}
	resp, err := c.http.Do(req)
	if err != nil {
		return plain(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxTable+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// plain leaves out the made-up URL that net/http names in its errors.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// refusal makes an error of an answer that is not a success.
func refusal(status int, answer []byte) error {
	var body Error
	if err := json.Unmarshal(answer, &body); err != nil || body.Message == "" {
		body.Message = fmt.Sprintf("the proxy answered %d %s", status, http.StatusText(status))
	}
	return &answerError{status: status, message: body.Message}
}

// answerError is an error that the other end reported.
type answerError struct {
	status  int
	message string
}

func (e *answerError) Error() string { return e.message }

// Is makes the sentinels of this package work across the wire.
func (e *answerError) Is(target error) bool {
	for known, status := range statuses {
		if known == target {
			return status == e.status
		}
	}
	return false
}
