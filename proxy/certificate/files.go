package certificate

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// interval is how often the files are looked at, settle how long they stay the same before a change counts: tools
	// write a certificate and its key one after the other.
	interval = time.Minute
	settle   = 2 * time.Second
	// soon is how long before its end a certificate needs attention. One that lives for less than three times as long
	// does in the last third of its life.
	soon = 14 * day
)

// Pair names the PEM files of a certificate, with what it was signed by, and of its key. They may be the same file.
type Pair struct{ Certificate, Key string }

// FilesConfig says where certificates are. All fields may be empty.
type FilesConfig struct {
	// Pairs are files by their names, Folder is one with any number of them: see Reader for its layouts.
	Pairs  []Pair
	Folder string
	// Pushed is the folder that keeps what Set is given, so that a restart has it. It is made when it is missing.
	Pushed string
	Logger *slog.Logger
}

// Files shows certificates from files, which may be replaced at any time: by the exact name that a client asks for, else
// by a wildcard of one label, and never anything else. A file that cannot be used never replaces one that can. Its
// methods are safe for concurrent use. Combined makes a Manager of it.
type Files struct {
	log *slog.Logger
	// folder is FilesConfig.Pushed.
	folder string
	shown  atomic.Pointer[index]

	// mu guards what is below.
	mu     sync.Mutex
	reader *Reader
	pushed []loadedPair
	// told are the certificates whose end was logged, and at which of its two warnings.
	told map[*tls.Certificate]Phase
}

// loadedPair is a pair that can be used.
type loadedPair struct {
	PEMPair
	certificate *tls.Certificate
}

// index has the certificates by what clients ask for. It does not change.
type index struct {
	// exact is by names and addresses, wild by what follows the star and its dot.
	exact, wild map[string]loadedPair
	// addressed is the first with an IP address, first the first of all.
	addressed, first *tls.Certificate
	// faults say why what is in files now is not in use, by the path of the certificate.
	faults map[string]string
}

// LoadFiles reads the files once; Run follows their changes. An error names an invalid pair of Pairs, or a Folder
// without pairs. Pairs given to Set before a restart are restored.
func LoadFiles(c FilesConfig) (*Files, error) {
	reader, err := NewReader(c)
	if err != nil {
		return nil, err
	}
	f := &Files{log: c.Logger, folder: c.Pushed, reader: reader}
	f.pushed = f.restore()
	f.publish()
	return f, nil
}

// Run looks at the files once a minute until ctx ends, and returns nil.
func (f *Files) Run(ctx context.Context) error {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(f.look())
	}
}

// look reads what changed, and returns when to look again.
func (f *Files) look() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, next := f.reader.Look()
	// Without a change too: another certificate may be the best one for a name now.
	f.publish()
	return next
}

// publish makes a new index the current one. The caller holds mu or is alone.
func (f *Files) publish() {
	now := time.Now()
	next := &index{exact: map[string]loadedPair{}, wild: map[string]loadedPair{}, faults: maps.Clone(f.reader.told)}
	told := map[*tls.Certificate]Phase{}
	for _, h := range slices.Concat(f.reader.now, f.pushed) {
		told[h.certificate] = f.warn(h, now)
		next.add(h, now)
	}
	f.told = told
	f.shown.Store(next)
}

// add makes a certificate the one for each of its names that it is the best for.
func (x *index) add(h loadedPair, now time.Time) {
	leaf := h.certificate.Leaf
	if x.first == nil {
		x.first = h.certificate
	}
	if x.addressed == nil && len(leaf.IPAddresses) > 0 {
		x.addressed = h.certificate
	}
	for _, name := range namesOf(leaf) {
		names, key := x.exact, name
		if rest, found := strings.CutPrefix(name, "*."); found {
			names, key = x.wild, rest
		}
		if old, found := names[key]; !found || better(leaf, old.certificate.Leaf, now) {
			names[key] = h
		}
	}
}

// better reports whether a is to be shown rather than b: one that is valid now rather than one that is not, then the one
// that ends later.
func better(a, b *x509.Certificate, now time.Time) bool {
	if valid := validAt(a, now); valid != validAt(b, now) {
		return valid
	}
	return a.NotAfter.After(b.NotAfter)
}

func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && now.Before(c.NotAfter)
}

