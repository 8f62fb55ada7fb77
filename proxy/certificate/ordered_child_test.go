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
	Config OrderConfig
	Roots  []byte
	// Doors makes it listen.
	Doors bool
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
	order.Config.Roots = roots
	o, err := NewOrdered(order.Config)
	if err != nil {
		panic(err)
	}
	o.preflight = func(context.Context, string) []Finding { return nil }
	if order.Die != "" {
		for _, w := range o.first.ways {
			w.config.Storage = mortal{o.store, order.Die}
		}
	}
	if order.Doors {
		if _, err := openDoors(o, order.Config.HTTPPort, order.Config.TLSPort); err != nil {
			panic(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for stateIn(o, order.Config.Domains[0]).Phase != Valid {
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

// startChild starts a proxy that orders. What it does not know is what JSON cannot say.
func (l *lab) startChild(order childOrder) *exec.Cmd {
	l.t.Helper()
	order.Config.Roots, order.Config.Logger, order.Config.Client = nil, nil, nil
	order.Roots = pemOf(l.front.Certificate())
	text, err := json.Marshal(order)
	if err != nil {
		l.t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+string(text))
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.Stderr = l.t.Output()
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}
