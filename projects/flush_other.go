//go:build !linux

package projects

// flush is not known here: the system writes in its own time.
func flush(string) error { return nil }
