// Package admin is the wire format of a running gateway, both ends of it: HTTP with JSON on a unix socket, never on
// TCP. It knows how questions and answers are spelled, not what they mean: the table that an agent pushes passes
// through as bytes. Times are RFC 3339, durations are in milliseconds, counts are since the proxy started.
package admin

import (
	"encoding/json"
	"time"
)

// Status is what a proxy says of itself and of its sources.
type Status struct {
	Proxy Proxy `json:"proxy"`
	// Sources are sorted by name. One that has neither listed nor reported since the proxy started is here only if the
	// proxy runs it, waits for it, or has its listing on disk.
	Sources []Source `json:"sources"`
	Table   Table    `json:"table"`
}

// Proxy is the process that faces the clients.
type Proxy struct {
	Version string `json:"version"`
	// Boot is a random name of this run of the process: when it changes, the proxy was restarted.
	Boot    string    `json:"boot"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Uptime is how long it runs, counted without the clock that people set.
	Uptime int64 `json:"uptime_ms"`
	// Listeners are the addresses it answers on, such as "http://[::]:80" and "unix:///run/gateway/admin.sock".
	Listeners []string `json:"listeners"`
	// Requests counts those answered since the start, Inflight those under way.
	Requests uint64 `json:"requests"`
	Inflight int64  `json:"inflight"`
	// Connections and UnderWay are what clients have at once, against the bounds on that. Of requests, UnderWay counts also
	// those whose heads are on their way.
	Connections Bounded `json:"connections"`
	UnderWay    Bounded `json:"under_way"`
}

// Bounded is how things stand with connections of clients, or with their requests under way.
type Bounded struct {
	Open int `json:"open"`
	// Max and MaxPerClient are the most at once, of all clients and of one; 0 is any number.
	Max          int `json:"max"`
	MaxPerClient int `json:"max_per_client"`
	// Refused and RefusedPerClient count what either bound kept out.
	Refused          uint64 `json:"refused"`
	RefusedPerClient uint64 `json:"refused_per_client"`
}

// Source is one place that routes come from.
type Source struct {
	// Name is unique among the sources of a proxy; its routes bear it.
	Name string `json:"name"`
	// Connected reports whether the last listing succeeded; Error says why not.
	Connected bool   `json:"connected"`
	Error     string `json:"error,omitempty"`
	// Version names for people what it lists, such as "Docker 28.1 (API 1.49)".
	Version string `json:"version,omitempty"`
	// Listed is when everything was last listed with success.
	Listed time.Time `json:"listed,omitzero"`
	// Routes and Problems count those of its listing, before it is merged with those of other sources.
	Routes   int `json:"routes"`
	Problems int `json:"problems"`
	// Restored reports that its listing was read from disk, and the source has not confirmed it yet.
	Restored bool `json:"restored,omitempty"`
	// InProcess reports that the proxy runs the source itself.
	InProcess bool `json:"in_process,omitempty"`
	// Agent is the process that runs the source; nil for one in process, and as long as it has not reported since the
	// proxy started.
	Agent *Agent `json:"agent,omitempty"`
}

// Source returns the source of that name, nil when there is none.
func (s *Status) Source(name string) *Source {
	for i := range s.Sources {
		if s.Sources[i].Name == name {
			return &s.Sources[i]
		}
	}
	return nil
}

// Expiry is the daily work of the agents, nil when none has it.
func (s *Status) Expiry() *Expiry {
	for i := range s.Sources {
		if agent := s.Sources[i].Agent; agent != nil && agent.Expiry != nil {
			return agent.Expiry
		}
	}
	return nil
}

// ExpiryWarning says for people that the daily work is stopped, and why; empty when it is not.
func (s *Status) ExpiryWarning() string {
	if e := s.Expiry(); e != nil && e.Stopped != "" {
		return "expired projects are not suspended by themselves: " + e.Stopped
	}
	return ""
}

// AgentName names for people the agent of a source: "agent", or "agent of lab" when it is not the default source's.
func (s *Source) AgentName() string {
	if s.Name == DefaultSource {
		return "agent"
	}
	return "agent of " + s.Name
}

// DefaultSource is the name of the source of an agent that was given none.
const DefaultSource = "docker"

// Agent is a process that runs a source and sends its listings to the proxy, as it last reported.
type Agent struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Reported is when the proxy last heard from it, in the proxy's time; an agent reports at least every 5 seconds.
	Reported time.Time `json:"reported"`
	// Expiry is its daily work, nil when it has none.
	Expiry *Expiry `json:"expiry,omitempty"`
}

// AgentLost is the silence after which an agent counts as gone.
const AgentLost = 15 * time.Second

// Expiry is the daily work of an agent: to notify the owners of what has expired, and to suspend it.
type Expiry struct {
	// Daily is the time of day with its zone, Last when it was last done, and Next when it is to be done.
	Daily string    `json:"daily"`
	Last  time.Time `json:"last,omitzero"`
	Next  time.Time `json:"next,omitzero"`
	// Stopped says why it does nothing, with the fix; empty when it does.
	Stopped string `json:"stopped,omitempty"`
	// Noticed are the projects, and the containers without one, that were notified or suspended.
	Noticed map[string]Noticed `json:"noticed,omitempty"`
}

// Noticed is what was done with something that expired.
type Noticed struct {
	// Expires is its last day, Notified and Suspended are the days of the steps; the last may be zero.
	Expires   time.Time `json:"expires"`
	Notified  time.Time `json:"notified"`
	Suspended time.Time `json:"suspended,omitzero"`
}

// Table describes the current table.
type Table struct {
	// Revision grows by one with every table that differs from the one before; it survives restarts.
	Revision uint64 `json:"revision"`
	// Digest names the content: equal tables have equal digests.
	Digest string `json:"digest"`
	// Since is when the content came into force.
	Since    time.Time `json:"since"`
	Routes   int       `json:"routes"`
	Problems int       `json:"problems"`
	// Restored reports that a part of the table was read from disk, and its source has not confirmed it yet.
	Restored bool `json:"restored"`
}

// Routes is the current table as people look at it.
type Routes struct {
	Table    Table     `json:"table"`
	Routes   []Route   `json:"routes"`
	Problems []Problem `json:"problems"`
}

// Route is one route with its traffic.
type Route struct {
	// Key is "/path" or "host/path", unique in the table.
	Key     string `json:"key"`
	Host    string `json:"host,omitempty"`
	Path    string `json:"path"`
	Service string `json:"service"`
	Project string `json:"project,omitempty"`
	Source  string `json:"source"`
	Mount   string `json:"mount"`
	// State is ready, starting, unhealthy, unreachable, draining, waking, asleep, crashing, expired or stopped; Reason says why it is not ready, with
	// the fix where there is one, and LastLog is the last line that an app wrote which ended by itself.
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	LastLog string    `json:"last_log,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// Paused says how it is paused, nil when it is not. State is then what it would be.
	Paused *Pause `json:"paused,omitempty"`
	// Idle is how its project is used when it is to sleep, nil when it never is.
	Idle *Idleness `json:"idle,omitempty"`
	// Certificate is that of its host, or of a wildcard above it; nil for none.
	Certificate *Certificate `json:"certificate,omitempty"`

	Targets []Target `json:"targets"`
	Traffic Traffic  `json:"traffic"`
}

