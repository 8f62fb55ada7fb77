package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-connections/sockets"
	"github.com/moby/moby/client"
)

// dialer opens a connection to the engine; the network and address it is given are of no meaning.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// endpoint is a parsed engine address.
type endpoint struct {
	shown string
	base  url.URL
	dial  dialer
}

// parseHost checks an engine address and reads the certificates that it names.
func parseHost(raw string) (endpoint, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || rest == "" {
		return endpoint{}, errors.New("write unix://PATH, npipe://PATH, tcp://HOST:PORT or ssh://HOST")
	}
	e := endpoint{shown: raw, base: url.URL{Scheme: "http", Host: client.DummyHost, Path: "/"}}
	switch scheme {
	case "unix", "npipe":
		tr := new(http.Transport)
		if err := sockets.ConfigureTransport(tr, scheme, rest); err != nil {
			return endpoint{}, err
		}
		e.dial = tr.DialContext
		return e, nil
	case "tcp":
		return parseTCP(e)
	case "ssh":
		cmd, err := sshCommand(raw)
		e.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialCommand(ctx, cmd) }
		return e, err
	}
	return endpoint{}, fmt.Errorf("unknown scheme %q: use unix, npipe, tcp or ssh", scheme)
}

func parseTCP(e endpoint) (endpoint, error) {
	u, err := url.Parse(e.shown)
	if err != nil {
		return endpoint{}, err
	}
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return endpoint{}, errors.New("write tcp://HOST:PORT")
	}
	options := u.Query()
	u.RawQuery = ""
	secure := options.Has("certs")
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), map[bool]string{false: "2375", true: "2376"}[secure])
	}
	e.shown, e.base.Host, e.base.Path = u.String(), u.Host, "/"+strings.Trim(u.Path, "/")
	plain := &net.Dialer{}
	if !secure {
		e.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return plain.DialContext(ctx, "tcp", u.Host) }
		return e, nil
	}
	config, err := clientTLS(options.Get("certs"), options.Get("verify") != "no")
	if err != nil {
		return endpoint{}, err
	}
	over := &tls.Dialer{NetDialer: plain, Config: config}
	e.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return over.DialContext(ctx, "tcp", u.Host) }
	return e, nil
}

// clientTLS reads what is in a folder of Docker's certificates: ca.pem, and cert.pem with key.pem. Each may be missing.
func clientTLS(dir string, verify bool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	switch ca, err := os.ReadFile(filepath.Join(dir, "ca.pem")); {
	case err == nil:
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s: no certificate in it", filepath.Join(dir, "ca.pem"))
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	switch {
	case err == nil:
		config.Certificates = []tls.Certificate{pair}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("reading the client certificate in %s: %w", dir, err)
	}
	return config, nil
}
