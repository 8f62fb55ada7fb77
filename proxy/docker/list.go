package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/moby/moby/client"
)

// listings reads listings of containers.
type listings struct{}

// Containers lists all containers in every state that have all the labels, each given as "key" or "key=value"; none
// given lists all. What it returns is to be read only: parts of it are shared with later listings.
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
		var list []summary
		if err := c.link.get(ctx, s, "/containers/json", query, &list); err != nil {
			return err
		}
		found = make([]Container, len(list))
		for i := range list {
			found[i] = list[i].container()
		}
		return nil
	})
	return found, err
}
