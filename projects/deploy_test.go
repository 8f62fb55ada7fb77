package projects

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"gateway/projects/policy"
)

// deploy deploys a site, or the folder as it is.
func (b *bench) deploy(ctx context.Context, name Name, site *Site, taken ...policy.Held) error {
	d := Deploy{Name: name}
	if site != nil {
		d.Dir = site.Dir
	}
	b.gateway.held = taken
	_, err := b.Do(ctx, d)
	return err
}

// index is the page of robots that is served.
func index(t *testing.T, b *bench) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Store.Dir("robots"), SiteFolder, "index.html"))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
