// Package early makes net/http announce extended CONNECT (RFC 8441), by which browsers open WebSockets over HTTP/2. The
// standard library serves it only if the environment variable GODEBUG contains http2xconnect=1 when net/http is
// initialized. No supported setting does the same, as of Go 1.26:
//
//   - a //go:debug line or a godebug block in go.mod takes only settings of internal/godebugs, and http2xconnect is none
//     of them ("unknown //go:debug setting"); besides, these set defaults of internal/godebug, and net/http reads the
//     environment itself;
//   - http.Server and http.HTTP2Config have no field for it, and the linker refuses a go:linkname to the variable;
//   - the environment of a container could set it, but not that of gateway serve or of a test.
//
// So this package sets the variable first. The Go specification ("Program initialization") orders packages by import
// path as far as their imports allow: this package imports only os, and its path sorts before net/http. If that changes,
// the tests of WebSockets over HTTP/2 fail. It knows nothing else.
package early

import "os"

const (
	variable = "GODEBUG"
	setting  = "http2xconnect=1"
)

// before is the value of the variable until then, was whether it had one.
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

// Restore sets the environment variable back to the value it had, which it returns. A package that imports net/http
// calls it in its own initialization, so that neither the rest of the process nor its children see the change.
func Restore() string {
	if was {
		_ = os.Setenv(variable, before)
	} else {
		_ = os.Unsetenv(variable)
	}
	return before
}
