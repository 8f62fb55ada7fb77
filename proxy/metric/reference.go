package metric

import "strings"

// Field is the documentation of one metric.
type Field struct {
	Name string
	// Type is counter, gauge or histogram.
	Type string
	// Unit is what is counted or measured.
	Unit   string
	Labels []string
	// Meaning is a sentence or two.
	Meaning string
}

// help is what the metric says of itself.
func (f Field) help() string {
	return strings.ReplaceAll(f.Meaning, "`", "") + " Unit: " + f.Unit + "."
}

// The metrics, by their places in fields.
const (
	requests = iota
	removedRequests
	refusedByFilter
	inFlight
	waiting
	duration
	requestBytes
	responseBytes
	retries
	ejections
	connections
	connectionsMost
	refused
	requestsMost
	refusedRequests
	revision
	routes
	problems
	targets
	reported
	lostLines
	certificateExpiry
	certificateFailures
	build
	fieldCount
)

// The kinds of metrics.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// unrouted is the route of requests that belong to none. Keys of routes have a slash.
const unrouted = "none"

var fields = [fieldCount]Field{
	requests: {"gateway_requests_total", counter, "requests", []string{"route", "class"}, "Requests that ended, by the class of " +
		"their responses: `1xx` (upgraded connections) to `5xx`, or `gone` for clients that disconnected before the response. " +
		"Requests that belong to no route have the route `none`."},
	removedRequests: {"gateway_removed_requests_total", counter, "requests", []string{"class"}, "Requests that ended in routes " +
		"that left the table more than 10 minutes ago. With gateway_requests_total they are all that ended."},
	refusedByFilter: {"gateway_middleware_refused_total", counter, "requests", []string{"route", "by"}, "Requests that a middleware " +
		"of the route refused: `rate`, `body.max` (the label or `--max-body`), `tls.client`, or `client-rate` for `--client-rate`. Those that refused " +
		"none are left out."},
	inFlight: {"gateway_requests_in_flight", gauge, "requests", []string{"route"}, "Requests under way."},
	waiting: {"gateway_requests_waiting", gauge, "requests", []string{"route"}, "Those of them that wait, for a target or for " +
		"the end of a pause."},
	duration: {"gateway_request_duration_seconds", histogram, "seconds", []string{"route"}, "Time from the head of a request to " +
		"the end of its response, without upgraded connections and server-sent events."},
	requestBytes:  {"gateway_request_bytes_total", counter, "bytes", []string{"route"}, "Bodies of requests, as received."},
	responseBytes: {"gateway_response_bytes_total", counter, "bytes", []string{"route"}, "Bodies of responses, as sent."},
	retries: {"gateway_retries_total", counter, "attempts", []string{"route"}, "Attempts to send a request after the " +
		"first one."},
	ejections: {"gateway_target_ejections_total", counter, "ejections", []string{"route"}, "How often a target was taken out " +
		"for a while because requests to it failed."},
	connections: {"gateway_connections", gauge, "connections", nil, "Open connections of clients."},
	connectionsMost: {"gateway_connections_max", gauge, "connections", []string{"bound"}, "How many may be open at once, 0 for any " +
		"number: `all` of all clients together, `client` of one client."},
	refused: {"gateway_connections_refused_total", counter, "connections", []string{"reason"}, "Connections that were refused, " +
		"by the bound that they hit: `all` is that on all connections, `client` that on those of one client."},
	requestsMost: {"gateway_requests_max", gauge, "requests", []string{"bound"}, "How many requests may be under way at once, 0 for " +
		"any number, by the same bounds."},
	refusedRequests: {"gateway_requests_refused_total", counter, "requests", []string{"reason"}, "Requests that were refused with " +
		"429, 503 or REFUSED_STREAM, by the bound that they hit."},
	revision: {"gateway_table_revision", gauge, "revision", nil, "Revision of the current table, 0 without one. It grows with " +
		"each change."},
	routes:   {"gateway_table_routes", gauge, "routes", nil, "Routes of the current table."},
	problems: {"gateway_table_problems", gauge, "problems", nil, "Problems that keep routes out of the table."},
	targets: {"gateway_targets", gauge, "targets", []string{"route", "state"}, "Targets by their state: `ready`, `starting`, " +
		"`unhealthy`, `draining`, `asleep`, `stopped`, or `ejected` for failing requests. States without targets are left out, but for `ready`."},
	reported: {"gateway_agent_last_report_timestamp_seconds", gauge, "seconds since 1970", []string{"source"}, "When the agent of " +
		"the source last reported; absent before its first time."},
	lostLines: {"gateway_access_log_dropped_lines_total", counter, "lines", nil, "Lines of the access log that were lost, since the " +
		"disk was too slow or too full. Absent without an access log."},
	certificateExpiry: {"gateway_certificate_expiry_timestamp_seconds", gauge, "seconds since 1970", []string{"name"}, "End of the " +
		"certificate of the name. Absent as long as it has none."},
	certificateFailures: {"gateway_certificate_renewal_failures_total", counter, "orders", []string{"name"}, "Orders of a certificate " +
		"that failed since the last success. Certificates from files have 0."},
	build: {"gateway_build_info", gauge, "1", []string{"version"}, "Always 1; the label is the version of the gateway."},
}

// Reference documents every metric of the gateway, in the order to show them. Those of the Go runtime and of the process,
// whose names begin with go_ and process_, come on top.
func Reference() []Field { return append([]Field(nil), fields[:]...) }

// Markdown is the reference table, generated from Reference.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range Reference() {
		labels := "–"
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		b.WriteString("| `" + f.Name + "` | " + f.Type + " | " + f.Unit + " | " + labels + " | " + f.Meaning + " |\n")
	}
	return b.String()
}
