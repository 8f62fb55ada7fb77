package route

import "time"

// Balance is how the requests of a route are spread over its targets.
type Balance string

// The ways to balance.
const (
	// P2C takes the less busy of two targets drawn at random. It is the default.
	P2C Balance = "p2c"
	// RoundRobin takes one after the other.
	RoundRobin Balance = "round-robin"
	// Sticky keeps a client on a target, by a cookie, while the target exists.
	Sticky Balance = "sticky"
)

// What holds for a check where nobody said otherwise.
const (
	CheckInterval = 10 * time.Second
	CheckTimeout  = 5 * time.Second
	CheckRise     = 2
	CheckFall     = 3
	CheckStart    = time.Minute
)

// Check is an active health check: the gateway asks each target by itself, beside the clients. The zero value is none.
type Check struct {
	// Path is what is asked for with GET, with its query, as the app sees it; empty for no check.
	Path string `json:"path,omitempty"`
	// Interval is the time from the end of one check to the start of the next; until one passed, and after that first one,
	// it is shorter. Timeout is how long one may take.
	Interval time.Duration `json:"interval,omitempty"`
	Timeout  time.Duration `json:"timeout,omitempty"`
	// Rise is how many checks in a row must pass until a target that failed takes requests again, Fall how many must fail
	// until it takes none. One that was never checked needs one, and so does one that never passed to take them.
	Rise int `json:"rise,omitempty"`
	Fall int `json:"fall,omitempty"`
	// Start is how long commands wait for the first check that passes; 0 is CheckStart.
	Start time.Duration `json:"start,omitempty"`
}

// Rate bounds what one client may ask for. The zero value is no bound.
type Rate struct {
	// Requests may be made in each Per, and as many as Burst at once.
	Requests int           `json:"requests,omitempty"`
	Per      time.Duration `json:"per,omitempty"`
	Burst    int           `json:"burst,omitempty"`
}

// HeaderEdit is a change to the fields of one name.
type HeaderEdit struct {
	Name string `json:"name"`
	// Value replaces the values of all fields of the name, empty for none. With Add, it is added to them.
	Value string `json:"value,omitempty"`
	Add   bool   `json:"add,omitempty"`
}

// Policy is how a route treats its targets and its clients. The zero value has the defaults.
type Policy struct {
	// Balance is empty for P2C.
	Balance Balance `json:"balance,omitempty"`
	Check   Check   `json:"check,omitzero"`
	// Drain is how long a target that is being stopped or replaced keeps what it has, upgraded connections included; 0 is
	// the gateway's default.
	Drain time.Duration `json:"drain,omitempty"`
	// Rate is of the route alone, beside that of the whole gateway.
	Rate Rate `json:"rate,omitzero"`
	// BodyMax is the most bytes that the body of a request may have; 0 is the gateway's default.
	BodyMax int64 `json:"body_max,omitempty"`
	// KeepOrigin lets the app send fields below a prefix that hold for the whole origin; otherwise they are dropped.
	KeepOrigin bool `json:"keep_origin,omitempty"`
	// Redirect is where requests are sent instead of to a target, with 308 and what follows the prefix: a path of the same
	// host, or an absolute http or https URL. Empty for no redirect.
	Redirect string `json:"redirect,omitempty"`
	// ResponseHeaders are the changes to the header of each final response, sorted by name.
	ResponseHeaders []HeaderEdit `json:"response_headers,omitempty"`
	// Compress compresses responses for clients that accept it.
	Compress bool `json:"compress,omitempty"`
	// Idle is how long the route's project goes without requests until it is put to sleep; 0 is never.
	Idle time.Duration `json:"idle,omitempty"`
	// PlainHTTP serves requests without TLS as they are; otherwise they are redirected to HTTPS where that is served.
	PlainHTTP bool `json:"plain_http,omitempty"`
	// ClientCA has the PEM certificates of the authorities that sign the certificates of clients; empty means that clients
	// need none. It holds for all that is served for the host: see Table.ClientCA.
	ClientCA string `json:"client_ca,omitempty"`
}

// Limits is the part of the policy that restricts requests: the policy without the fields that only say how targets are
// treated, and those that hold for its whole host. A new field counts as a restriction until it is left out here.
func (p Policy) Limits() Policy {
	p.Balance, p.Check, p.Drain, p.KeepOrigin, p.Redirect, p.Compress, p.Idle = "", Check{}, 0, false, "", false, 0
	p.PlainHTTP, p.ClientCA = false, ""
	return p
}
