package live

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"

	"gateway/proxy/balance"
	"gateway/proxy/route"
)

// keyFile holds the key of cookies in the state folder, so that they are good for longer than the process lives.
const keyFile = "cookie.key"

// Signing has the signer of sticky cookies. It belongs to the Builder.
type Signing struct {
	Store Store
	Log   *slog.Logger
	// signer is nil until a route needs it.
	signer *balance.Signer
}

// signerFor returns the signer of a sticky route, nil for other routes.
func (s *Signing) signerFor(r *route.Route) *balance.Signer {
	if r.Balance != route.Sticky {
		return nil
	}
	if s.signer == nil {
		s.signer = s.newSigner()
	}
	return s.signer
}

// newSigner returns a signer with the key in the state folder, or with a new one.
func (s *Signing) newSigner() *balance.Signer {
	var key [32]byte
	kept, err := s.Store.Load(keyFile)
	if err == nil && len(kept) == len(key) {
		return balance.NewSigner([32]byte(kept))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("the key of cookies cannot be read; clients may change their targets", "error", err)
	}
	_, _ = rand.Read(key[:])
	if s.Store.Folder == "" {
		return balance.NewSigner(key)
	}
	if err := s.Store.Replace(keyFile, key[:]); err != nil {
		s.Log.Warn("the key of cookies is not on disk; after a restart clients may change their targets", "error", err)
	}
	return balance.NewSigner(key)
}
