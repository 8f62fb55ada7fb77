//go:build race || portable || !linux

package engine

import "testing"

func TestAlloc_NothingForARequest(t *testing.T) {
	t.Skip("the race detector allocates, and so does the net package where it alone is used")
}
