package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/route"
	"gateway/proxy/stack"
)

// Address is where clients find the gateway.
type Address struct {
	// Base is the address as people type it, without a path.
	Base *url.URL
	// dial is host:port as it is reached from here.
	dial string
	// secure is where HTTPS is served, nil where it is not.
	secure *secured
}

// secured says where HTTPS is served, and with which certificates.
type secured struct {
	port, dial string
	valid      []admin.Certificate
}

// validAt returns the certificates that are valid at a time.
func validAt(all []admin.Certificate, now time.Time) []admin.Certificate {
	return slices.DeleteFunc(all, func(c admin.Certificate) bool { return !now.After(c.NotBefore) || !now.Before(c.Expires) })
}

// has reports that HTTPS is served for a host.
func (s *secured) has(host string) bool {
	return s != nil && admin.CertificateFor(host, s.valid) != nil
}

// Address finds out where the running gateway is reached: at the published port of its container, else at the
// listener of a proxy in the foreground.
func (s *Session) Address(ctx context.Context, gateway *admin.Client) (Address, error) {
	if s.Env.NamedSocket() == "" {
		running, err := stack.Look(ctx, s.Engine)
		if err != nil {
			return Address{}, err
		}
		if running.Proxy != nil && running.Proxy.State == "running" {
			return s.Env.Published(ctx, running.Settings(), gateway)
		}
	}
	status, err := gateway.Status(ctx)
	if err != nil {
		return Address{}, err
	}
	return listening(status.Proxy.Listeners).secured(ctx, gateway)
}

// secured finds out for which hosts the proxy has certificates.
func (a Address) secured(ctx context.Context, gateway *admin.Client) (Address, error) {
	if a.secure == nil {
		return a, nil
	}
	list, err := gateway.Certificates(ctx)
	if err != nil && !admin.NoCertificates(err) {
		return Address{}, err
	}
	a.secure.valid = validAt(list, time.Now())
	return a, nil
}

// Published is the address of a proxy in a container with those settings.
func (e *Env) Published(ctx context.Context, settings stack.Settings, gateway *admin.Client) (Address, error) {
	a, err := e.published(settings)
	if err != nil {
		return Address{}, err
	}
	return a.secured(ctx, gateway)
}

func (e *Env) published(settings stack.Settings) (Address, error) {
	base, err := url.Parse(baseURL(settings))
	if err != nil {
		return Address{}, fmt.Errorf("reading the gateway's address: %w", err)
	}
	host := e.Hostname()
	if settings.Bind.IsValid() && !settings.Bind.IsUnspecified() {
		host = settings.Bind.String()
	}
	if base.Hostname() == "localhost" && host != "localhost" {
		base.Host = joined(host, fmt.Sprint(settings.HTTP), "80")
	}
	a := Address{Base: base, dial: net.JoinHostPort(host, fmt.Sprint(settings.HTTP))}
	if settings.HTTPS != 0 {
		port := fmt.Sprint(settings.HTTPS)
		a.secure = &secured{port: port, dial: net.JoinHostPort(host, port)}
	}
	return a, nil
}

// listening is the address of a proxy in the foreground of this machine.
func listening(listeners []string) Address {
	a := Address{Base: &url.URL{Scheme: "http", Host: "localhost"}, dial: "localhost:80"}
	plain := false
	for _, l := range listeners {
		u, err := url.Parse(l)
		if err != nil || u.Path != "" { // That with a path answers pings and metrics alone.
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		switch {
		case u.Scheme == "http" && !plain:
			port := cmp.Or(u.Port(), "80")
			a.Base, a.dial, plain = &url.URL{Scheme: "http", Host: joined(host, port, "80")}, net.JoinHostPort(host, port), true
		case u.Scheme == "https" && a.secure == nil:
			port := cmp.Or(u.Port(), "443")
			a.secure = &secured{port: port, dial: net.JoinHostPort(host, port)}
		}
	}
	return a
}

// joined leaves out the port that everybody assumes.
func joined(host, port, usual string) string {
	if port != usual {
		return net.JoinHostPort(host, port)
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// URL is the address of a route as people type it.
func (a Address) URL(key route.Key) string {
	u := *a.Base
	host := cmp.Or(key.Host, u.Hostname())
	switch {
	case a.secure.has(host):
		u = url.URL{Scheme: "https", Host: joined(host, a.secure.port, "443")}
	case key.Host != "":
		u.Host = joined(key.Host, cmp.Or(u.Port(), "80"), "80")
	}
	return u.String() + key.Prefix.Slash()
}

// Probe asks for a route as a client does. Where the listener cannot be reached from here, what the proxy says
// of the route has to do.
func (a Address) Probe(ctx context.Context, key route.Key) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	to, dial := a.URL(key), a.dial
	if strings.HasPrefix(to, "https:") {
		dial = a.secure.dial
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", dial)
	if err != nil {
		return nil
	}
	_ = conn.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", to, err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", dial) },
		// Whether the app answers is the question; of certificates the proxy says more.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as above
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", to, err)
	}
	defer answer.Body.Close()
	if slices.Contains(unanswered, answer.StatusCode) {
		return fmt.Errorf("asking for %s: the answer is %s", to, answer.Status)
	}
	return nil
}

// unanswered are the answers that a proxy gives for an app that does not.
var unanswered = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// baseURL is the public address without TLS, as it is typed on the machine itself.
func baseURL(s stack.Settings) string {
	host := "localhost"
	names := slices.Concat(s.Hosts, s.Domains)
	if s.HTTPS != 0 {
		names = slices.Concat(s.Domains, s.Hosts)
	}
	plain := slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "*") })
	switch {
	case len(plain) > 0:
		host = plain[0]
	case s.Bind.IsValid() && !s.Bind.IsUnspecified():
		host = s.Bind.String()
	}
	return "http://" + joined(host, fmt.Sprint(s.HTTP), "80")
}
