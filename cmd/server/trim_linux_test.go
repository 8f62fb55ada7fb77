package server

import "testing"

// The test would crash if a page were lost.
func TestTrim_LeavesAProcessThatWorks(*testing.T) {
	trim()
	trim()
}
