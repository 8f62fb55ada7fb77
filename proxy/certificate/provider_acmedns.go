package certificate

import (
	"github.com/caddyserver/certmagic"
	api "github.com/libdns/acmedns"
)

// acmedns needs what the server's /register returned, and SERVER_URL, the address of its API. The record _acme-challenge
// of each name is a CNAME to the subdomain.
var acmedns = provider{
	required: []string{"USERNAME", "PASSWORD", "SUBDOMAIN", "SERVER_URL"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{Username: s["USERNAME"], Password: s["PASSWORD"], Subdomain: s["SUBDOMAIN"], ServerURL: s["SERVER_URL"]}
	},
}
