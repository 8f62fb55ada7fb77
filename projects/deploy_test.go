package projects

import "context"

// deploy puts a site in force, or the folder as it is.
func (b *bench) deploy(ctx context.Context, name Name, site *Site, taken ...Taken) error {
	_, err := b.Deploy(ctx, Deployment{Name: name, Site: site, Routes: taken})
	return err
}
