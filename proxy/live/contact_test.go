package live

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"gateway/proxy/engine"
	"gateway/proxy/http1"
	"gateway/proxy/route"
)

// talker is a target that does with each connection what say does.
func talker(t *testing.T, say func(net.Conn)) route.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			say(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return route.Target{Name: "talker", Address: l.Addr().String(), State: route.Ready}
}

func TestContact_TriesTLSOnceWithAnAppThatAnswers400(t *testing.T) {
	var hellos atomic.Int32
	plain := talker(t, func(c net.Conn) {
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			hellos.Add(1)
			_, _ = fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}
	})
	plain.Scheme = route.HTTP
	asked := Target{Target: plain, Contact: new(Contact)}
	for range 3 {
		asked.Contact.Answered(400)
		asked.probe(t.Context())
	}
	if n := hellos.Load(); n != 1 || asked.Contact.Why() != "" {
		t.Errorf("%d handshakes, %q", n, asked.Contact.Why())
	}
}

func TestContact_KnowsTLSByItsAlerts(t *testing.T) {
	strict := talker(t, func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return nil, errors.New("no server name")
		}}).HandshakeContext(t.Context())
	})
	strict.Scheme = route.HTTP
	asked := Target{Target: strict, Contact: new(Contact)}
	asked.Contact.Answered(400)
	asked.probe(t.Context())
	if why := asked.Contact.Why(); !strings.HasSuffix(why, " speaks TLS; set gateway.scheme to https") {
		t.Errorf("%q", why)
	}
}

func TestContact_KeepsToTheLogsOfAnAppThatAnsweredBefore(t *testing.T) {
	for _, scheme := range []route.Scheme{route.HTTP, route.H2C} {
		asked := Target{Target: route.Target{Address: "172.18.0.3:80", Scheme: scheme}, Contact: new(Contact)}
		closed := fmt.Errorf("%w: %w", engine.ErrAnswer, io.EOF)
		if f := faultOf(&asked, closed); !strings.Contains(f.text, "; set gateway.") {
			t.Errorf("%s before: %q", scheme, f.text)
		}
		asked.Contact.Answered(200)
		refused := fmt.Errorf("%w: %w", engine.ErrConnect, syscall.ECONNREFUSED)
		for _, err := range []error{refused, closed, fmt.Errorf("%w: %w", engine.ErrAnswer, &http1.Invalid{Rule: "no status"}), engine.ErrAnswer} {
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
