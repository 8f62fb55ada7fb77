package cmd

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

// address is where visitors find the gateway.
type address struct {
	// base is the address as people type it, without a path.
	base *url.URL
	// dial is host:port as it is reached from here.
	dial string
}

// address finds out where the running gateway is reached: at the published port of its container, else at the
// listener of a proxy in the foreground.
func (w *workshop) address(ctx context.Context, gateway *admin.Client) (address, error) {
	if w.env.namedSocket() == "" {
		running, err := stack.Look(ctx, w.engine)
		if err != nil {
			return address{}, err
		}
		if running.Proxy != nil && running.Proxy.State == "running" {
			return w.published(running.Settings())
		}
	}
	status, err := gateway.Status(ctx)
	if err != nil {
		return address{}, err
	}
	return listening(status.Proxy.Listeners), nil
}

// published is the address of a proxy in a container.
func (w *workshop) published(s stack.Settings) (address, error) {
	base, err := url.Parse(baseURL(s))
	if err != nil {
		return address{}, fmt.Errorf("reading the gateway's address: %w", err)
	}
	host := w.env.site()
	if s.Bind.IsValid() && !s.Bind.IsUnspecified() {
		host = s.Bind.String()
	}
	if base.Hostname() == "localhost" && host != "localhost" {
		base.Host = joined(host, fmt.Sprint(s.HTTP))
	}
	return address{base, net.JoinHostPort(host, fmt.Sprint(s.HTTP))}, nil
}

// listening is the address of a proxy in the foreground of this machine.
func listening(listeners []string) address {
	for _, l := range listeners {
		u, err := url.Parse(l)
		if err != nil || u.Scheme != "http" {
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
		return address{&url.URL{Scheme: "http", Host: joined(host, port)}, net.JoinHostPort(host, port)}
	}
	return address{&url.URL{Scheme: "http", Host: "localhost"}, "localhost:80"}
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

// url is the address of a route as people type it.
func (a address) url(key route.Key) string {
	u := *a.base
	if key.Host != "" {
		port := u.Port()
		if port == "" {
			port = "80"
		}
		u.Host = joined(key.Host, port)
	}
	return u.String() + key.Prefix.Slash()
}

// probe asks for a route the way a visitor does. Where the listener cannot be reached from here, what the proxy says
// of the route has to do.
func (a address) probe(ctx context.Context, key route.Key) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.dial)
	if err != nil {
		return nil
	}
	_ = conn.Close()
	to := a.url(key)
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
