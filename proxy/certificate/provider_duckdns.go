package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/duckdns"
)

// duckdns needs the token of the account. DOMAIN is the duckdns.org name to write to for a domain that is elsewhere, and
// RESOLVER the DNS server, as host:port, that is asked for records.
var duckdns = provider{
	required: []string{"API_TOKEN"},
	optional: []string{"DOMAIN", "RESOLVER"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{APIToken: s["API_TOKEN"], OverrideDomain: s["DOMAIN"], Resolver: s["RESOLVER"]}
	},
}
