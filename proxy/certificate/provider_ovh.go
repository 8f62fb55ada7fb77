package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/ovh"
)

// ovh needs an application that may change the zone, and ENDPOINT, the region: ovh-eu, ovh-ca or ovh-us.
var ovh = provider{
	required: []string{"ENDPOINT", "APPLICATION_KEY", "APPLICATION_SECRET", "CONSUMER_KEY"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{
			Endpoint: s["ENDPOINT"], ApplicationKey: s["APPLICATION_KEY"],
			ApplicationSecret: s["APPLICATION_SECRET"], ConsumerKey: s["CONSUMER_KEY"],
		}
	},
}
