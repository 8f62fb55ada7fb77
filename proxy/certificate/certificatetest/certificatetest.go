// Package certificatetest has a certificate.Manager for tests, with a given configuration and given challenges. It
// knows nothing of certificate authorities.
package certificatetest

import (
	"crypto/tls"
	"slices"
	"sync"

	"gateway/proxy/certificate"
)

// Manager is a certificate.Manager. The zero value has no certificate and expects no token.
type Manager struct {
	// Config is what TLS returns. It does not change once the manager is in use.
	Config *tls.Config

	mu         sync.Mutex
	challenges map[challenge]string
	hosts      [][]string
}

var _ certificate.Manager = (*Manager)(nil)

// challenge is one under way.
type challenge struct{ host, token string }

// TLS implements certificate.Manager.
func (m *Manager) TLS() *tls.Config {
	if m.Config == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return m.Config
}

// Expect begins a challenge: from now on Challenge knows the token for that host.
func (m *Manager) Expect(host, token, authorization string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.challenges == nil {
		m.challenges = map[challenge]string{}
	}
	m.challenges[challenge{host, token}] = authorization
}

// Challenge implements certificate.Manager.
func (m *Manager) Challenge(host, token string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	authorization, found := m.challenges[challenge{host, token}]
	return authorization, found
}

// SetHosts implements certificate.Manager.
func (m *Manager) SetHosts(hosts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts = append(m.hosts, hosts)
}

// Hosts returns the arguments of all calls of SetHosts, the first one first.
func (m *Manager) Hosts() [][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hosts)
}
