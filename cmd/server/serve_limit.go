package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/engine"
	"gateway/proxy/label"
	"gateway/proxy/limit"
	"gateway/proxy/peer"
	"gateway/proxy/route"
)

// limitOptions are the flags for limits and timeouts. The fields below the empty line are set by check.
type limitOptions struct {
	maxConns, maxConnsPerClient int
	// maxRequests is 0 for as many as there is room for, maxRequestsPerClient 0 for no bound.
	maxRequests, maxRequestsPerClient int

	maxBody, maxHead string
	maxFields        int
	clientRate       string
	trustedProxies   []string
	proxyProtocol    bool
	waits            waitOptions

	// bodyMax is 0 for no bound, as is rate.
	bodyMax int64
	headMax int
	rate    route.Rate
	// trusted is nil when nobody is.
	trusted *peer.Networks
}

// waitOptions are the timeouts; 0 is none, and for the last two no time at all.
type waitOptions struct {
	head, idle, body, write, connect, answer, total, drain time.Duration

	grace, hold time.Duration
}

// The ranges of the limits: less would refuse browsers, and more would be no limit.
const (
	leastHead, mostHead     = 1 << 10, 1 << 20
	leastFields, mostFields = 16, 10_000
)

func addLimitFlags(f *pflag.FlagSet, o *limitOptions) {
	f.IntVar(&o.maxConns, "max-conns", 10_000,
		"open client connections; 0 for as many as memory and open files allow, which is also the most")
	f.IntVar(&o.maxConnsPerClient, "max-conns-per-client", 1024,
		"open connections per client address (IPv6: per /64); 0 disables")
	f.IntVar(&o.maxRequests, "max-requests", 0,
		"concurrent requests, upgraded connections included; 0 for as many as memory and open files allow, which is also the most")
	f.IntVar(&o.maxRequestsPerClient, "max-requests-per-client", 512,
		"concurrent requests per client address, at most a quarter of --max-requests; 0 disables")
	f.StringVar(&o.maxBody, "max-body", "", "largest request body, such as 100MB; a route's label overrides it (default none)")
	f.StringVar(&o.maxHead, "max-head", "64KiB", "largest request head")
	f.IntVar(&o.maxFields, "max-fields", 128, "header fields per request")
	f.StringVar(&o.clientRate, "client-rate", "", "requests per client address, such as 50/s,burst=100 (default none)")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxy", nil,
		"`network` or address of proxies whose forwarded client address is trusted, or private for all private networks; may be repeated")
	f.BoolVar(&o.proxyProtocol, "proxy-protocol", false, "expect a PROXY protocol header, version 1 or 2, on connections from --trusted-proxy")
	for _, w := range o.waits.all() {
		f.DurationVar(w.value, w.flag, w.usual, w.usage)
	}
}

// wait is one of the durations.
type wait struct {
	value       *time.Duration
	flag, usage string
	usual       time.Duration
}

func (o *waitOptions) all() []wait {
	return []wait{
		{&o.head, "head-timeout", "timeout for the TLS handshake and for each request head; 0 disables", 10 * time.Second},
		{&o.idle, "idle-timeout", "timeout for idle client connections; 0 disables", 2 * time.Minute},
		{&o.body, "body-timeout", "timeout between reads of a request body; 0 disables", time.Minute},
		{&o.write, "write-timeout", "timeout between writes of a response; 0 disables", time.Minute},
		{&o.connect, "connect-timeout", "connect timeout to a target; 0 disables", 5 * time.Second},
		{&o.answer, "answer-timeout", "timeout for the response head of a target; 0 disables", 2 * time.Minute},
		{&o.total, "total-timeout", "timeout for a whole request, except upgraded connections (default none)", 0},
		{&o.drain, "drain-timeout", "time for requests to a replaced target to finish; 0 for no limit; a route's label overrides it", 30 * time.Second},
		{&o.grace, "grace", "time for requests to finish when the gateway stops; 0 ends them at once", 10 * time.Second},
		{&o.hold, "hold", "time that a request waits for a route without a ready target; 0 disables", 5 * time.Second},
	}
}

// check parses the texts of flags. Its errors are usage errors.
func (o *limitOptions) check() error {
	for _, check := range []func() error{o.checkCounts, o.checkSizes, o.checkRate, o.checkTrusted, o.waits.check} {
		if err := check(); err != nil {
			return cli.Usage(err)
		}
	}
	return nil
}

