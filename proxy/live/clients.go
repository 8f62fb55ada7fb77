package live

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"gateway/proxy/route"
)

// authorities sign the certificates of the clients of a host. They are immutable.
type authorities struct {
	text  string
	roots []*x509.Certificate
}

// parseAuthorities reads PEM certificates. What cannot be read admits nobody.
func parseAuthorities(text string) *authorities {
	a := &authorities{text: text}
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if root, err := x509.ParseCertificate(block.Bytes); err == nil {
			a.roots = append(a.roots, root)
		}
	}
	return a
}

// nextClients are the authorities of the hosts of a table. Those that stay the same are not read again.
func (s *State) nextClients(t *route.Table) map[string]*authorities {
	var next map[string]*authorities
	for _, host := range t.Hosts() {
		text := t.ClientCA(host)
		if text == "" {
			continue
		}
		if next == nil {
			next = map[string]*authorities{}
		}
		if before := s.clients[host]; before != nil && before.text == text {
			next[host] = before
		} else {
			next[host] = parseAuthorities(text)
		}
	}
	return next
}

// Guarded reports that the clients of a host need certificates. The host is in its canonical form.
func (s *State) Guarded(host string) bool { return s.clients[host] != nil }

// Admits reports whether a client may ask for a guarded host: one of the chains of its certificate, which the handshake has
// verified, leads to an authority of the host. Which host the handshake was for does not count, since that one's
// authorities may have changed since.
func (s *State) Admits(host string, chains [][]*x509.Certificate) bool {
	a := s.clients[host]
	if a == nil {
		return true
	}
	return slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
		return len(chain) > 0 && slices.ContainsFunc(a.roots, func(root *x509.Certificate) bool {
			return bytes.Equal(root.Raw, chain[len(chain)-1].Raw)
		})
	})
}
