package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/client"
)

// Containers lists all containers in every state that have all the labels, each given as "key" or "key=value"; none
// given lists all.
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
		found, err = decodeListing(resp.Body)
		return err
	})
	return found, err
}

// decodeListing reads a listing of containers element by element: it has megabytes on a large host.
func decodeListing(from io.Reader) ([]Container, error) {
	d := json.NewDecoder(from)
	first, err := d.Token()
	if err == nil && first == nil {
		return nil, nil // null
	}
	if err == nil && first != json.Delim('[') {
		err = fmt.Errorf("%v stands where a list begins", first)
	}
	var found []Container
	for err == nil && d.More() {
		var s summary
		if err = d.Decode(&s); err == nil {
			found = append(found, s.container())
		}
	}
	if err == nil {
		_, err = d.Token()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the listing: %w", err)
	}
	return found, nil
}
