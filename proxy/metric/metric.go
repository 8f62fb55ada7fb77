// Package metric shows a proxy's figures to Prometheus, in its text format. It knows the names, the labels and the units
// of all metrics; what they are of it reads when somebody asks, so that a request costs nothing here. Labels are bounded:
// routes by their keys, classes and states, and never a path, a client or a target.
package metric

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gateway/proxy/traffic"
)

// Source is what the figures are read from. Its functions are called once for each response, possibly several at once;
// one that is nil leaves its metrics out.
type Source struct {
	// Version is that of the gateway.
	Version string
	// Snapshot returns what was counted.
	Snapshot func() traffic.Snapshot
	// Table describes the current table.
	Table func() Table
	// Connections tells how things stand with those of clients.
	Connections func() Admitted
	// UnderWay tells the same of their requests.
	UnderWay func() Admitted
	// Reported returns when each agent last reported, by the names of their sources.
	Reported func() map[string]time.Time
	// Certificates are those of the proxy, and the names that wait for one.
	Certificates func() []Certificate
	// LostLines is how many lines of the access log were lost.
	LostLines func() uint64
}

// Table is the current table.
type Table struct {
	// Revision is 0 when there was no table yet.
	Revision uint64
	Problems int
	Routes   []Route
}

// Route is one route of a table, whose keys are unique.
type Route struct {
	Key string
	// Targets counts its targets by their state.
	Targets map[string]int
	// Waiting is the number of requests that wait for a target, or for the end of a pause.
	Waiting int
}

// Certificate is that of one name; names are unique.
type Certificate struct {
	Name string
	// Expires is the end of its validity, zero without a certificate.
	Expires time.Time
	// Failures counts the orders that failed since the last success.
	Failures int
}

// Admitted counts connections of clients, or requests.
type Admitted struct {
	// Open are those that are in.
	Open int
	// Most is how many may be in by each bound, 0 for any number, and Refused counts those that each kept out since the
	// start.
	Most    map[string]int
	Refused map[string]uint64
}

// Handler serves all metrics, and those of the Go runtime and of the process. Concurrent requests may get the same
// response.
func Handler(s Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	// Compressing costs as much as everything else together, and who asks is on this machine.
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{CoalesceGather: true, DisableCompression: true})
}
