package preflight_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gateway/proxy/certificate/preflight"
)

// provider writes TXT records into a zone of the world.
type provider struct {
	w *world
	// zone is where they go, and at the name of the record, if that is not empty.
	zone, at string
	// refuse is the error of writing, keep that of removing.
	refuse, keep error
	names        []string
}

func (p *provider) write(_ context.Context, name, value string) (func(context.Context) error, error) {
	p.names = append(p.names, name)
	if p.refuse != nil {
		return nil, p.refuse
	}
	owner := dns.Fqdn(name)
	if p.at != "" {
		owner = p.at
	}
	p.w.add(p.zone, owner+" 60 TXT "+value)
	return func(context.Context) error {
		if p.keep != nil {
			return p.keep
		}
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.zones[p.zone] = slices.DeleteFunc(p.w.zones[p.zone], func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeTXT })
		return nil
	}, nil
}

func TestRun_ChecksTheProviderOfDNS(t *testing.T) {
	const unlimited = "caa good: no CAA record limits who may sign *.example.org"
	for _, s := range []struct {
		name   string
		change func(*world, *provider, *preflight.Config)
		want   []string
	}{
		{"everything is right", nil, []string{unlimited, "txt good: cloudflare writes and removes _acme-challenge.example.org, and all servers of the zone show it"}},
		{
			"addresses do not matter",
			func(w *world, _ *provider, c *preflight.Config) {
				w.add("example.org.", "club.example.org. A 192.168.0.7")
				c.Name = "club.example.org"
			},
			[]string{unlimits, "txt good: cloudflare writes and removes _acme-challenge.club.example.org, and all servers of the zone show it"},
		},
		{
			"a token without rights",
			func(_ *world, p *provider, _ *preflight.Config) { p.refuse = errors.New("403 Forbidden") },
			[]string{unlimited, "txt bad: cloudflare does not write _acme-challenge.example.org: 403 Forbidden => check the file of its token (--dns-token-file): the token needs the right to change TXT records of this zone"},
		},
		{
			"a token that cannot remove",
			func(_ *world, p *provider, _ *preflight.Config) { p.keep = errors.New("403 Forbidden") },
			[]string{unlimited, "txt bad: cloudflare does not remove _acme-challenge.example.org: 403 Forbidden => give the token the right to delete TXT records, and remove that record by hand"},
		},
		{
			"a record that never comes",
			func(w *world, p *provider, c *preflight.Config) {
				w.zone("elsewhere.org.", "192.0.2.99")
				p.zone, c.Propagation = "elsewhere.org.", 10*time.Millisecond
			},
			[]string{unlimited, "txt bad: cloudflare wrote _acme-challenge.example.org, but after 10ms it is not at ns192-0-2-53.nic, ns192-0-2-54.nic => check that the zone at cloudflare is the one that the NS records of the domain lead to"},
		},
		{
			"a server that never gets it",
			func(w *world, _ *provider, c *preflight.Config) {
				w.lacks[[2]string{"192.0.2.54", "_acme-challenge.example.org."}] = true
				c.Propagation = 10 * time.Millisecond
			},
			[]string{unlimited, "txt bad: cloudflare wrote _acme-challenge.example.org, but after 10ms it is not at ns192-0-2-54.nic => ..."},
		},
		{
			"another zone, to which a CNAME leads",
			func(w *world, p *provider, _ *preflight.Config) {
				w.zone("auth.org.", "192.0.2.99")
				w.add("example.org.", "_acme-challenge.example.org. CNAME x1.auth.org.")
				p.zone, p.at = "auth.org.", "x1.auth.org."
			},
			[]string{unlimited, "txt good: ..."},
		},
		{
			"slow",
			func(_ *world, _ *provider, c *preflight.Config) {
				now := time.Now()
				c.Now = func() time.Time {
					now = now.Add(time.Minute)
					return now
				}
			},
			[]string{unlimited, "txt good: cloudflare writes and removes _acme-challenge.example.org; it took 1m0s to be at all servers of the zone"},
		},
		{
			"nobody can be asked",
			func(w *world, _ *provider, c *preflight.Config) {
				w.closed[resolver] = true
				c.Propagation = 10 * time.Millisecond
			},
			[]string{"caa unsure: ...", "txt unsure: cloudflare wrote _acme-challenge.example.org, which cannot be looked up: ..."},
		},
		{
			"CAA for wildcards",
			func(w *world, _ *provider, _ *preflight.Config) {
				w.add("example.org.", `example.org. CAA 0 issue "letsencrypt.org"`, `example.org. CAA 0 issuewild ";"`)
			},
			[]string{`caa bad: the CAA records of example.org allow nobody to sign *.example.org => add the record: example.org. CAA 0 issuewild "letsencrypt.org"`, "txt good: ..."},
		},
		{
			"CAA for this method",
			func(w *world, _ *provider, _ *preflight.Config) {
				w.add("example.org.", `example.org. CAA 0 issue "letsencrypt.org;validationmethods=dns-01"`)
			},
			[]string{"caa good: the CAA records of example.org allow letsencrypt.org", "txt good: ..."},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := &provider{w: w, zone: "example.org."}
			c := w.config()
			c.Name, c.TXT, c.Provider = "*.example.org", p.write, "cloudflare"
			if s.change != nil {
				s.change(w, p, &c)
			}
			compare(t, preflight.Run(t.Context(), c), s.want)
			if len(p.names) != 1 {
				t.Errorf("it wrote %v", p.names)
			}
			for _, rr := range w.zones[p.zone] {
				if rr.Header().Rrtype == dns.TypeTXT && p.keep == nil {
					t.Errorf("a record is left: %s", rr)
				}
			}
		})
	}
}

// A check that is ended removes its record all the same.
func TestRun_RemovesItsRecordWhenItIsEnded(t *testing.T) {
	w := newWorld(t)
	p := &provider{w: w, zone: "example.org."}
	ctx, cancel := context.WithCancel(t.Context())
	c := w.config()
	c.Issuers = nil
	c.TXT = func(_ context.Context, name, value string) (func(context.Context) error, error) {
		cancel()
		return p.write(ctx, name, value)
	}
	compare(t, preflight.Run(ctx, c), []string{"txt unsure: the check ended before _acme-challenge.club.example.org was at all servers => check again"})
	if n := len(w.zones["example.org."]); n != 3 {
		t.Errorf("the zone has %d records, want its SOA and NS records", n)
	}
}

func addresses(all ...string) (parsed []netip.Addr) {
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

// bracketed expects tokens for an IPv6 address as a Host field has it.
func bracketed(expect func(host, token, answer string) func()) func(host, token, answer string) func() {
	return func(host, token, answer string) func() { return expect("["+host+"]", token, answer) }
}

// banner is a server that says something and closes the connection. It returns its address.
func (w *world) banner(text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer) // Data that is left unread would reset the connection.
			_, _ = conn.Write([]byte(text))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// directory is an authority with a clock, whose certificate is valid for two days around the present.
func directory(t *testing.T, now func() time.Time) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