// namesOf are the names and addresses of a certificate, in the form of route.CanonicalHost.
func namesOf(leaf *x509.Certificate) []string {
	var names []string
	for _, name := range leaf.DNSNames {
		names = append(names, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	for _, raw := range leaf.IPAddresses {
		if ip, valid := netip.AddrFromSlice(raw); valid {
			names = append(names, ip.Unmap().String())
		}
	}
	return names
}

// Lookup returns the certificate that is shown to clients that ask for host, in the form of route.CanonicalHost, nil for
// none. It may have expired.
func (f *Files) Lookup(host string) *tls.Certificate {
	x := f.shown.Load()
	if h, found := x.exact[host]; found {
		return h.certificate
	}
	if _, rest, found := strings.Cut(host, "."); found {
		return x.wild[rest].certificate
	}
	return nil
}

// Certificate returns the certificate for a handshake, nil for none. Without a server name it is that of the local
// address of the connection, else the first one with an IP address: behind a port that an engine publishes, the local
// address is not the one that the client has.
func (f *Files) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if hello.ServerName != "" {
		return f.Lookup(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")))
	}
	if c := f.Lookup(localAddress(hello)); c != nil {
		return c
	}
	return f.shown.Load().addressed
}

// First returns the first certificate of all, nil when there is none: the last resort for a client that names no server.
func (f *Files) First() *tls.Certificate { return f.shown.Load().first }

// Covers reports whether clients of that name are shown a certificate that is valid for it now. The name may be a
// wildcard.
func (f *Files) Covers(name string) bool {
	c := f.Lookup(name)
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		c = f.shown.Load().wild[rest].certificate
	}
	return c != nil && validAt(c.Leaf, time.Now())
}

// States describes the certificates by their names, sorted. Of a name with several it has the one that is shown.
func (f *Files) States() []State {
	x, now := f.shown.Load(), time.Now()
	states := make([]State, 0, len(x.exact)+len(x.wild))
	for name, h := range x.exact {
		states = append(states, stateOf(name, h, x.faults[h.Path], now))
	}
	for name, h := range x.wild {
		states = append(states, stateOf("*."+name, h, x.faults[h.Path], now))
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return states
}

func stateOf(name string, h loadedPair, fault string, now time.Time) State {
	leaf := h.certificate.Leaf
	s := State{
		Name: name, Phase: Valid, Issuer: leaf.Issuer.String(), Source: "file", File: h.Path,
		NotBefore: leaf.NotBefore, Expires: leaf.NotAfter,
	}
	switch phase, message := attention(leaf, now); phase {
	case Expired:
		s.Phase, s.Error, s.Fix = Expired, message, renewal(h.Path)
	case Valid:
		s.Warning = message + "; " + renewal(h.Path)
	}
	if fault != "" {
		s.Warning = "its file changed and cannot be used: " + fault
	}
	return s
}

// renewal is what to do about the end of a certificate from a file.
func renewal(file string) string {
	return "let the tool that wrote " + file + " renew it; the gateway reads it within a minute"
}

// attention says what is wrong with the dates of a certificate: Expired, Valid for one that ends soon or begins later,
// and an empty phase for nothing.
func attention(leaf *x509.Certificate, now time.Time) (phase Phase, message string) {
	left := leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return Expired, "it ended on " + leaf.NotAfter.UTC().Format("2 January 2006, 15:04 MST")
	case now.Before(leaf.NotBefore):
		return Valid, "it begins on " + leaf.NotBefore.UTC().Format("2 January 2006, 15:04 MST") + ", unless the clock is wrong"
	case left >= min(soon, leaf.NotAfter.Sub(leaf.NotBefore)/3):
		return "", ""
	case left < 2*day:
		return Valid, fmt.Sprintf("it ends in %d hours", int(left.Hours()))
	}
	return Valid, fmt.Sprintf("it ends in %d days", int(left/day))
}

// warn logs a certificate that needs attention, once for each of the reasons, and returns that of now. The caller holds mu
// or is alone.
func (f *Files) warn(h loadedPair, now time.Time) Phase {
	phase, message := attention(h.certificate.Leaf, now)
	if phase != "" && f.told[h.certificate] != phase {
		f.log.Warn("a certificate needs attention", "certificate", h.Path, "reason", message, "fix", renewal(h.Path))
	}
	return phase
}
