package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/cloudflare"
)

// cloudflare needs an API token with Zone:DNS:Edit for the zone; one that may also read zones needs no ZONE_TOKEN.
var cloudflare = provider{
	required: []string{"API_TOKEN"},
	optional: []string{"ZONE_TOKEN"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{APIToken: s["API_TOKEN"], ZoneToken: s["ZONE_TOKEN"]}
	},
}