// Target is one address behind a route.
type Target struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Scheme  string `json:"scheme"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	LastLog string `json:"last_log,omitempty"`
	// Health is what the gateway's own checks say: passing, failing, or unchecked before the first; empty without checks.
	Health string `json:"health,omitempty"`
	// Ejected reports that the target gets no requests because too many failed, at least until EjectedUntil.
	Ejected      bool      `json:"ejected,omitempty"`
	EjectedUntil time.Time `json:"ejected_until,omitzero"`
	// Inflight are the requests that it works on.
	Inflight int64 `json:"inflight"`
}

// Problem is something that keeps a route from being served as asked, and how to fix it.
type Problem struct {
	Subject string `json:"subject"`
	Project string `json:"project,omitempty"`
	Route   string `json:"route,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Traffic is what a route has seen. Rate and quantiles are of the last minute.
type Traffic struct {
	// Requests and Errors count since the proxy started; an error is an answer of 500 or above.
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	Inflight int64  `json:"inflight"`
	// Rate is requests per second over the last 10 seconds.
	Rate float64 `json:"rate"`
	// P50 and P95 are the latencies in milliseconds, 0 without requests in the last minute.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
}

// Request is one request that was answered.
type Request struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	// Path is the escaped path as it was sent, cut to 200 bytes, without its query.
	Path   string `json:"path"`
	Status int    `json:"status"`
	// Target is the name of the target that answered, empty when the gateway itself did.
	Target string `json:"target,omitempty"`
	// Millis is the time from the request's head to the answer's end.
	Millis float64 `json:"ms"`
	Bytes  int64   `json:"bytes"`
}

// Pushed answers a pushed table or an agent's report.
type Pushed struct {
	// Boot and Digest tell the agent whether the proxy still has what it pushed.
	Boot     string `json:"boot"`
	Digest   string `json:"digest"`
	Revision uint64 `json:"revision"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Message string `json:"error"`
}

// RawTable is a table as it is pushed: JSON that only both ends' route packages read.
type RawTable = json.RawMessage
