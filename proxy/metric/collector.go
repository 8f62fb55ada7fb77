package metric

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"gateway/proxy/traffic"
)

// ready is the state of targets that is shown even if there are none.
const ready = "ready"

// collector reads its source whenever somebody asks.
type collector struct {
	source Source
	descs  [fieldCount]*prometheus.Desc
	// bounds are the upper ends of the buckets of durations, in seconds.
	bounds []float64
}

func newCollector(s Source) *collector {
	c := &collector{source: s}
	for i, f := range fields {
		c.descs[i] = prometheus.NewDesc(f.Name, f.help(), f.Labels, nil)
	}
	for _, b := range traffic.Bounds() {
		c.bounds = append(c.bounds, b.Seconds())
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	out := answer{c, ch}
	out.put(build, 1, c.source.Version)
	if c.source.Ledger != nil {
		out.ledger(c.source.Ledger())
	}
	if c.source.Table != nil {
		out.table(c.source.Table())
	}
	if c.source.Connections != nil {
		now := c.source.Connections()
		out.put(connections, float64(now.Open))
		out.admitted(now, connectionsMost, refused)
	}
	if c.source.UnderWay != nil {
		out.admitted(c.source.UnderWay(), requestsMost, refusedRequests)
	}
	if c.source.Agent != nil {
		if at := c.source.Agent(); !at.IsZero() {
			out.put(reported, float64(at.UnixMilli())/1000)
		}
	}
	if c.source.LostLines != nil {
		out.put(lostLines, float64(c.source.LostLines()))
	}
}

// answer is one set of metrics on its way out.
type answer struct {
	*collector
	ch chan<- prometheus.Metric
}

// put adds a counter or a gauge.
func (a answer) put(field int, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if fields[field].Type == counter {
		kind = prometheus.CounterValue
	}
	m, err := prometheus.NewConstMetric(a.descs[field], kind, value, valid(labels)...)
	a.send(field, m, err)
}

func (a answer) send(field int, m prometheus.Metric, err error) {
	if err != nil {
		// The one who asks is told.
		m = prometheus.NewInvalidMetric(a.descs[field], err)
	}
	a.ch <- m
}

// valid makes labels the text that they have to be.
func valid(labels []string) []string {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "\ufffd")
	}
	return labels
}

// admitted adds bounds and what they kept out.
func (a answer) admitted(now Admitted, most, refused int) {
	for bound, n := range now.Most {
		a.put(most, float64(n), bound)
	}
	for bound, n := range now.Refused {
		a.put(refused, float64(n), bound)
	}
}

func (a answer) ledger(l traffic.Ledger) {
	for i := range l.Routes {
		a.counts(l.Routes[i].Key, &l.Routes[i].Counts)
	}
	a.counts(stray, &l.Stray)
	for class, n := range l.Removed.Requests {
		a.put(removedRequests, float64(n), traffic.Class(class).String())
	}
}

func (a answer) counts(route string, c *traffic.Counts) {
	for class, n := range c.Requests {
		a.put(requests, float64(n), route, traffic.Class(class).String())
	}
	a.put(inFlight, float64(c.Inflight), route)
	a.put(requestBytes, float64(c.Received), route)
	a.put(responseBytes, float64(c.Sent), route)
	a.put(retries, float64(c.Retries), route)
	a.put(ejections, float64(c.Ejections), route)
	a.latency(route, &c.Latency)
}

func (a answer) latency(route string, l *traffic.Latency) {
	buckets := make(map[float64]uint64, len(a.bounds))
	var count uint64
	for i, n := range l.Buckets {
		count += n
		if i < len(a.bounds) {
			buckets[a.bounds[i]] = count
		}
	}
	labels := valid([]string{route})
	m, err := prometheus.NewConstHistogram(a.descs[duration], count, l.Sum.Seconds(), buckets, labels...)
	a.send(duration, m, err)
}

func (a answer) table(t Table) {
	a.put(revision, float64(t.Revision))
	a.put(routes, float64(len(t.Routes)))
	a.put(problems, float64(t.Problems))
	for i := range t.Routes {
		r := &t.Routes[i]
		a.put(waiting, float64(r.Waiting), r.Key)
		a.put(targets, float64(r.Targets[ready]), r.Key, ready)
		for state, n := range r.Targets {
			if state != ready && n > 0 {
				a.put(targets, float64(n), r.Key, state)
			}
		}
	}
}
