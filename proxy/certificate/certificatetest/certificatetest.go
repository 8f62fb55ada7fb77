// Package certificatetest has a certificate.Manager for tests, with a given configuration and given challenges. It
// knows nothing of certificate authorities.
package certificatetest

import (
	"context"
	"crypto/tls"
	"slices"
	"sync"

	"gateway/proxy/certificate"
)

// Manager is a certificate.Manager. The zero value has no certificate and expects no token.
type Manager struct {
	// Config is what TLS returns. It does not change once the manager is in use.
	Config *tls.Config
	// Covered are the hosts that Covers reports. They do not change once the manager is in use.
	Covered []string
	// Misdirected are the hosts that Serves refuses for other server names. They do not change once the manager is in use.
	Misdirected []string
	// Own are the hosts that Internal reports. They do not change once the manager is in use.
	Own []string

	mu         sync.Mutex
	challenges map[challenge]string
	hosts      [][]certificate.Host
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
func (m *Manager) SetHosts(hosts []certificate.Host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts = append(m.hosts, hosts)
}

// Hosts returns the arguments of all calls of SetHosts, the first one first.
func (m *Manager) Hosts() [][]certificate.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hosts)
}

// Covers implements certificate.Manager.
func (m *Manager) Covers(host string) bool { return slices.Contains(m.Covered, host) }

// Serves implements certificate.Manager.
func (m *Manager) Serves(_, host string) bool { return !slices.Contains(m.Misdirected, host) }

// Internal implements certificate.Manager.
func (m *Manager) Internal(host string) bool { return slices.Contains(m.Own, host) }

// States implements certificate.Manager: there are none.
func (*Manager) States() []certificate.State { return nil }

// Renew implements certificate.Manager: it knows no name.
func (*Manager) Renew(string, bool) error { return certificate.ErrUnknownName }

// Check implements certificate.Manager: everything is good.
func (*Manager) Check(context.Context, string) []certificate.Finding {
	return []certificate.Finding{{Subject: "dns", Verdict: certificate.Good}}
}
