package tui

import (
	"net"
	"net/url"
	"strings"
)

// PublicURL is the address at which a client finds a route: of the listeners of a proxy, as admin.Proxy has them,
// it takes the port that needs no mention if there is one, else the first that is not of this machine alone. Site
// names a route that has no host; empty means "localhost".
func PublicURL(listeners []string, site, host, path string) string {
	best := &url.URL{Scheme: "http", Host: "0.0.0.0:80"}
	rank := -1
	for _, listener := range listeners {
		u, err := url.Parse(listener)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		if r := rankListener(u); r > rank {
			best, rank = u, r
		}
	}
	name := host
	if name == "" {
		name = siteName(site, best.Hostname())
	}
	if port := best.Port(); port != "" && !defaultPort(best.Scheme, port) {
		name = net.JoinHostPort(name, port)
	} else if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	return best.Scheme + "://" + name + strings.TrimSuffix(path, "/") + "/"
}

// rankListener is higher for an address that clients are more likely to use.
func rankListener(u *url.URL) int {
	rank := 0
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		rank += 2
	}
	if defaultPort(u.Scheme, u.Port()) {
		rank++
	}
	return rank
}

func defaultPort(scheme, port string) bool {
	return scheme == "http" && port == "80" || scheme == "https" && port == "443"
}

// siteName is the name that leads to a listener: that of the site, unless the listener has one address only.
func siteName(site, listener string) string {
	ip := net.ParseIP(listener)
	if site != "" && site != "localhost" {
		return site
	}
	if ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		return "localhost"
	}
	return ip.String()
}
