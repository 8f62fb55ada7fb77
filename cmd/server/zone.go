package server

import (
	"os"
	"strings"

	"gateway/cmd/cli"
)

// localZone is the name of the time zone of this machine, UTC when it has none.
func localZone(env *cli.Env) string {
	if zone := strings.TrimPrefix(env.Getenv("TZ"), ":"); zone != "" && !strings.HasPrefix(zone, "/") {
		return zone
	}
	if to, err := os.Readlink("/etc/localtime"); err == nil {
		if _, zone, found := strings.Cut(to, "/zoneinfo/"); found {
			return zone
		}
	}
	return "UTC"
}
