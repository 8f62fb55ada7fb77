package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/gandi"
)

// gandi needs a personal access token that may manage the domain's technical configuration.
var gandi = provider{
	required: []string{"BEARER_TOKEN"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{BearerToken: s["BEARER_TOKEN"]}
	},
}
