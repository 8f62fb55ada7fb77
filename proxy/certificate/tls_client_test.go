package certificate_test

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/certificate"
)

// wallet is what a client keeps: sessions, which it offers to every host, and a certificate, nil for none.
type wallet struct {
	session     *tls.ClientSessionState
	certificate *tls.Certificate
}

// Get and Put implement tls.ClientSessionCache.
func (w *wallet) Get(string) (*tls.ClientSessionState, bool) { return w.session, w.session != nil }

func (w *wallet) Put(_ string, session *tls.ClientSessionState) {
	if session != nil {
		w.session = session
	}
}

// asking is the configuration of the client for a host.
func (w *wallet) asking(host string, version uint16) *tls.Config {
	c := asking(host)
	c.ClientSessionCache, c.MaxVersion = w, version
	if w.certificate != nil {
		// Whatever authorities the server names.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return w.certificate, nil }
	}
	return c
}

// guarded is a server of hosts of which some ask for certificates of clients.
type guarded struct {
	*certificate.Combined
	first, second *root
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	s := newRoot(t)
	g := guarded{first: newRoot(t), second: newRoot(t)}
	g.Combined = &certificate.Combined{Ordered: newShelf(s.sign(t, "*.example.org"), s.sign(t, "example.org")), Domains: []string{"example.org"}}
	g.SetHosts([]certificate.Host{
		{Name: "open.example.org"},
		{Name: "one.example.org", ClientCA: g.first.pem},
		{Name: "other.example.org", ClientCA: g.second.pem},
		{Name: "same.example.org", ClientCA: g.first.pem},
	})
	return g
}

// versions are those whose sessions can be resumed.
var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestCombined_AsksClientsOfAHostForCertificates(t *testing.T) {
	g := newGuarded(t)
	d := open(t, g.TLS())
	known, foreign := g.first.sign(t, "ada"), g.second.sign(t, "eve")
	server := newRoot(t).sign(t, "none")
	for name, version := range versions {
		for host, allowed := range map[string]map[string]bool{
			"open.example.org":  {"none": true, "known": true, "foreign": true, "unsigned": true},
			"example.org":       {"none": true, "known": true, "foreign": true, "unsigned": true},
			"one.example.org":   {"known": true},
			"ONE.example.org":   {"known": true},
			"other.example.org": {"foreign": true},
			"same.example.org":  {"known": true},
		} {
			for who, c := range map[string]*tls.Certificate{"none": nil, "known": known, "foreign": foreign, "unsigned": server} {
				_, err := d.greeted(t, (&wallet{certificate: c}).asking(host, version))
				if (err == nil) != allowed[who] {
					t.Errorf("%s: %s with the certificate %q: %v", name, host, who, err)
				}
			}
		}
	}
}

func TestCombined_LetsAuthoritiesValidateHostsWithClientCertificates(t *testing.T) {
	g := newGuarded(t)
	g.Ordered.(*shelf).challenge = newRoot(t).sign(t, "challenge")
	d := open(t, g.TLS())
	authority := asking("one.example.org")
	authority.NextProtos = []string{"acme-tls/1"}
	if state, err := d.greeted(t, authority); err != nil || nameOf(state) != "challenge" {
		t.Errorf("shown %q, %v", nameOf(state), err)
	}
	authority.NextProtos = []string{"acme-tls/1", "h2"}
	if _, err := d.greeted(t, authority); err == nil {
		t.Error("a client got in by offering the protocol of authorities beside its own")
	}
}

// A session must not go on at a host that asks for another certificate than the host where it began.
func TestCombined_ResumesSessionsOnTheirHostAlone(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			d := open(t, g.TLS())
			ask := func(w *wallet, host string) (resumed bool, err error) {
				t.Helper()
				state, err := d.greeted(t, w.asking(host, version))
				return state.DidResume, err
			}
			begin := func(host string, c *tls.Certificate) *wallet {
				t.Helper()
				w := &wallet{certificate: c}
				if _, err := ask(w, host); err != nil || w.session == nil {
					t.Fatalf("no session of %s begins: %v", host, err)
				}
				return w
			}
			known, foreign := g.first.sign(t, "ada"), g.second.sign(t, "eve")

			for host, c := range map[string]*tls.Certificate{"open.example.org": nil, "one.example.org": known, "other.example.org": foreign} {
				if resumed, err := ask(begin(host, c), host); err != nil || !resumed {
					t.Errorf("%s: resumed %v, %v; sessions should be resumed on their own host", host, resumed, err)
				}
			}

			stranger := begin("open.example.org", nil)
			if _, err := ask(stranger, "one.example.org"); err == nil {
				t.Error("a session of an open host got into one that asks for certificates")
			}
			for _, c := range []struct{ from, to string }{
				{"one.example.org", "other.example.org"}, {"other.example.org", "one.example.org"}, {"other.example.org", "same.example.org"},
			} {
				own := known
				if c.from == "other.example.org" {
					own = foreign
				}
				w := begin(c.from, own)
				if _, err := ask(w, c.to); err == nil {
					t.Errorf("a session of %s got into %s", c.from, c.to)
				}
				// Without the certificate too: the session alone.
				w = begin(c.from, own)
				w.certificate = nil
				if _, err := ask(w, c.to); err == nil {
					t.Errorf("a session of %s got into %s without a certificate", c.from, c.to)
				}
			}
			for _, to := range []string{"open.example.org", "same.example.org"} {
				if resumed, err := ask(begin("one.example.org", known), to); err != nil || resumed {
					t.Errorf("a session of one.example.org on %s: resumed %v, %v; want a new handshake", to, resumed, err)
				}
			}
		})
	}
}

