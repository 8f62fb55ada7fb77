// Package early has net/http announce extended CONNECT (RFC 8441), over which browsers open WebSockets in HTTP/2. The
// standard library can serve it, but does so only when GODEBUG says http2xconnect=1 as net/http is initialized, and the
// go command takes no such //go:debug line. Packages are initialized in the order of their import paths as far as their
// imports allow (Go specification, "Program initialization"), so this one, which imports next to nothing and whose path
// comes before net/http, has its turn first. It knows nothing else.
package early

import "os"

const (
	variable = "GODEBUG"
	setting  = "http2xconnect=1"
)

// before is what the environment said, was whether it said anything.
var before, was = announce()

func announce() (before string, was bool) {
	before, was = os.LookupEnv(variable)
	now := setting
	if before != "" {
		now = before + "," + setting
	}
	// Where the environment cannot be changed, WebSockets come over HTTP/1.1.
	_ = os.Setenv(variable, now)
	return before, was
}

// Restore gives the environment back as it was, and returns what that is. It is called by a package that imports
// net/http, as it is initialized: nothing else of the process, and none that it starts, sees the change.
func Restore() string {
	if was {
		_ = os.Setenv(variable, before)
	} else {
		_ = os.Unsetenv(variable)
	}
	return before
}
