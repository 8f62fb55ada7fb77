package certificate_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"gateway/proxy/certificate"
)

func TestCombined_ShowsEachClientTheCertificateOfItsHost(t *testing.T) {
	s := newRoot(t)
	files := newShelf(s.sign(t, "file.org"), s.sign(t, "both.org", "in-file"))
	files.certificates["first"] = s.sign(t, "first")
	orders := newShelf(s.sign(t, "ordered.org"), s.sign(t, "both.org"), s.sign(t, "*.wild.org"))
	d := open(t, (&certificate.Combined{Files: files, Ordered: orders}).TLS())
	for host, want := range map[string]string{
		"file.org": "file.org", "ordered.org": "ordered.org", "a.wild.org": "*.wild.org", "FILE.org": "file.org", "Ordered.ORG": "ordered.org",
	} {
		state, err := d.greeted(t, asking(host))
		if err != nil || nameOf(state) != want {
			t.Errorf("%s is shown %q, %v; want %q", host, nameOf(state), err, want)
		}
	}
	state, err := d.greeted(t, asking("both.org"))
	if err != nil || len(state.PeerCertificates[0].DNSNames) != 2 {
		t.Errorf("a certificate from a file comes first: %v, %v", state.PeerCertificates, err)
	}
	for _, host := range []string{"unknown.org", "a.b.wild.org", "wild.org", "sub.file.org"} {
		state, err := d.greeted(t, asking(host))
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%s: %v, shown %q; want the alert unrecognized_name", host, err, nameOf(state))
		}
	}
}

func TestCombined_ShowsClientsWithoutANameTheCertificateOfTheAddress(t *testing.T) {
	s := newRoot(t)
	at := func(address string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{Conn: addressOf{address: address}}
	}
	check := func(c *certificate.Combined, hello *tls.ClientHelloInfo, want string) {
		t.Helper()
		got, err := c.TLS().GetCertificate(hello)
		switch {
		case err != nil:
			t.Error(err)
		case got == nil && want == "":
		case got == nil || got.Leaf.Subject.CommonName != want:
			t.Errorf("shown %v, want %q", got, want)
		}
	}
	site, address := s.sign(t, "example.org"), s.sign(t, "192.0.2.1")
	c := &certificate.Combined{Ordered: newShelf(site, address), Domains: []string{"example.org"}}
	check(c, at("192.0.2.1:443"), "192.0.2.1")
	check(c, at("[::ffff:192.0.2.1]:443"), "192.0.2.1")
	check(c, at("192.0.2.2:443"), "example.org")
	check(c, new(tls.ClientHelloInfo), "example.org")
	check(&certificate.Combined{Files: newShelf(address), Ordered: newShelf(site), Domains: []string{"example.org"}}, at("192.0.2.1:443"), "192.0.2.1")
	check(&certificate.Combined{Files: newShelf(site), Domains: []string{"example.org"}}, at("192.0.2.2:443"), "example.org")
	files := newShelf(address)
	files.certificates["first"] = site
	check(&certificate.Combined{Files: files}, at("192.0.2.2:443"), "example.org")
	check(new(certificate.Combined), at("192.0.2.1:443"), "")
}

func TestCombined_ShowsChallengesToAuthoritiesAlone(t *testing.T) {
	s := newRoot(t)
	orders := newShelf(s.sign(t, "example.org"))
	orders.challenge = s.sign(t, "challenge")
	c := &certificate.Combined{Files: newShelf(s.sign(t, "example.org")), Ordered: orders}
	config := c.TLS()
	// As the engine has it.
	config.NextProtos = append([]string{"h2", "http/1.1"}, config.NextProtos...)
	d := open(t, config)
	ask := func(protocols ...string) (tls.ConnectionState, error) {
		client := asking("example.org")
		client.NextProtos = protocols
		return d.greeted(t, client)
	}
	if state, err := ask("acme-tls/1"); err != nil || nameOf(state) != "challenge" || state.NegotiatedProtocol != "acme-tls/1" {
		t.Errorf("an authority is shown %q over %q, %v", nameOf(state), state.NegotiatedProtocol, err)
	}
	if state, err := ask("acme-tls/1", "h2"); err != nil || nameOf(state) != "example.org" || state.NegotiatedProtocol != "h2" {
		t.Errorf("a client is shown %q over %q, %v", nameOf(state), state.NegotiatedProtocol, err)
	}
	orders.challenge = nil
	if state, err := ask("acme-tls/1"); err == nil {
		t.Errorf("an authority that nobody awaits is shown %q", nameOf(state))
	}
	if got := (&certificate.Combined{Files: newShelf(s.sign(t, "example.org"))}).TLS().NextProtos; len(got) != 0 {
		t.Errorf("without orders it offers %q", got)
	}
}

// benchmarkHosts is how many hosts the benchmarks compare with one.
const benchmarkHosts = 1000

// BenchmarkHandshake shows what a table of many hosts, and client certificates of one of them, add to a handshake.
func BenchmarkHandshake(b *testing.B) {
	s := newRoot(b)
	key := newKey(b)
	from, to := s.cert.NotBefore, s.cert.NotAfter
	shelves := map[int]*shelf{}
	for _, n := range []int{1, benchmarkHosts} {
		shelves[n] = newShelf()
		for i := range n {
			name := hostNumber(i)
			shelves[n].certificates[name] = s.signFor(b, key, from, to, name)
		}
	}
	for _, run := range []struct {
		name    string
		n       int
		clients bool
	}{{"one host", 1, false}, {"1000 hosts", benchmarkHosts, false}, {"1000 hosts, one with client certificates", benchmarkHosts, true}} {
		b.Run(run.name, func(b *testing.B) {
			c := &certificate.Combined{Ordered: shelves[run.n], Domains: []string{hostNumber(0)}}
			hosts := make([]certificate.Host, run.n)
			for i := range hosts {
				hosts[i].Name = hostNumber(i)
			}
			if run.clients {
				hosts[run.n-1].ClientCA = s.pem
			}
			c.SetHosts(hosts)
			benchmarkHandshakes(b, c.TLS(), asking(hostNumber(0)))
		})
	}
}

// BenchmarkHandshakeChoice is what the choice of a configuration and a certificate takes of a handshake.
func BenchmarkHandshakeChoice(b *testing.B) {
	s := newRoot(b)
	key := newKey(b)
	for _, n := range []int{1, benchmarkHosts} {
		b.Run(hostNumber(n), func(b *testing.B) {
			hosts, orders := make([]certificate.Host, n), newShelf()
			for i := range hosts {
				hosts[i].Name = hostNumber(i)
				orders.certificates[hosts[i].Name] = s.signFor(b, key, s.cert.NotBefore, s.cert.NotAfter, hosts[i].Name)
			}
			hosts[n-1].ClientCA = s.pem
			c := &certificate.Combined{Ordered: orders}
			c.SetHosts(hosts)
			config, hello := c.TLS(), &tls.ClientHelloInfo{ServerName: hostNumber(0), SupportedProtos: []string{"h2", "http/1.1"}}
			for b.Loop() {
				if _, err := config.GetConfigForClient(hello); err != nil {
					b.Fatal(err)
				}
				if shown, err := config.GetCertificate(hello); shown == nil || err != nil {
					b.Fatal(shown, err)
				}
			}
		})
	}
}
