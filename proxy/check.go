package proxy

import (
	"crypto/rand"
	"errors"
	"io/fs"

	"gateway/proxy/balance"
	"gateway/proxy/health"
	"gateway/proxy/route"
)

// checked takes the verdict of the active checks on a target.
func (s *Server) checked(key health.Key, passing bool, _ string) {
	current := s.current.Load()
	m := current.members[key]
	if m == nil {
		return
	}
	if !passing {
		m.SetHealth(balance.Failing)
	} else {
		m.SetHealth(balance.Passing)
	}
	for _, r := range current.serving {
		if i := r.indexOf(m); i >= 0 {
			r.recheck(r.ready[i], passing)
		}
	}
}

// indexOf finds the target of that member, or returns -1.
func (s *serving) indexOf(m *balance.Member) int {
	for i := range s.ready {
		if s.ready[i].member == m {
			return i
		}
	}
	return -1
}

// recheck acts on a new verdict: who waits for a target that fails goes elsewhere, if there is one, and who waits for any
// target goes on when one passes.
func (s *serving) recheck(t target, passing bool) {
	switch {
	case passing:
		s.outage.release()
	case s.group.Others([]*balance.Member{t.member}):
		t.upstream.Recall()
	}
}

// keyFile holds the key of cookies in the state folder, so that they are good for longer than the process lives.
const keyFile = "cookie.key"

// signerFor returns what signs the cookies of a route, nil for one that has none. The caller holds mu or is alone.
func (s *Server) signerFor(r *route.Route) *balance.Signer {
	if r.Balance != route.Sticky {
		return nil
	}
	if s.signer == nil {
		s.signer = s.newSigner()
	}
	return s.signer
}

// newSigner returns a signer with the key in the state folder, or with a new one.
func (s *Server) newSigner() *balance.Signer {
	var key [32]byte
	kept, err := s.store.load(keyFile)
	if err == nil && len(kept) == len(key) {
		return balance.NewSigner([32]byte(kept))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the key of cookies cannot be read; visitors may change their targets", "error", err)
	}
	_, _ = rand.Read(key[:])
	if s.store.folder == "" {
		return balance.NewSigner(key)
	}
	if err := s.store.replace(keyFile, key[:]); err != nil {
		s.log.Warn("the key of cookies is not on disk; after a restart visitors may change their targets", "error", err)
	}
	return balance.NewSigner(key)
}
