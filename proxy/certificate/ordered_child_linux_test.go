package certificate

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/certmagic"
)

// childVariable makes the program of the tests a proxy that orders, so that it can be killed.
const childVariable = "GATEWAY_ORDERING"

// childOrder is what such a proxy is told.
type childOrder struct {
	Folder, Directory, Email string
	Domains, Resolvers       []string
	HTTPPort, TLSPort        int
	DNS                      *DNS
	Roots                    []byte
	// Listens makes it listen on its ports.
	Listens bool
	// Die is the end of the name of the file before which it is to die; empty for none.
	Die string
}

// child orders until the first domain has a certificate.
func child(text string) {
	var order childOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(order.Roots)
	o, err := NewOrdered(OrderConfig{
		Folder: order.Folder, Directory: order.Directory, Email: order.Email, Domains: order.Domains, Resolvers: order.Resolvers,
		HTTPPort: order.HTTPPort, TLSPort: order.TLSPort, DNS: order.DNS, Roots: roots,
	})
	if err != nil {
		panic(err)
	}
	o.preflight = func(context.Context, string) []Finding { return nil }
	if order.Die != "" {
		for _, w := range o.first.ways {
			w.config.Storage = mortal{o.store, order.Die}
		}
	}
	if order.Listens {
		if _, err := openListeners(o, order.HTTPPort, order.TLSPort); err != nil {
			panic(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for stateIn(o, order.Domains[0]).Phase != Valid {
			<-time.After(20 * time.Millisecond)
		}
		cancel()
	}()
	_ = o.Run(ctx)
	fmt.Println("valid")
}

// mortal dies before it stores a certain file.
type mortal struct {
	*storage
	suffix string
}

func (m mortal) Store(ctx context.Context, key string, value []byte) error {
	if strings.HasPrefix(key, "certificates/") && strings.HasSuffix(key, m.suffix) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return m.storage.Store(ctx, key, value)
}

var _ certmagic.Storage = mortal{}

// startChild starts a proxy that orders by a configuration.
func (l *lab) startChild(c OrderConfig, order childOrder) *exec.Cmd {
	l.t.Helper()
	order.Folder, order.Directory, order.Email, order.Domains, order.Resolvers = c.Folder, c.Directory, c.Email, c.Domains, c.Resolvers
	order.HTTPPort, order.TLSPort, order.DNS = c.HTTPPort, c.TLSPort, c.DNS
	order.Roots = pemOf(l.front.Certificate())
	text, err := json.Marshal(order)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = l.t.Output()
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}
