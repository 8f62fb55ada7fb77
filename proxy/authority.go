package proxy

import (
	"crypto/x509"
	"fmt"

	"gateway/proxy/admin"
	ca "gateway/proxy/certificate/authority"
)

// Authority implements admin.Signer.
func (s *Server) Authority() (admin.Authority, error) {
	root := s.root()
	if root == nil {
		return admin.Authority{}, fmt.Errorf("%w; make one with: gateway up --internal-ca --domain nas.lan", admin.ErrNoAuthority)
	}
	a := admin.Authority{
		PEM: string(s.config.Root()), Name: root.Subject.CommonName, Expires: root.NotAfter, Fingerprint: ca.Fingerprint(root),
	}
	if s.config.Certificates != nil {
		for _, state := range s.config.Certificates.States() {
			a.Names = append(a.Names, state.Name)
		}
	}
	return a, nil
}

// root is the root certificate of the gateway's own authority, nil for none.
func (s *Server) root() *x509.Certificate {
	if s.config.Root == nil {
		return nil
	}
	root, err := ca.ParseRoot(s.config.Root())
	if err != nil {
		return nil
	}
	return root
}
