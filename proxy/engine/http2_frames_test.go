package engine

import "testing"

// Refused streams that the client resets itself are forgotten.
func TestFrames_RememberFewRefusals(t *testing.T) {
	f := newFrames(nil)
	for i := range uint32(10 * mostRefused) {
		f.refuse(i)
	}
	if len(f.streams) > mostRefused {
		t.Errorf("%d are remembered", len(f.streams))
	}
	if !f.takeRefused(10*mostRefused - 1) {
		t.Error("the last one is forgotten")
	}
}
