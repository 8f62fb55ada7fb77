package engine

import "testing"

// Streams that a client resets by itself after they were refused are not remembered.
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
