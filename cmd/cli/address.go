package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
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
			return s.published(running.Settings())
		}
	}
	status, err := gateway.Status(ctx)
	if err != nil {
		return Address{}, err
	}
	return listening(status.Proxy.Listeners), nil
}

// published is the address of a proxy in a container.
func (s *Session) published(settings stack.Settings) (Address, error) {
	base, err := url.Parse(BaseURL(settings))
	if err != nil {
		return Address{}, fmt.Errorf("reading the gateway's address: %w", err)
	}
	host := s.Env.Hostname()
	if settings.Bind.IsValid() && !settings.Bind.IsUnspecified() {
		host = settings.Bind.String()
	}
	if base.Hostname() == "localhost" && host != "localhost" {
		base.Host = joined(host, fmt.Sprint(settings.HTTP))
	}
	return Address{base, net.JoinHostPort(host, fmt.Sprint(settings.HTTP))}, nil
}

// listening is the address of a proxy in the foreground of this machine.
func listening(listeners []string) Address {
	for _, l := range listeners {
		u, err := url.Parse(l)
		if err != nil || u.Scheme != "http" || u.Path != "" { // That with a path answers pings and metrics alone.
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		port := u.Port()
		if port == "" {
			port = "80"
		}
		return Address{&url.URL{Scheme: "http", Host: joined(host, port)}, net.JoinHostPort(host, port)}
	}
	return Address{&url.URL{Scheme: "http", Host: "localhost"}, "localhost:80"}
}

// joined leaves out the port that everybody assumes.
func joined(host, port string) string {
	if whole := net.JoinHostPort(host, port); port != "80" {
		return whole
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// URL is the address of a route as people type it.
func (a Address) URL(key route.Key) string {
	u := *a.Base
	if key.Host != "" {
		port := u.Port()
		if port == "" {
			port = "80"
		}
		u.Host = joined(key.Host, port)
	}
	return u.String() + key.Prefix.Slash()
}

// Probe asks for a route as a client does. Where the listener cannot be reached from here, what the proxy says
// of the route has to do.
func (a Address) Probe(ctx context.Context, key route.Key) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.dial)
	if err != nil {
		return nil
	}
	_ = conn.Close()
	to := a.URL(key)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", to, err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", a.dial) },
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

// BaseURL is the public address as it is typed on the machine itself.
func BaseURL(s stack.Settings) string {
	host := "localhost"
	switch {
	case len(s.Hosts) > 0:
		host = s.Hosts[0]
	case s.Bind.IsValid() && !s.Bind.IsUnspecified():
		host = s.Bind.String()
	}
	return "http://" + joined(host, fmt.Sprint(s.HTTP))
}
