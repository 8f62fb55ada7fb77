package project

import (
	"context"
	"errors"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

// checkHost checks whether the host of a new project can get a certificate, and prints what to change. The project is
// created in any case: it is served without TLS until it has a certificate, and its DNS record may be added later.
func checkHost(ctx context.Context, s *cli.Session, host string) {
	if host == "" {
		return
	}
	gateway, err := s.Gateway(ctx)
	if err != nil {
		return // What is done next needs the gateway, and says so.
	}
	all, err := gateway.Certificates(ctx)
	if err != nil {
		return // Without HTTPS there is nothing to check.
	}
	if c := admin.CertificateFor(host, all); c != nil && c.Expires.After(time.Now()) {
		return
	}
	env := s.Env
	if env.Interactive {
		env.Notef("checking %s for a certificate; this takes up to a minute\n", host)
	}
	found, err := gateway.CheckCertificate(ctx, host)
	if err != nil && !errors.Is(err, admin.ErrNoHTTPS) {
		env.Notef("%s was not checked for a certificate: %v\n", host, err)
	}
	bad := false
	for _, f := range found {
		bad = bad || f.Verdict == admin.FindingBad
		if f.Verdict != admin.FindingGood {
			env.Notef("%s: %s\n  fix: %s\n", f.Subject, f.Message, f.Fix)
		}
	}
	if bad {
		env.Notef("%s gets no certificate until that is changed, and is served without HTTPS; check again with: gateway certificate check %s\n", host, host)
	}
}
