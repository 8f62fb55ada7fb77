package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"gateway/proxy/route"
)

// A session of QUIC must be as little worth at another host as one of TCP.
func TestHTTP3_ServesGuardedHostsToClientsWithCertificates(t *testing.T) {
	one, other := newAuthority(t), newAuthority(t)
	p := start(t, showing(t, Config{HTTP3: true}, []string{"open.org", "one.org", "other.org"}, []string{"z.org"}),
		guardedBy(t, "one.org/", one, app(t, "one", nil)), guardedBy(t, "other.org/", other, app(t, "other", nil)), mount(t, "/", route.Strip, app(t, "any", nil)))
	address := secureAddress(t, p)
	// ask opens a connection and returns the status of the response, 0 for none, and whether it resumed a session.
	ask := func(serverName, host string, own *tls.Certificate, kept *oneSession) (status int, resumed bool) {
		t.Helper()
		client := &tls.Config{ServerName: serverName, InsecureSkipVerify: true}
		if kept != nil {
			client.ClientSessionCache = kept
		}
		if own != nil {
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
		transport := &http3.Transport{TLSClientConfig: client}
		defer transport.Close()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return 0, false
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.TLS.DidResume
	}
	ada, eve := one.client(t), other.client(t)
	for _, is := range []struct {
		serverName, host string
		own              *tls.Certificate
		status           int
	}{
		{"one.org", "one.org", ada, 200},
		{"one.org", "one.org", nil, 0},
		{"one.org", "one.org", eve, 0},
		{"open.org", "open.org", nil, 200},
		{"open.org", "one.org", nil, http.StatusMisdirectedRequest},
		{"open.org", "one.org", ada, http.StatusMisdirectedRequest},
		{"one.org", "open.org", ada, http.StatusMisdirectedRequest},
		{"other.org", "one.org", eve, http.StatusMisdirectedRequest},
		{"open.org", "z.org", nil, http.StatusMisdirectedRequest},
		{"unknown.org", "open.org", nil, 0},
	} {
		if got, _ := ask(is.serverName, is.host, is.own, nil); got != is.status {
			t.Errorf("%s over a connection to %s, with a certificate %v: %d, want %d", is.host, is.serverName, is.own != nil, got, is.status)
		}
	}
	certificates := map[string]*tls.Certificate{"open.org": nil, "one.org": ada, "other.org": eve}
	for from, own := range certificates {
		for to := range certificates {
			kept := new(oneSession)
			if status, _ := ask(from, from, own, kept); status != 200 {
				t.Fatalf("%s: %d", from, status)
			}
			if kept.session == nil {
				t.Fatalf("%s: no session was kept", from)
			}
			// It has nothing now but the session.
			status, resumed := ask(to, to, nil, kept)
			switch {
			case from == to:
				if status != 200 {
					t.Errorf("%s: a session does not go on at its own host: %d", from, status)
				}
			case to == "open.org":
				if status != 200 || resumed {
					t.Errorf("a session of %s at %s: %d, resumed %v", from, to, status, resumed)
				}
			case status != 0:
				t.Errorf("a session of %s got into %s: %d", from, to, status)
			}
		}
	}
}
