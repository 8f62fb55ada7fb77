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
	// Findings are those of Check; without any, everything is good. They do not change once the manager is in use.
	Findings []certificate.Finding
	// Ordered is called by Renew for each state that is meant, changes it, and returns the error of Renew. Without it,
	// Renew knows no name. It does not change once the manager is in use.
	Ordered func(state *certificate.State, force bool) error

	mu         sync.Mutex
	challenges map[challenge]string
	hosts      [][]certificate.Host
	states     []certificate.State
	checked    []string
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

// SetStates replaces what States returns.
func (m *Manager) SetStates(states ...certificate.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states = slices.Clone(states)
}

// States implements certificate.Manager: they are those of SetStates, as Ordered changed them.
func (m *Manager) States() []certificate.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.states)
}

// Renew implements certificate.Manager: it calls Ordered.
func (m *Manager) Renew(name string, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := name == ""
	for i := range m.states {
		if m.Ordered == nil || name != "" && m.states[i].Name != name {
			continue
		}
		known = true
		if err := m.Ordered(&m.states[i], force); err != nil {
			return err
		}
	}
	if !known {
		return certificate.ErrUnknownName
	}
	return nil
}

// Check implements certificate.Manager: the result is Findings.
func (m *Manager) Check(_ context.Context, name string) []certificate.Finding {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checked = append(m.checked, name)
	if m.Findings != nil {
		return slices.Clone(m.Findings)
	}
	return []certificate.Finding{{Subject: "dns", Verdict: certificate.Good, Message: "everything is good"}}
}

// Checked are the names that were checked, the first one first.
func (m *Manager) Checked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.checked)
}
