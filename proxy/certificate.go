package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
	"gateway/proxy/metric"
	"gateway/proxy/route"
)

// Certificates implements admin.Certifier.
func (s *Server) Certificates() ([]admin.Certificate, error) {
	if s.config.Certificates == nil {
		return nil, admin.ErrNoHTTPS
	}
	states := s.config.Certificates.States()
	all := make([]admin.Certificate, len(states))
	for i := range states {
		all[i] = describeCertificate(&states[i])
	}
	return all, nil
}

func describeCertificate(s *certificate.State) admin.Certificate {
	return admin.Certificate{
		Name: s.Name, State: string(s.Phase), Issuer: s.Issuer, Source: s.Source, File: s.File, Challenge: s.Challenge,
		NotBefore: s.NotBefore, Expires: s.Expires, Renews: s.Renews, Next: s.Next,
		Error: s.Error, Fix: s.Fix, Failures: s.Failures, Replaced: s.Replaced, Warning: s.Warning,
	}
}

// RenewCertificate implements admin.Certifier.
func (s *Server) RenewCertificate(name string, force bool) error {
	if s.config.Certificates == nil {
		return admin.ErrNoHTTPS
	}
	err := s.config.Certificates.Renew(route.CanonicalHost(name), force)
	for from, to := range map[error]error{
		certificate.ErrUnknownName: admin.ErrNoCertificate,
		certificate.ErrNotOrdered:  admin.ErrNotOrdered,
		certificate.ErrLimited:     admin.ErrLimited,
	} {
		if errors.Is(err, from) {
			return sameText{to, err.Error()}
		}
	}
	return err
}

// sameText is a condition of the admin API in the words of the manager.
type sameText struct {
	error
	text string
}

// Error returns the words.
func (e sameText) Error() string { return e.text }

// Unwrap returns the condition.
func (e sameText) Unwrap() error { return e.error }

// CheckCertificate implements admin.Certifier.
func (s *Server) CheckCertificate(ctx context.Context, name string) ([]admin.Finding, error) {
	if s.config.Certificates == nil {
		return nil, admin.ErrNoHTTPS
	}
	host := route.CanonicalHost(name)
	if host == "" || strings.ContainsAny(name, "/ \t") {
		return nil, fmt.Errorf("%w: %q is no host name; write it as example.org, without https:// and path", admin.ErrRefused, name)
	}
	found := s.config.Certificates.Check(ctx, host)
	all := make([]admin.Finding, len(found))
	for i, f := range found {
		all[i] = admin.Finding{Subject: f.Subject, Verdict: string(f.Verdict), Message: f.Message, Fix: f.Fix}
	}
	return all, nil
}

// certificatesByName are those of the manager; none without one.
func (s *Server) certificatesByName() map[string]admin.Certificate {
	all, err := s.Certificates()
	if err != nil {
		return nil
	}
	byName := make(map[string]admin.Certificate, len(all))
	for i := range all {
		byName[all[i].Name] = all[i]
	}
	return byName
}

// certificateOf is the certificate for a host: its own, else that of a wildcard; nil for none.
func certificateOf(host string, byName map[string]admin.Certificate) *admin.Certificate {
	if host == "" || len(byName) == 0 {
		return nil
	}
	_, above, _ := strings.Cut(host, ".")
	for _, name := range []string{host, "*." + above} {
		if found, is := byName[name]; is {
			return &found
		}
	}
	return nil
}

// certificateMetrics are the figures of certificates.
func (s *Server) certificateMetrics() []metric.Certificate {
	var all []metric.Certificate
	for _, s := range s.config.Certificates.States() {
		if n := len(all); n > 0 && all[n-1].Name == s.Name { // Two files may have the same name.
			continue
		}
		all = append(all, metric.Certificate{Name: s.Name, Expires: s.Expires, Failures: s.Failures})
	}
	return all
}
