package certificate

import (
	"crypto/x509"
	"log/slog"
	"net/http"
)

// OrderConfig says which certificates are ordered, and where. Its zero value orders nothing.
type OrderConfig struct {
	// Folder has accounts, keys and certificates, and what is known of failed orders. It is made when it is missing. One
	// proxy at a time may use it; a second one waits for its locks.
	Folder string
	// Domains are the names of the site, wildcards among them: they always get a certificate. A wildcard needs DNS.
	Domains []string
	// Allowed are patterns such as "*.club.org" for hosts of routes that get one beside Domains; a star stands for one
	// label or more. Hosts below a wildcard of Domains need none.
	Allowed []string
	// MaxNames is the most hosts of routes that get a certificate, by default 100, of which 20 new ones a day.
	MaxNames int
	// Email is where a certificate authority writes to; it may be empty.
	Email string
	// Directory is the URL of the authority's directory (RFC 8555 section 7.1.1), by default that of Let's Encrypt, and
	// with Staging that of its staging server. Fallback is that of a second authority, asked after an hour without the
	// first, by default none.
	Directory, Fallback string
	Staging             bool
	// EAB binds the account at Directory, FallbackEAB that at Fallback (RFC 8555 section 7.3.4). Nil is none.
	EAB, FallbackEAB *EAB
	// DNS proves names by DNS-01. Nil leaves HTTP-01 and TLS-ALPN-01.
	DNS *DNS
	// Resolvers are the DNS servers, as host:port, that are asked in place of the system's. Default the system's.
	Resolvers []string
	// Internal signs names of home networks, such as "nas.lan", with an authority of the gateway's own.
	Internal bool
	// HTTPHost and TLSHost are addresses of this machine on which the proxy's listeners accept connections, by default
	// 127.0.0.1. HTTPPort and TLSPort are their ports; zero for none. An order waits until they are open. Authorities come
	// to ports 80 and 443, which have to lead there.
	HTTPHost, TLSHost string
	HTTPPort, TLSPort int
	// Except reports the names that other certificates are for: nothing is ordered for them. It may be nil.
	Except func(name string) bool
	// Roots verifies the authorities' directories, by default the system's. Client makes requests of the checks, by
	// default one with a timeout of 10 s.
	Roots  *x509.CertPool
	Client *http.Client
	Logger *slog.Logger
}

// EAB is an external account binding.
type EAB struct{ KeyID, MACKey string }

// DNS is a provider of DNS zones.
type DNS struct {
	// Provider is a name in Providers.
	Provider string
	// Credentials is the content of the file with its token, or its settings as lines NAME=VALUE.
	Credentials string
	// Zone is the full name that TXT records are written to in place of _acme-challenge below the name, which is a CNAME
	// record that leads there; empty for none.
	Zone string
}
