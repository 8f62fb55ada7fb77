package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxSourceName is the most bytes that the name of a source may have.
const maxSourceName = 32

// ParseSource checks the name of a source.
func ParseSource(name string) (string, error) {
	valid := func(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' }
	if name == "" || len(name) > maxSourceName || strings.ContainsFunc(name, func(r rune) bool { return !valid(r) }) {
		return "", fmt.Errorf("%q names no source: a name has small letters, digits, - and _ only, %d at most", name, maxSourceName)
	}
	return name, nil
}

// Receiver takes what sources outside of the proxy say. The error of its methods is ErrRefused for a source that the proxy
// runs itself.
type Receiver interface {
	// ReceiveTable takes the listing of a source, as a table. The error is also ErrRefused when it cannot be read.
	ReceiveTable(source string, table RawTable) (Pushed, error)
	// ReceiveSource takes the report of an agent on its source. Its Reported field is not used, nor are the counts.
	ReceiveSource(s Source) (Pushed, error)
	// RemoveSource forgets a source with its listing. The error is also ErrRefused when there is none of that name.
	RemoveSource(name string) error
}

// PutTable pushes the listing of a source as a table, which is current and on the proxy's disk when the call returns. The
// error is ErrRefused when the proxy cannot read it.
func (c *Client) PutTable(ctx context.Context, source string, table RawTable) (Pushed, error) {
	var pushed Pushed
	if err := c.call(ctx, http.MethodPut, "/v1/table"+ofSource(source), table, &pushed); err != nil {
		return Pushed{}, fmt.Errorf("pushing the table: %w", err)
	}
	return pushed, nil
}

// PutSource reports on a source.
func (c *Client) PutSource(ctx context.Context, s Source) (Pushed, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return Pushed{}, fmt.Errorf("writing the report: %w", err)
	}
	var pushed Pushed
	if err := c.call(ctx, http.MethodPut, "/v1/source", body, &pushed); err != nil {
		return Pushed{}, fmt.Errorf("reporting to the proxy: %w", err)
	}
	return pushed, nil
}

// RemoveSource makes the proxy forget a source with its listing. The error is ErrRefused when it knows none of that name,
// or runs it itself.
func (c *Client) RemoveSource(ctx context.Context, name string) error {
	if err := c.call(ctx, http.MethodDelete, "/v1/source"+ofSource(name), nil, &struct{}{}); err != nil {
		return fmt.Errorf("removing the source %s: %w", name, err)
	}
	return nil
}

func ofSource(name string) string { return "?" + url.Values{"source": {name}}.Encode() }

// sourceOf is the source that a request is about.
func sourceOf(r *http.Request) (string, error) {
	name := r.URL.Query().Get("source")
	if name == "" {
		return DefaultSource, nil
	}
	name, err := ParseSource(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return name, nil
}

func putTable(g Receiver, r *http.Request) (any, error) {
	name, err := sourceOf(r)
	if err != nil {
		return nil, err
	}
	body, err := read(r.Body, MaxTable)
	if err != nil {
		return nil, err
	}
	return g.ReceiveTable(name, body)
}

func putSource(g Receiver, r *http.Request) (any, error) {
	body, err := read(r.Body, maxReport)
	if err != nil {
		return nil, err
	}
	var s Source
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("%w: this is no report on a source: %w", ErrRefused, err)
	}
	if _, err := ParseSource(s.Name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if s.Agent == nil {
		return nil, fmt.Errorf("%w: the report on the source %s says nothing of its agent", ErrRefused, s.Name)
	}
	return g.ReceiveSource(s)
}

func deleteSource(g Receiver, r *http.Request) (any, error) {
	name, err := sourceOf(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, g.RemoveSource(name)
}
