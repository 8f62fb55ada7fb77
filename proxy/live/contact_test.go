package live

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"gateway/proxy/engine"
	"gateway/proxy/http1"
	"gateway/proxy/route"
)

// newServer is a server that does not run yet, and the target at its address.
func newServer(t *testing.T) (*httptest.Server, Target) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s, Target{Target: route.Target{Address: s.Listener.Addr().String(), Scheme: route.HTTP}, Contact: new(Contact)}
}

// A server without TLS takes a handshake for a request, and answers 400.
func TestContact_TriesTLSOnceWithAnAppThatAnswers400(t *testing.T) {
	var hellos atomic.Int32
	plain, target := newServer(t)
	plain.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateActive {
			hellos.Add(1)
		}
	}
	plain.Start()
	for range 3 {
		target.Contact.Answered(400)
		target.probe(t.Context())
	}
	if n := hellos.Load(); n != 1 || target.Contact.Why() != "" {
		t.Errorf("%d handshakes, %q", n, target.Contact.Why())
	}
}

func TestContact_KnowsTLSByItsAlerts(t *testing.T) {
	strict, target := newServer(t)
	strict.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no server name") }}
	strict.StartTLS()
	target.Contact.Answered(400)
	target.probe(t.Context())
	if why := target.Contact.Why(); !strings.HasSuffix(why, " speaks TLS; set gateway.scheme to https") {
		t.Errorf("%q", why)
	}
}

func TestContact_KeepsToTheLogsOfAnAppThatAnsweredBefore(t *testing.T) {
	for _, scheme := range []route.Scheme{route.HTTP, route.H2C} {
		asked := Target{Target: route.Target{Address: "172.18.0.3:80", Scheme: scheme}, Contact: new(Contact)}
		closed := fmt.Errorf("%w: %w", engine.ErrResponse, io.EOF)
		if f := faultOf(&asked, closed); !strings.Contains(f.text, "; set gateway.") {
			t.Errorf("%s before: %q", scheme, f.text)
		}
		asked.Contact.Answered(200)
		refused := fmt.Errorf("%w: %w", engine.ErrConnect, syscall.ECONNREFUSED)
		for _, err := range []error{refused, closed, fmt.Errorf("%w: %w", engine.ErrResponse, &http1.Invalid{Rule: "no status"}), engine.ErrResponse} {
			if f := faultOf(&asked, err); strings.Contains(f.text, "gateway.") {
				t.Errorf("%s: %q", scheme, f.text)
			}
		}
	}
}

func TestContact_IsInOrderOnceACheckPasses(t *testing.T) {
	var c Contact
	c.fault.Store(&fault{text: "does not answer in time"})
	c.checked("GET /health answered 503")
	if c.Why() == "" {
		t.Error("a check that fails ends the fault")
	}
	c.checked("")
	if why := c.Why(); why != "" {
		t.Errorf("a check passed: %q", why)
	}
}
