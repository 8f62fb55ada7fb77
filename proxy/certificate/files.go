package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// interval is how long the files are not looked at again.
const interval = time.Minute

// Files is a Manager with one certificate for all hosts, whose file and that of its key may be replaced at any time. It
// answers no challenges.
type Files struct {
	certificate, key string
	log              *slog.Logger

	// mu guards what is below.
	mu      sync.Mutex
	current *tls.Certificate
	// read is what the files of current were, tried what those were that were last read.
	read, tried [2]stamp
	looked      time.Time
}

// stamp tells one content of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
}

// Load reads the PEM files of a certificate, with what it was signed by, and of its key. An error means that they are
// no pair.
func Load(certificate, key string, log *slog.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, log: log, looked: time.Now()}
	stamps := f.stamps()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate %s with the key %s: %w", certificate, key, err)
	}
	f.current, f.read, f.tried = &pair, stamps, stamps
	return f, nil
}

// TLS implements Manager. The least version is TLS 1.2 (RFC 5246).
func (f *Files) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.latest(), nil },
	}
}

// Challenge implements Manager: it knows no token.
func (*Files) Challenge(_, _ string) (string, bool) { return "", false }

// SetHosts implements Manager: the certificate stays the same.
func (*Files) SetHosts([]Host) {}

// Covers implements Manager.
func (f *Files) Covers(host string) bool {
	leaf, now := f.latest().Leaf, time.Now()
	return leaf.VerifyHostname(host) == nil && now.After(leaf.NotBefore) && now.Before(leaf.NotAfter)
}

// Serves implements Manager: every connection gets the same certificate.
func (f *Files) Serves(_, host string) bool { return f.latest().Leaf.VerifyHostname(host) == nil }

// Internal implements Manager.
func (*Files) Internal(string) bool { return false }

// States implements Manager.
func (f *Files) States() []State {
	leaf := f.latest().Leaf
	s := State{
		Phase: Valid, Issuer: leaf.Issuer.String(), Source: "file", File: f.certificate,
		NotBefore: leaf.NotBefore, Expires: leaf.NotAfter,
	}
	if time.Now().After(leaf.NotAfter) {
		s.Phase = Expired
	}
	states := make([]State, len(leaf.DNSNames))
	for i, name := range leaf.DNSNames {
		states[i] = s
		states[i].Name = name
	}
	return states
}

// Renew implements Manager: it orders nothing.
func (f *Files) Renew(string, bool) error { return ErrNotOrdered }

// Check implements Manager.
func (f *Files) Check(context.Context, string) []Finding {
	return []Finding{{Subject: "files", Verdict: Good, Message: "the certificate comes from " + f.certificate}}
}

// latest returns the certificate of the files. It looks at them once in an interval, and reads them when they changed.
func (f *Files) latest() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.looked) < interval {
		return f.current
	}
	f.looked = now
	stamps := f.stamps()
	if stamps == f.read {
		return f.current
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	switch {
	case err == nil:
		f.current, f.read = &pair, stamps
		f.log.Info("a new certificate is in use", "certificate", f.certificate)
	case stamps != f.tried:
		f.log.Warn("the certificate changed and cannot be used; the one before stays",
			"certificate", f.certificate, "key", f.key, "error", err)
	}
	f.tried = stamps
	return f.current
}

// stamps are those of both files; a file that cannot be looked at has none.
func (f *Files) stamps() (both [2]stamp) {
	for i, name := range []string{f.certificate, f.key} {
		if info, err := os.Stat(name); err == nil {
			both[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return both
}