func TestCombined_EndsSessionsWhenTheAuthoritiesChange(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			d := open(t, g.TLS())
			w := &wallet{certificate: g.first.sign(t, "ada")}
			ask := func() (bool, error) {
				state, err := d.greeted(t, w.asking("one.example.org", version))
				return state.DidResume, err
			}
			if _, err := ask(); err != nil {
				t.Fatal(err)
			}
			// The same authorities, in another table.
			g.SetHosts([]certificate.Host{{Name: "one.example.org", ClientCA: g.first.pem}, {Name: "new.example.org"}})
			if resumed, err := ask(); err != nil || !resumed {
				t.Errorf("with the same authorities: resumed %v, %v", resumed, err)
			}
			g.SetHosts([]certificate.Host{{Name: "one.example.org", ClientCA: g.second.pem}})
			if _, err := ask(); err == nil {
				t.Error("with other authorities the session goes on")
			}
			g.SetHosts([]certificate.Host{{Name: "one.example.org", ClientCA: g.second.pem + g.first.pem}})
			if resumed, err := ask(); err != nil || resumed {
				t.Errorf("with one more authority: resumed %v, %v; want a new handshake", resumed, err)
			}
			g.SetHosts([]certificate.Host{{Name: "one.example.org", ClientCA: "no certificate"}})
			if _, err := ask(); err == nil {
				t.Error("authorities that cannot be read let a client in")
			}
			g.SetHosts([]certificate.Host{{Name: "one.example.org"}})
			w = new(wallet)
			if _, err := ask(); err != nil {
				t.Errorf("without authorities: %v", err)
			}
			g.SetHosts([]certificate.Host{{Name: "one.example.org", ClientCA: g.first.pem}})
			if _, err := ask(); err == nil {
				t.Error("a session that began while the host was open got in")
			}
		})
	}
}

// pass makes a handshake and reports whether it resumed a session. Nothing of it is left afterwards, so that the clock of
// a test can go on.
func pass(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It cannot block.
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(accepted, server)
		defer conn.Close()
		if conn.HandshakeContext(t.Context()) == nil {
			_, _ = conn.Write([]byte("hello"))
		}
	})
	conn, err := tls.Dial("tcp", l.Addr().String(), client) //nolint:noctx // It cannot block.
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The ticket comes before the word.
	if word, err := io.ReadAll(conn); err != nil || string(word) != "hello" {
		t.Fatalf("the server says %q, %v", word, err)
	}
	return conn.ConnectionState().DidResume
}

func TestCombined_ReplacesTheKeysOfSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Hour) // The certificates are valid from the first moment on.
		g := newGuarded(t)
		config := g.TLS()
		own := g.first.sign(t, "ada")
		later := func(d time.Duration) { <-time.After(d) }
		begin := func() *wallet {
			w := &wallet{certificate: own}
			if pass(t, config, w.asking("one.example.org", tls.VersionTLS13)) {
				t.Fatal("a client without a session resumed one")
			}
			return w
		}
		goesOn := func(w *wallet) bool {
			kept := *w // The next session is not kept.
			return pass(t, config, kept.asking("one.example.org", tls.VersionTLS13))
		}
		first := begin()
		later(23 * time.Hour)
		second := begin()
		later(2 * time.Hour)
		third := begin()
		if !goesOn(first) || !goesOn(second) || !goesOn(third) {
			t.Error("a session ends with the day of its key")
		}
		later(135 * time.Hour)
		if !goesOn(first) {
			t.Error("a session ends before a week is over")
		}
		later(24 * time.Hour)
		// The second one is not a week old, but its key is.
		if goesOn(second) {
			t.Error("a key of a week ago is still in use")
		}
		if !goesOn(third) {
			t.Error("a session ends although its key is not a week old")
		}
	})
}
