package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/desec"
)

// desec needs a token of desec.io; one without the permission to manage tokens is enough.
var desec = provider{
	required: []string{"TOKEN"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{Token: s["TOKEN"]}
	},
}
