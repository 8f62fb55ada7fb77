package certificate

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// ticketRotation is how long a key makes session tickets, and ticketLife how long it is known, as for the keys of the
	// library. No ticket is older than a week (RFC 8446 section 4.6.1).
	ticketRotation = 24 * time.Hour
	ticketLife     = 7 * 24 * time.Hour
)

// clientPolicies are the hosts that ask for certificates of clients.
type clientPolicies map[string]*clientPolicy

// clientPolicy is what clients of one host need. Its configuration has keys for session tickets of its own: with shared
// ones, a session of another host would go on here without the certificate that this host asks for.
type clientPolicy struct {
	ca     string
	config *tls.Config

	// mu guards keys, the newest first.
	mu   sync.Mutex
	keys []ticketKey
}

// ticketKey encrypts session tickets.
type ticketKey struct {
	secret [32]byte
	made   time.Time
}

// setClients takes over the hosts that ask for certificates of clients. A host whose authorities stay the same keeps its
// sessions.
func (c *Combined) setClients(hosts []Host) {
	before, next := c.clients.Load(), clientPolicies{}
	for _, host := range hosts {
		if host.ClientCA == "" {
			continue
		}
		if before != nil {
			if p := (*before)[host.Name]; p != nil && p.ca == host.ClientCA {
				next[host.Name] = p
				continue
			}
		}
		next[host.Name] = c.newClientPolicy(host.ClientCA)
	}
	if len(next) == 0 {
		c.clients.Store(nil)
		return
	}
	c.clients.Store(&next)
}

// newClientPolicy makes the policy of a host. Authorities that cannot be read are none, and let nobody in.
func (c *Combined) newClientPolicy(ca string) *clientPolicy {
	p := &clientPolicy{ca: ca, config: c.base()}
	p.config.ClientAuth, p.config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	p.config.ClientCAs.AppendCertsFromPEM([]byte(ca))
	p.config.NextProtos = []string{"h2", "http/1.1", "http/1.0"}
	return p
}

// configFor returns the configuration of the host that a client names, nil for the common one. An authority that
// validates the host is no client, and is not served: it is shown a certificate for its challenge alone.
func (c *Combined) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	clients := c.clients.Load()
	if clients == nil {
		return nil, nil //nolint:nilnil // crypto/tls goes on with its configuration.
	}
	p := (*clients)[strings.ToLower(hello.ServerName)]
	if p == nil || validates(hello) {
		return nil, nil //nolint:nilnil // See above.
	}
	p.rotate(time.Now())
	return p.config, nil
}

// rotate sees to it that the keys are fresh enough.
func (p *clientPolicy) rotate(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) > 0 && now.Sub(p.keys[0].made) < ticketRotation {
		return
	}
	next := ticketKey{made: now}
	_, _ = rand.Read(next.secret[:]) // It never fails.
	p.keys = slices.DeleteFunc(slices.Insert(p.keys, 0, next), func(k ticketKey) bool { return now.Sub(k.made) >= ticketLife })
	secrets := make([][32]byte, len(p.keys))
	for i := range p.keys {
		secrets[i] = p.keys[i].secret
	}
	p.config.SetSessionTicketKeys(secrets)
}

// clientCA is what the certificates of the clients of a host are signed by, empty when they need none.
func (c *Combined) clientCA(host string) string {
	clients := c.clients.Load()
	if clients == nil {
		return ""
	}
	if p := (*clients)[strings.ToLower(host)]; p != nil {
		return p.ca
	}
	return ""
}
