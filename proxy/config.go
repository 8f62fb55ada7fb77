package proxy

import (
	"log/slog"
	"net"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/certificate"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/peer"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// Config says where a proxy listens and what it keeps.
type Config struct {
	// Listen are the addresses that clients reach, such as ":80". Without one here or in TLSListen, only Ping and Admin
	// are served.
	Listen []string
	// TLSListen are those that clients reach with TLS, such as ":443". With one, Certificates is required.
	TLSListen []string
	// HTTP3 serves HTTP/3 too, on the UDP ports of the same numbers and addresses as TLSListen or Inherited.HTTPS, one of
	// which is required. It excludes ProxyProtocol: QUIC has no such header. Responses over TLS name HTTPSPort in Alt-Svc, or
	// the port of the first listener with TLS if that is 0.
	HTTP3 bool
	// Certificates has those of TLSListen. Its challenges are answered on Listen. It may be nil.
	Certificates certificate.Manager
	// HTTPSPort is where clients reach TLSListen, as redirects from HTTP name it; 0 is 443. NoRedirect serves requests
	// without TLS as they are, also where there is a certificate.
	HTTPSPort  int
	NoRedirect bool
	// HSTS is the Strict-Transport-Security field (RFC 6797) of all responses over TLS, as filter.ParseHSTS returns it;
	// empty is none. Hosts with a certificate of the gateway's own authority get none.
	HSTS string
	// SetFiles takes the certificates from files that the agent sees, all of them, as certificate.Files does. Nil takes none.
	SetFiles func([]certificate.PEMPair) error
	// Root returns the root certificate, in PEM, of the gateway's own certificate authority, empty for none. It may be nil.
	Root func() []byte
	// ServeRoot serves it to everybody at /.gateway/ca.crt and /.gateway/ca.mobileconfig, with a page at /.gateway/ that tells
	// how devices are made to trust it. Routes get none of these requests then.
	ServeRoot bool
	// Ping is the address of the liveness check at /ping and of the metrics at /metrics, by default none. Bind it to the
	// loopback: it has no limits.
	Ping string
	// Admin is the path of the unix socket of the admin API, by default none. Its folder is made when it is missing.
	Admin string
	// Inherited are listeners that somebody else has opened, as systemd does. Those of a kind stand in the place of the
	// addresses of that kind.
	Inherited Inherited
	// Sources are those that Serve runs, by their names. Others are pushed through the admin API.
	Sources map[string]source.Source
	// Await are the names of sources without whose listings there is no first table: requests wait for them as for a table.
	// Those in Sources are always awaited.
	Await []string
	// Via is the name of this gateway in the Via fields that it then adds to what it passes on, both ways (RFC 9110
	// section 7.6.3). By default it adds none.
	Via string
	// Forwarded adds a Forwarded field (RFC 7239) to requests.
	Forwarded bool
	// StateDir is the folder of the last good table, by default none: a restarted proxy then waits for its sources. It is
	// made when it is missing.
	StateDir string
	// Version is what Status says.
	Version string
	// Timeouts and Limits are those of connections and exchanges; see there for their defaults.
	Timeouts engine.Timeouts
	Limits   engine.Limits
	// BodyMax is the most bytes that the body of a request may have where its route says nothing else, by default any
	// number.
	BodyMax int64
	// MaxConns is the most connections of clients at once, MaxClientConns the most of one client; 0 is any number. Who
	// comes beyond gets 503 or 429.
	MaxConns, MaxClientConns int
	// MaxRequests and MaxClientRequests are the same for requests under way, over all connections of a client: from the
	// first byte of the head to the end of the response, or of the upgraded connection. Streams of
	// HTTP/2 and HTTP/3 beyond are refused. Requests of Trusted count for the clients that they name.
	MaxRequests, MaxClientRequests int
	// Rate is how many requests one client may make, on all routes together, beside what the routes say.
	Rate route.Rate
	// Trusted are the proxies before this one, whose X-Forwarded-For, -Proto and -Host are believed. Their connections do
	// not count for MaxClientConns. Nil is nobody.
	Trusted *peer.Networks
	// ProxyProtocol has connections from Trusted begin with a header of the PROXY protocol, version 1 or 2.
	ProxyProtocol bool
	// Drain is how long a target that gets no more requests keeps those that it has, upgraded connections included, where
	// its route says nothing else. Default 30 s; a negative one is any time.
	Drain time.Duration
	// Hold is how long a request waits when no target of its route can be reached for the moment, as while an app
	// restarts. It waits only as long as the last target was reached no longer ago than that. Default none.
	Hold time.Duration
	// Wake is how long a request waits for a project that is asleep to start. Default 60 s. Browsers get a page sooner.
	Wake time.Duration
	// Ready is called once, when all listeners are open; Ending when Serve begins to end. Both may be nil.
	Ready, Ending func()
	// Grace is how long requests under way may take to finish once Serve must end. Default 10 s; a negative one is no
	// time.
	Grace time.Duration
	// AccessLog has a line for each request that ended; nil is none. Its owner runs it, for longer than Serve.
	AccessLog *accesslog.Log
	// Logger may be nil: nothing is logged then.
	Logger *slog.Logger

	// hurry is how long a target may take to accept a connection while there are others to ask. Default 1 s.
	hurry time.Duration
}

// Inherited are open listeners, by what they are for. Serve closes them.
type Inherited struct {
	// HTTP and HTTPS are for clients, Ping for what Config.Ping is, Admin for the admin API.
	HTTP, HTTPS, Ping, Admin []net.Listener
}

// defaultDrain is Config.Drain when it is 0.
const defaultDrain = 30 * time.Second

// defaultWake is Config.Wake when it is 0.
const defaultWake = time.Minute

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if c.Wake == 0 {
		c.Wake = defaultWake
	}
	if c.hurry == 0 {
		c.hurry = time.Second
	}
	if c.Grace == 0 {
		c.Grace = Grace
	}
	if c.Ready == nil {
		c.Ready = func() {}
	}
	if c.Ending == nil {
		c.Ending = func() {}
	}
	return c
}

// https says how clients are moved to HTTPS.
func (c Config) https() filter.HTTPS {
	h := filter.HTTPS{Port: c.HTTPSPort, HSTS: c.HSTS}
	if c.Certificates != nil {
		h.Internal = c.Certificates.Internal
	}
	if len(c.TLSListen)+len(c.Inherited.HTTPS) > 0 && !c.NoRedirect {
		h.Covers = c.Certificates.Covers
	}
	return h
}
