package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/porkbun"
)

// porkbun needs both keys of its API, which has to be enabled for the domain.
var porkbun = provider{
	required: []string{"API_KEY", "API_SECRET_KEY"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{APIKey: s["API_KEY"], APISecretKey: s["API_SECRET_KEY"]}
	},
}
