package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/certificate"
)

// serveTLSOptions are the flags for HTTPS of gateway serve.
type serveTLSOptions struct {
	tlsOptions
	listen []string
	// folder stores ordered certificates. Default: the folder certificates in the state folder.
	folder      string
	certs, keys []string
}

func addServeTLSFlags(f *pflag.FlagSet, o *serveTLSOptions) {
	cli.InSection(f, tlsSection, func(f *pflag.FlagSet) {
		f.StringSliceVar(&o.listen, "tls-listen", nil, "`address` for HTTPS; may be repeated")
		addFileFlags(f, &o.certs, &o.keys)
		f.StringVar(&o.folder, "certificates", "", "`folder` for certificates that are ordered (default the folder certificates in that of --state)")
	})
	addTLSFlags(f, &o.tlsOptions)
}

// addFileFlags adds the flags for certificates from files.
func addFileFlags(f *pflag.FlagSet, certs, keys *[]string) {
	f.StringSliceVar(certs, "cert", nil, "PEM `file` with a certificate and what signed it, or a folder of certificates and keys, such as certbot's; followed; may be repeated")
	f.StringSliceVar(keys, "key", nil, "PEM `file` with the key of the certificate of the --cert at the same place; a folder has none")
}

// filesOf are the certificates of the flags with their keys. A folder may be missing for the moment: it ends with a slash
// then.
func filesOf(certs, keys []string) (certificate.FilesConfig, error) {
	var c certificate.FilesConfig
	for _, name := range certs {
		info, err := os.Stat(name)
		switch folder := strings.HasSuffix(name, "/") || err == nil && info.IsDir(); {
		case folder && c.Folder != "":
			return c, cli.Usage(fmt.Errorf("--cert %s and %s: one folder is read; name the one that both are in", c.Folder, name))
		case folder:
			c.Folder = name
		case len(keys) == 0:
			return c, cli.Usage(fmt.Errorf("--cert %s: its key is missing; add --key FILE, or name a folder of certificates and keys", name))
		default:
			c.Pairs, keys = append(c.Pairs, certificate.Pair{Certificate: name, Key: keys[0]}), keys[1:]
		}
	}
	if len(keys) > 0 {
		return c, cli.Usage(fmt.Errorf("--key %s: its certificate is missing; add --cert FILE", keys[0]))
	}
	return c, nil
}

// certificates are what a proxy shows, and what runs beside it for that.
type certificates struct {
	// manager is nil without HTTPS.
	manager certificate.Manager
	// root returns that of the gateway's own authority; nil without one.
	root func() []byte
	// files takes certificates that the agent sees.
	files func([]certificate.PEMPair) error
	run   []func(context.Context) error
}

// certificates prepares them; without an address for HTTPS there are none. given says that there are sockets for HTTPS
// beside the addresses.
func (o *serveOptions) certificates(given sockets, logger *slog.Logger) (certificates, error) {
	t := &o.tls
	needed := len(given.https) > 0 || len(t.listen) > 0
	files, err := filesOf(t.certs, t.keys)
	if err != nil {
		return certificates{}, err
	}
	if err := t.check(); err != nil {
		return certificates{}, err
	}
	sources := t.orders() || len(t.certs) > 0
	switch {
	case !needed && t.http3:
		return certificates{}, cli.Usage(errors.New("--tls-listen is missing: --http3 serves the UDP ports of the addresses for HTTPS, such as --tls-listen :443"))
	case t.http3 && o.limit.proxyProtocol:
		return certificates{}, errHTTP3
	case !needed && sources:
		return certificates{}, cli.Usage(errors.New("--tls-listen is missing: a certificate needs an address for HTTPS, such as --tls-listen :443"))
	case !needed:
		return certificates{}, nil
	case !sources && t.folder == "":
		return certificates{}, cli.Usage(errors.New("--domain is missing: HTTPS needs a certificate; add --domain NAME to order one, or --cert FILE --key FILE"))
	}
	store := t.folder
	if store == "" && o.state != "" {
		store = filepath.Join(o.state, "certificates")
	}
	if store == "" && t.orders() {
		return certificates{}, cli.Usage(errors.New("--certificates is missing: certificates that are ordered need a folder, as authorities limit how many they issue"))
	}
	return t.prepare(files, store, listeners{http: firstOf(given.http, o.listen), https: firstOf(given.https, t.listen)}, logger)
}

// errHTTP3 refuses two flags that exclude each other.
var errHTTP3 = cli.Usage(errors.New("--http3 and --proxy-protocol exclude each other: QUIC has no PROXY header, so that clients behind a proxy could not be told apart; leave one out"))

// listeners are the first ones of the proxy.
type listeners struct{ http, https listener }

// listener is where the proxy accepts connections. The host is empty for all addresses, the port 0 for none.
type listener struct {
	host string
	port int
}

// firstOf is the first listener.
func firstOf(given []net.Listener, addresses []string) listener {
	if len(given) > 0 {
		addresses = []string{given[0].Addr().String()}
	}
	if len(addresses) == 0 {
		return listener{}
	}
	host, port, _ := net.SplitHostPort(addresses[0])
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	n, _ := strconv.Atoi(port)
	return listener{host, n}
}

// prepare opens files and accounts. The folder may be empty when nothing is ordered.
func (o *serveTLSOptions) prepare(files certificate.FilesConfig, store string, at listeners, logger *slog.Logger) (certificates, error) {
	files.Logger = logger
	if store != "" {
		files.Pushed = filepath.Join(store, "files")
	}
	own, err := certificate.LoadFiles(files)
	if err != nil {
		return certificates{}, err
	}
	manager := &certificate.Combined{Files: own, Domains: o.domains, MinVersion: tls.VersionTLS12}
	if o.min == "1.3" {
		manager.MinVersion = tls.VersionTLS13
	}
	c := certificates{manager: manager, files: own.Set, run: []func(context.Context) error{own.Run}}
	if !o.orders() {
		return c, nil
	}
	config, err := o.order(store, at, logger)
	if err != nil {
		return certificates{}, err
	}
	config.Except = own.Covers
	ordered, err := certificate.NewOrdered(config)
	if err != nil {
		return certificates{}, err
	}
	manager.Ordered, c.root = ordered, ordered.Root
	c.run = append(c.run, ordered.Run)
	return c, nil
}

// order is what the flags say of orders.
func (o *serveTLSOptions) order(store string, at listeners, logger *slog.Logger) (certificate.OrderConfig, error) {
	c := certificate.OrderConfig{
		Folder: store, Domains: o.domains, Allowed: o.allowed, MaxNames: o.maxNames, Email: o.email,
		Staging: o.staging, Internal: o.internal, Logger: logger,
		HTTPHost: at.http.host, HTTPPort: at.http.port, TLSHost: at.https.host, TLSPort: at.https.port,
	}
	if o.dns.provider != "" {
		text, err := readSecret(o.dns.tokenFile)
		if err != nil {
			return c, err
		}
		c.DNS = &certificate.DNS{Provider: o.dns.provider, Zone: o.dns.zone, Credentials: string(text)}
	}
	for _, r := range o.dns.resolvers {
		c.Resolvers = append(c.Resolvers, withPort(r))
	}
	c.Directory, c.Fallback = o.directories()
	var err error
	if c.EAB, err = o.first.binding(); err != nil {
		return c, err
	}
	if c.FallbackEAB, err = o.second.binding(); err != nil {
		return c, err
	}
	c.Roots, err = o.roots()
	return c, err
}
