package proxy

import (
	"fmt"

	"gateway/proxy/admin"
	"gateway/proxy/certificate"
)

// ReceiveFiles implements admin.Filer.
func (s *Server) ReceiveFiles(files []admin.CertificateFile) (admin.Pushed, error) {
	if s.config.SetFiles == nil {
		return admin.Pushed{}, admin.ErrNoHTTPS
	}
	pairs := make([]certificate.PEMPair, len(files))
	for i, f := range files {
		pairs[i] = certificate.PEMPair{Path: f.Path, Certificate: []byte(f.Certificate), Key: []byte(f.Key)}
	}
	if err := s.config.SetFiles(pairs); err != nil {
		return admin.Pushed{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	return admin.Pushed{Boot: s.boot}, nil
}
