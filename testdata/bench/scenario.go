package main

import (
	"context"
	"slices"
	"time"

	"gateway/testdata/bench/peer"
)

// scenario is a row of the table.
type scenario struct {
	name  string
	title string
	unit  string
	scale float64 // from what measure returns to the unit
	traffic
	measure func(context.Context, *bed, *peer.Running, traffic) (sample, error)
	// peers, if set, are those that take part, as far as their kind was chosen; the first is what ratios are to.
	peers []peer.Peer
	// base, if set, is one of the peers that the others are compared with too, round by round.
	base string
	// times is how many rounds there are in the place of one, since a small difference is looked for; 0 is 1.
	times int
	// woven says that the proxies of a round run beside each other and get the load in short turns: what the machine does
	// meanwhile is the same for all then, so that small differences show.
	woven bool
	// alone says that a figure is a ratio already, and needs none beside nginx's.
	alone bool
	// only, if set, says which of the chosen take part.
	only func(peer.Peer) bool
	// still says that a figure is one of memory: other work on the machine does not disturb it.
	still bool
	// once says that a measurement is long and hardly varies: it is made in the first round only.
	once bool
}

// traffic is what is sent through a proxy.
type traffic struct {
	conns   int
	body    int // bytes of each response's body, or of each request's when it is an upload
	rate    int
	routes  int
	secure  bool
	fresh   bool
	browser bool
	upload  bool
	// clientRate and clientConns are what a client may do.
	clientRate, clientConns int
	tool                    func(context.Context, *bed, *peer.Running, traffic, time.Duration) (outcome, error)
}

const (
	micro = 1e6 // microseconds of processor time for each request
	milli = 1e3
)

func scenarios() []scenario {
	keep := traffic{conns: 64, body: 1024, routes: 100, tool: ownLoad}
	all := []scenario{
		{name: "keepalive64", title: "64 connections", traffic: keep},
		{name: "keepalive256", title: "256 connections", traffic: keep.with(func(t *traffic) { t.conns = 256 })},
		{name: "browser", title: "browser-sized request heads", traffic: keep.with(func(t *traffic) { t.browser = true })},
		{name: "paced", title: "paced 5,000/s", traffic: keep.with(func(t *traffic) { t.rate = 5000 })},
		{name: "connection", title: "new connection per request", traffic: keep.with(func(t *traffic) { t.fresh = true })},
		{
			name: "download", title: "a 10 MB download", unit: "CPU ms", scale: milli,
			traffic: keep.with(func(t *traffic) { t.conns, t.body = 4, 10<<20 }),
		},
		{
			name: "upload", title: "a 1 MB upload", unit: "CPU ms", scale: milli,
			traffic: keep.with(func(t *traffic) { t.conns, t.body, t.upload = 4, 1<<20, true }),
		},
		{
			name: "tls64", title: "TLS 1.3, HTTP/1.1 keep-alive, 64 connections",
			traffic: keep.with(func(t *traffic) { t.secure, t.tool = true, wrkLoad }),
		},
		{
			name: "tlsconnection", title: "TLS 1.3, new connection per request, none resumed",
			traffic: keep.with(func(t *traffic) { t.secure, t.fresh, t.tool = true, true, wrkLoad }),
		},
		{
			name: "h2", title: "HTTP/2 over TLS, 64 connections of 10 streams",
			traffic: keep.with(func(t *traffic) { t.secure, t.tool = true, h2Load }),
		},
		{
			name: "idle", title: "RSS per idle client connection, 9,000 of them", unit: "KB", scale: 1.0 / 1024, once: true, still: true,
			measure: idle, traffic: keep.with(func(t *traffic) { t.conns = 9000 }),
		},
		{name: "memory", title: "PSS idle, 100 routes", unit: "MB", scale: 1.0 / (1 << 20), measure: memory, still: true, traffic: keep},
		{
			name: "swap", title: "one route changed of 1,000 under 4,000 requests/s: in force after", unit: "ms", scale: milli,
			measure: swap, only: peer.Peer.CanChange, traffic: keep.with(func(t *traffic) { t.routes, t.rate = 1000, 4000 }),
		},
		{
			name: "routes10k", title: "10,000 routes beside 100, 64 connections", traffic: keep, woven: true,
			peers: []peer.Peer{peer.ManyRoutes(100, 100), peer.ManyRoutes(10_000, 100), peer.ManyRoutes(10_000, 10_000)},
		},
		{
			name: "features", title: "64 connections, with and without log, limits, balancing, checks and metrics", traffic: keep,
			peers: withFeatures(), base: allOff, times: 3, woven: true,
		},
	}
	return append(all, disturbed(keep)...)
}

// disturbed are the scenarios in which other clients disturb the measured ones.
func disturbed(keep traffic) []scenario {
	return []scenario{
		{
			name: "limitrate", title: "p99 of clients while another client is 2,000 requests/s over its rate, beside one that is calm", unit: "times", scale: 1,
			measure: flooded, only: peer.Peer.BoundsRate, alone: true,
			traffic: keep.with(func(t *traffic) { t.rate, t.clientRate = 2000, 100 }),
		},
		{
			name: "limitconns", title: "p99 of clients while another client opens 2,000 connections a second too many, beside one that is calm", unit: "times", scale: 1,
			measure: flooded, only: peer.Peer.BoundsConns, alone: true,
			traffic: keep.with(func(t *traffic) { t.rate, t.clientConns = 2000, 100 }),
		},
		{
			name: "slow", title: "p99 of clients beside 9,700 slow clients, each a byte a second, and without", unit: "times", scale: 1,
			measure: slowed, alone: true, traffic: keep.with(func(t *traffic) { t.rate = 2000 }),
		},
	}
}

func (t traffic) with(change func(*traffic)) traffic {
	change(&t)
	return t
}

// takes reports which of the chosen proxies take part.
func (s scenario) takes(chosen []peer.Peer) []peer.Peer {
	switch {
	case s.peers != nil:
		kinds := map[string]bool{}
		for _, p := range chosen {
			kinds[p.Kind()] = true
		}
		return slices.DeleteFunc(slices.Clone(s.peers), func(p peer.Peer) bool { return !kinds[p.Kind()] })
	case s.only != nil:
		return slices.DeleteFunc(slices.Clone(chosen), func(p peer.Peer) bool { return !s.only(p) })
	}
	return slices.Clone(chosen)
}

// groups are names of several scenarios.
var groups = map[string][]string{"limits": {"limitrate", "limitconns"}}

// allOff is the gateway that does nothing but what it must.
const allOff = "gateway, all off"

// withFeatures are the proxies of the features scenario: with nothing and with everything, or with single features.
func withFeatures(single ...string) []peer.Peer {
	plain := peer.All()[0]
	off := peer.Gateway("all off", peer.Features{})
	if len(single) == 0 {
		return []peer.Peer{plain, peer.NginxLogging(), off, peer.Gateway("all on", peer.Everything)}
	}
	peers := []peer.Peer{plain, off}
	for _, name := range single {
		f, _ := peer.FeatureNamed(name) // choose has looked
		peers = append(peers, peer.Gateway(name+" on", f))
	}
	return peers
}
