package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/hetzner/v2"
)

// hetzner needs an API token of the project in the Hetzner Console that has the zone, with read and write permission;
// tokens of the old DNS Console do not work.
var hetzner = provider{
	required: []string{"API_TOKEN"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return api.New(s["API_TOKEN"])
	},
}
