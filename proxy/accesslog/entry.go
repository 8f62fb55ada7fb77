package accesslog

import (
	"strings"
	"time"
)

// Entry is one request that ended. Its strings may be borrowed: nothing of it is kept after Append. A client decides
// what is in many of them, so that they are escaped whatever they hold. Reference says what each becomes.
type Entry struct {
	// Time is when the request came.
	Time      time.Time
	RequestID string
	// Client is the client's address. Peer is the one that the connection came from, which is another one behind a
	// trusted proxy.
	Client, Peer string
	Method, Host string
	// Path is as it was sent, with its escapes. Query is that too and starts with its "?" when there is one.
	Path, Query string
	// Major and Minor are the version of HTTP.
	Major, Minor int
	TLS          bool
	Status       int
	// Received and Sent are the bytes of the two bodies.
	Received, Sent int64
	// Duration is the time of the whole request, Response that from sending it to the target to the first byte of the
	// response, and Wait that in the queue.
	Duration, Response, Wait time.Duration
	// Place is where it went.
	Place Place
	// Retries is how many targets were tried before the last one.
	Retries int
	// Upgraded reports that the connection was handed over to another protocol, such as WebSocket.
	Upgraded           bool
	UserAgent, Referer string
	// Error is why the gateway itself answered in place of the target, in a word such as "connect" or "timeout".
	Error string
}

// Place is what the requests to a target have in common, prepared to be written. The zero value is that of a request which
// no route served. It is immutable.
type Place struct{ members string }

// NewPlace prepares a place: the key of the route, the name of its service, and the name of the last target that was tried
// and where that listens. Empty ones are left out.
func NewPlace(route, service, target, address string) Place {
	var b []byte
	b = member(b, `,"route":`, clip(route, maxKnown))
	b = member(b, `,"service":`, clip(service, maxKnown))
	b = member(b, `,"target":`, clip(target, maxKnown))
	return Place{string(member(b, `,"target_address":`, clip(address, maxKnown)))}
}

// How many bytes of each string go into a line at most. All of them fit into a block.
const (
	maxShort   = 64  // methods, addresses, words
	maxName    = 256 // hosts
	maxKnown   = 512 // names
	maxAgent   = 1024
	maxAddress = 2048 // paths, queries, referers
)

func clip(s string, most int) string { return s[:min(len(s), most)] }

// referer is that without its query and fragment, unless queries are wanted: it is often an address of the same apps,
// and what is secret in one is secret in the other.
func (e *Entry) referer(query bool) string {
	s := clip(e.Referer, maxAddress)
	if query {
		return s
	}
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	return s
}

// Field documents one field of the JSON format.
type Field struct {
	// Name is the member's name. It stays what it is.
	Name string
	// Type is a word: string, number or bool.
	Type string
	// Always reports that it is in every line; the others are left out when they are empty, 0 or false.
	Always bool
	// Meaning is a sentence in Markdown, with the unit.
	Meaning string
}

// Reference returns the documentation of every field, in the order in which they stand in a line. The slice is the
// caller's.
func Reference() []Field {
	return []Field{
		{"time", "string", true, "When the request came: RFC 3339, UTC, with milliseconds."},
		{"request_id", "string", false, "Its id, which the app gets as `X-Request-Id` and pages of the gateway show."},
		{"client", "string", false, "Address of the client."},
		{"peer", "string", false, "Address that the connection came from, where that is not the client: a trusted proxy."},
		{"method", "string", false, "Method, such as `GET`. What was no HTTP has none."},
		{"host", "string", false, "Host that was asked for, up to 256 bytes."},
		{"path", "string", false, "Path as it was sent, with its escapes, up to 2,048 bytes."},
		{"query", "string", false, "Query without its `?`, up to 2,048 bytes; only with `--access-log-query`, since queries hold secrets."},
		{"protocol", "string", false, "`HTTP/1.1`, `HTTP/2.0` and their like."},
		{"tls", "bool", true, "Whether the client used TLS."},
		{"status", "number", true, "Status of the response; 499 when the client disconnected before it."},
		{"bytes_received", "number", true, "Bytes of the request's body that were received."},
		{"bytes_sent", "number", true, "Bytes of the response's body that were sent, without those over an upgraded connection."},
		{"duration_ms", "number", true, "Milliseconds from the head of the request to the end of the response, with three decimals as all of these."},
		{"target_ms", "number", false, "Milliseconds from sending the request to the target to the first byte of its response."},
		{"wait_ms", "number", false, "Milliseconds that the request waited in the queue of its route."},
		{"route", "string", false, "Route that served it, by its key: host, if the route has one, and prefix."},
		{"service", "string", false, "Service behind the route."},
		{"target", "string", false, "Target that was asked last, by its name."},
		{"target_address", "string", false, "Where that target listens."},
		{"retries", "number", false, "How many targets were tried before that one."},
		{"upgraded", "bool", false, "Whether the connection was handed over to another protocol, such as WebSocket."},
		{"user_agent", "string", false, "`User-Agent` as it was sent, up to 1,024 bytes."},
		{"referer", "string", false, "`Referer` as it was sent, up to 2,048 bytes; without its query, unless queries are logged."},
		{"error", "string", false, "Why the gateway itself answered where the app should have, in a word such as `connect` or `timeout`."},
	}
}

// Markdown is the reference table, generated from Reference.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| field | type | in every line | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range Reference() {
		always := ""
		if f.Always {
			always = "yes"
		}
		b.WriteString("| `" + f.Name + "` | " + f.Type + " | " + always + " | " + f.Meaning + " |\n")
	}
	return b.String()
}
