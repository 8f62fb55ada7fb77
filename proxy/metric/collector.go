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
	out := output{c, ch}
	out.put(build, 1, c.source.Version)
	if c.source.Snapshot != nil {
		out.snapshot(c.source.Snapshot())
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
	if c.source.Reported != nil {
		for name, at := range c.source.Reported() {
			out.put(reported, float64(at.UnixMilli())/1000, name)
		}
	}
	if c.source.Certificates != nil {
		out.certificates(c.source.Certificates())
	}
	if c.source.LostLines != nil {
		out.put(lostLines, float64(c.source.LostLines()))
	}
}

// output is one set of metrics on its way out.
type output struct {
	from *collector
	ch   chan<- prometheus.Metric
}

// put adds a counter or a gauge.
func (o output) put(field int, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if fields[field].Type == counter {
		kind = prometheus.CounterValue
	}
	m, err := prometheus.NewConstMetric(o.from.descs[field], kind, value, valid(labels)...)
	o.send(field, m, err)
}

func (o output) send(field int, m prometheus.Metric, err error) {
	if err != nil {
		// Prometheus is to see it.
		m = prometheus.NewInvalidMetric(o.from.descs[field], err)
	}
	o.ch <- m
}

// valid makes labels the text that they have to be.
func valid(labels []string) []string {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "\ufffd")
	}
	return labels
}

// admitted adds bounds and what they kept out.
func (o output) admitted(now Admitted, most, refused int) {
	for bound, n := range now.Most {
		o.put(most, float64(n), bound)
	}
	for bound, n := range now.Refused {
		o.put(refused, float64(n), bound)
	}
}

func (o output) certificates(all []Certificate) {
	for _, c := range all {
		if !c.Expires.IsZero() {
			o.put(certificateExpiry, float64(c.Expires.Unix()), c.Name)
		}
		o.put(certificateFailures, float64(c.Failures), c.Name)
	}
}

func (o output) snapshot(l traffic.Snapshot) {
	for i := range l.Routes {
		o.counts(l.Routes[i].Key, &l.Routes[i].Counts)
	}
	o.counts(unrouted, &l.Unrouted)
	for class, n := range l.Removed.Requests {
		o.put(removedRequests, float64(n), traffic.Class(class).String())
	}
}

func (o output) counts(route string, c *traffic.Counts) {
	for class, n := range c.Requests {
		o.put(requests, float64(n), route, traffic.Class(class).String())
	}
	for by, n := range c.Refused {
		if n > 0 {
			o.put(refusedByFilter, float64(n), route, traffic.Refusal(by).String())
		}
	}
	o.put(inFlight, float64(c.Inflight), route)
	o.put(requestBytes, float64(c.Received), route)
	o.put(responseBytes, float64(c.Sent), route)
	o.put(retries, float64(c.Retries), route)
	o.put(ejections, float64(c.Ejections), route)
	o.latency(route, &c.Latency)
}

func (o output) latency(route string, l *traffic.Latency) {
	buckets := make(map[float64]uint64, len(o.from.bounds))
	var count uint64
	for i, n := range l.Buckets {
		count += n
		if i < len(o.from.bounds) {
			buckets[o.from.bounds[i]] = count
		}
	}
	labels := valid([]string{route})
	m, err := prometheus.NewConstHistogram(o.from.descs[duration], count, l.Sum.Seconds(), buckets, labels...)
	o.send(duration, m, err)
}

func (o output) table(t Table) {
	o.put(revision, float64(t.Revision))
	o.put(routes, float64(len(t.Routes)))
	o.put(problems, float64(t.Problems))
	for i := range t.Routes {
		r := &t.Routes[i]
		o.put(waiting, float64(r.Waiting), r.Key)
		o.put(targets, float64(r.Targets[ready]), r.Key, ready)
		for state, n := range r.Targets {
			if state != ready && n > 0 {
				o.put(targets, float64(n), r.Key, state)
			}
		}
	}
}
