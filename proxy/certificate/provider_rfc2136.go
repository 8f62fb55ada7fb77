package certificate

import (
	"cmp"

	"github.com/caddyserver/certmagic"
	api "github.com/libdns/rfc2136"
)

// rfc2136 is for a DNS server of one's own, such as BIND or Knot, that takes dynamic updates (RFC 2136) signed with a key
// (RFC 8945). SERVER is its host:port, and KEY the key in base64. KEY_ALGORITHM is by default hmac-sha256.
var rfc2136 = provider{
	required: []string{"SERVER", "KEY_NAME", "KEY"},
	optional: []string{"KEY_ALGORITHM"},
	open: func(s map[string]string) certmagic.DNSProvider {
		return &api.Provider{Server: s["SERVER"], KeyName: s["KEY_NAME"], Key: s["KEY"], KeyAlg: cmp.Or(s["KEY_ALGORITHM"], "hmac-sha256")}
	},
}
