package projects

import (
	"context"

	"gateway/projects/policy"
)

// deploy puts a site in force, or the folder as it is.
func (b *bench) deploy(ctx context.Context, name Name, site *Site, taken ...policy.Held) error {
	b.gateway.held = taken
	_, err := b.Deploy(ctx, Deployment{Name: name, Site: site})
	return err
}
