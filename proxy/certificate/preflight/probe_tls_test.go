package preflight_test

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"gateway/proxy/certificate/preflight"
)

// gatewayTLS serves TLS at an address as the gateway does: it shows what is expected to challenges alone. It returns
// what makes it expect something.
func (w *world) gatewayTLS(address string) func(host string, shown *tls.Certificate) func() {
	expected := map[string]*tls.Certificate{}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		NextProtos: []string{"http/1.1", "acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if c := expected[hello.ServerName]; c != nil && len(hello.SupportedProtos) == 1 {
				return c, nil
			}
			return nil, errors.New("no certificate")
		},
	})
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
			_ = conn.(*tls.Conn).HandshakeContext(w.t.Context())
			_ = conn.Close()
		}
	}()
	w.routes[address] = l.Addr().String()
	return func(host string, shown *tls.Certificate) func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		expected[host] = shown
		return func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(expected, host)
		}
	}
}

func TestRun_ProbesThePortOfTLS(t *testing.T) {
	const forward443 = "forward TCP port 443 of the router to this machine, and let its firewall pass it, as by: sudo ufw allow 443/tcp"
	for _, s := range []struct {
		name   string
		change func(*world, *preflight.Config)
		want   []string
	}{
		{"both are open", nil, []string{answers, "port 443 good: the gateway answers at 203.0.113.7"}},
		{
			"443 alone", func(_ *world, c *preflight.Config) { c.Expect = nil },
			[]string{"port 443 good: the gateway answers at 203.0.113.7"},
		},
		{
			"another server at port 80", func(w *world, _ *preflight.Config) { w.serve(named("nginx", 404, ""), gatewayIP+":80") },
			[]string{"port 80 unsure: another server answers at 203.0.113.7: \"nginx\" answers 404 Not Found => ...", "port 443 good: ..."},
		},
		{
			"443 is closed", func(w *world, _ *preflight.Config) { w.closed[gatewayIP+":443"] = true },
			[]string{answers, "port 443 unsure: 203.0.113.7 does not answer (the connection is refused) => " + forward443},
		},
		{
			"443 never answers", func(w *world, _ *preflight.Config) { w.dead[gatewayIP+":443"] = true },
			[]string{answers, "port 443 unsure: 203.0.113.7 does not answer from here (no answer in time); ..."},
		},
		{
			"another server at both", func(w *world, _ *preflight.Config) {
				w.serve(named("nginx", 404, ""), gatewayIP+":80", gatewayIP+":443")
			},
			[]string{"port 80 bad: another server answers at 203.0.113.7: ...", "port 443 bad: another server answers at 203.0.113.7: it refuses the handshake of a challenge: remote error: tls: no application protocol => ..."},
		},
		{
			"another server with a certificate", func(w *world, c *preflight.Config) {
				c.Expect = nil
				other := w.gatewayTLS(gatewayIP + ":443")
				certificate := directory(w.t, nil).TLS.Certificates[0]
				other("club.example.org", &certificate)
			},
			[]string{"port 443 bad: another server answers at 203.0.113.7: it shows a certificate of \"\" => ..."},
		},
		{
			"no TLS there", func(w *world, c *preflight.Config) {
				c.Expect = nil
				w.routes[gatewayIP+":443"] = w.banner("HTTP/1.1 400 Bad Request\r\n\r\n")
			},
			[]string{"port 443 bad: another server answers at 203.0.113.7: it speaks no TLS => stop that server, or " + forward443 + "; ..."},
		},
		{
			"a connection that is closed", func(w *world, c *preflight.Config) {
				c.Expect = nil
				w.routes[gatewayIP+":443"] = w.banner("")
			},
			[]string{"port 443 unsure: 203.0.113.7 does not answer (the connection is closed) => " + forward443},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add("example.org.", "club.example.org. A 203.0.113.7")
			c := w.config()
			c.Issuers, c.ExpectTLS = nil, w.gatewayTLS(net.JoinHostPort(gatewayIP, "443"))
			if s.change != nil {
				s.change(w, &c)
			}
			compare(t, preflight.Run(t.Context(), c), append([]string{"dns good: club.example.org is 203.0.113.7"}, s.want...))
		})
	}
}