func (o *limitOptions) checkCounts() error {
	switch {
	case o.maxConns < 0:
		return fmt.Errorf("--max-conns %d: it takes a number of connections, or 0 for no bound but that of open files", o.maxConns)
	case o.maxConnsPerClient < 0:
		return fmt.Errorf("--max-conns-per-client %d: it takes a number of connections, or 0 for no bound", o.maxConnsPerClient)
	case o.maxRequests < 0:
		return fmt.Errorf("--max-requests %d: it takes a number of requests, or 0 for no bound but that of memory and open files", o.maxRequests)
	case o.maxRequestsPerClient < 0:
		return fmt.Errorf("--max-requests-per-client %d: it takes a number of requests, or 0 for no bound", o.maxRequestsPerClient)
	case o.maxFields < leastFields || o.maxFields > mostFields:
		return fmt.Errorf("--max-fields %d: it takes a number from %d, which browsers need, to %d", o.maxFields, leastFields, mostFields)
	}
	return nil
}

func (o *limitOptions) checkSizes() error {
	head, err := label.ParseSize(o.maxHead)
	if err != nil {
		return fmt.Errorf("--max-head: %w", err)
	}
	if head < leastHead || head > mostHead {
		return fmt.Errorf("--max-head %s: it takes a size from 1KiB, which browsers need, to 1MiB", o.maxHead)
	}
	o.headMax, o.bodyMax = int(head), 0
	if o.maxBody == "" {
		return nil
	}
	if o.bodyMax, err = label.ParseSize(o.maxBody); err != nil {
		return fmt.Errorf("--max-body: %w", err)
	}
	return nil
}

func (o *limitOptions) checkRate() (err error) {
	o.rate = route.Rate{}
	if o.clientRate == "" {
		return nil
	}
	if o.rate, err = label.ParseRate(o.clientRate); err != nil {
		return fmt.Errorf("--client-rate: %w", err)
	}
	return nil
}

func (o *limitOptions) checkTrusted() (err error) {
	o.trusted = nil
	if len(o.trustedProxies) > 0 {
		if o.trusted, err = peer.ParseNetworks(o.trustedProxies...); err != nil {
			return fmt.Errorf("--trusted-proxy: %w", err)
		}
	}
	if o.proxyProtocol && o.trusted == nil {
		return errors.New("--trusted-proxy is missing: with --proxy-protocol anybody could claim to be anybody; name the proxies that send its header")
	}
	return nil
}

func (o *waitOptions) check() error {
	for _, w := range o.all() {
		if *w.value < 0 {
			return fmt.Errorf("--%s %v: a time is not negative", w.flag, *w.value)
		}
	}
	return nil
}

// clientShare is the largest share of all requests that one client may have: one in clientShare.
const clientShare = 4

// lesserOf returns the smaller of a limit and the room for it, and whether the room is smaller; 0 is no bound.
func lesserOf(asked, room int) (n int, lowered bool) {
	if room == 0 || asked > 0 && asked <= room {
		return asked, false
	}
	return room, asked > 0
}

// conns returns the limit of open connections, and whether it is lower than --max-conns; 0 is no bound.
func (o *limitOptions) conns(room limit.Room) (n int, lowered bool) {
	return lesserOf(o.maxConns, room.Conns())
}

// requests returns the limits of concurrent requests, in all and per client, and whether the first is lower than
// --max-requests; 0 is no bound.
func (o *limitOptions) requests(room limit.Room) (all, perClient int, lowered bool) {
	all, lowered = lesserOf(o.maxRequests, room.Requests())
	if perClient = o.maxRequestsPerClient; perClient > 0 && all > 0 {
		perClient = min(perClient, max(all/clientShare, 1))
	}
	return all, perClient, lowered
}

// limits returns the limits of the engine.
func (o *limitOptions) limits() engine.Limits {
	return engine.Limits{Head: o.headMax, Fields: o.maxFields}
}

// timeouts returns the timeouts of the engine.
func (o *waitOptions) timeouts() engine.Timeouts {
	return engine.Timeouts{
		Head:     orEver(o.head),
		Idle:     orEver(o.idle),
		Body:     orEver(o.body),
		Write:    orEver(o.write),
		Connect:  orEver(o.connect),
		Response: orEver(o.answer),
		Total:    orEver(o.total),
	}
}

// orEver translates a timeout of a flag for the proxy, for which 0 is the default and less is no timeout.
func orEver(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
