// Package label knows how labels of containers and networks are spelled and what they mean. It turns the labels of
// one container into claims on routes and into problems; it knows nothing of engines, addresses or other containers.
// The policy worth stating: what it does not understand it never ignores. An unknown gateway.* label or a bad value
// leaves out the route that it belongs to, since it may have been meant to protect it.
//
// A label gateway.NAME belongs to the one route that gateway.path declares, a label gateway.routes.ROUTE.NAME to the
// further route ROUTE. Each route stands alone: none takes settings from another.
//
// On its way from a container to its effect, a label passes these functions in this order:
//
//	docker.session.list         lists the containers of the engine after each event
//	label.Parse                 reads the labels of one container: claims on routes, and problems
//	docker.made                 makes a route of each claim, with the container as its target
//	docker.observation.listing  makes the listing that the source publishes, to an agent or to the proxy
//	proxy.Server.listed         takes in a listing that changed
//	source.Listings.Table       merges the listings of all sources into one table
//	live.Builder.Build          makes the routing state of the table, with the targets, the checks and the filters
//	filter.New                  makes the filters of one route, which act on its requests
package label

import (
	"slices"
	"strings"
)

// The labels of containers. Each belongs to one route, and is spelled gateway.routes.ROUTE.NAME for a further one.
// Reference documents them.
const (
	Path    = "gateway.path"
	Host    = "gateway.host"
	Port    = "gateway.port"
	Scheme  = "gateway.scheme"
	Mount   = "gateway.mount"
	Network = "gateway.network"
	Owner   = "gateway.owner"
	Expires = "gateway.expires"
	Balance = "gateway.lb"
	Drain   = "gateway.drain"
	Idle    = "gateway.idle"
	Rate    = "gateway.rate"
	BodyMax = "gateway.body.max"
	Origin  = "gateway.headers.origin"
	// ResponseHeader is followed by the name of a field.
	ResponseHeader = "gateway.headers.response."
	Compress       = "gateway.compress"
	// Redirect makes a route that needs no target.
	Redirect = "gateway.redirect"
	// TLSClient holds for the whole host.
	TLSRedirect = "gateway.tls.redirect"
	TLSClient   = "gateway.tls.client"
	// HealthPath turns the active check on, and the others of its kind need it.
	HealthPath     = "gateway.health.path"
	HealthInterval = "gateway.health.interval"
	HealthTimeout  = "gateway.health.timeout"
	HealthRise     = "gateway.health.rise"
	HealthFall     = "gateway.health.fall"
	HealthStart    = "gateway.health.start"
	// Routes is what the labels of further routes start with.
	Routes = "gateway.routes."
)

// The labels that gateway gives to what it creates.
const (
	Role   = "gateway.role"
	Record = "gateway.record"
	// Rollout names the deployment that made a container, and Replaces lists the full ids of the containers of the same
	// project that the deployment replaces, separated by commas.
	Rollout  = "gateway.rollout"
	Replaces = "gateway.rollout.replaces"
)

// The values of Role.
const (
	// RoleProxy and RoleAgent are gateway's own containers, which are never routed to.
	RoleProxy = "proxy"
	RoleAgent = "agent"
	// RoleEdge is a network that a project shares with the proxy, RoleBackend one that the project has for itself.
	RoleEdge    = "edge"
	RoleBackend = "backend"
)

// prefix is what all labels start with.
const prefix = "gateway."

// Field documents one label.
type Field struct {
	// Name is the label, with ROUTE and NAME standing for what people choose.
	Name string
	// Default is what holds without the label, in Markdown.
	Default string
	// Meaning is a sentence or two in Markdown.
	Meaning string
}

// Reference returns the documentation of every label, in the order people read it. The slice is the caller's.
func Reference() []Field {
	return slices.Concat(placing(), treating(), ruling())
}

// placing documents what says which route it is and where its target is.
func placing() []Field {
	return []Field{
		{Path, "–", "Path prefix to serve, such as `/robots`. The only required label: it publishes the container."},
		{Host, "any", "Only for this host name, without scheme or port."},
		{Port, "the one exposed port, else 80", "Port that the app listens on. Required when the image exposes several ports without 80."},
		{Scheme, "`http`", "What the app speaks: `http`, `https` or `h2c`."},
		{Mount, "`auto`", "Handling of the prefix: `strip` removes it and sends `X-Forwarded-Prefix`, `preserve` passes " +
			"the path unchanged, `auto` is `strip` for now. WebDAV, CalDAV, CardDAV and " +
			"container registries need `preserve`, or a host of their own."},
		{Network, "the edge network, else one the proxy is on, else the only one", "Network to reach the container " +
			"through, by its name or by its name in the compose file."},
		{Owner, "–", "Contact for the route, shown in lists."},
		{Expires, "never", "Last day of the route, as `YYYY-MM-DD`. After it, [`gateway expire`](expiry.md) stops the container, and clients get 410."},
	}
}

// treating documents what says how a route treats its targets and its clients.
func treating() []Field {
	return []Field{
		{Balance, "`p2c`", "Load balancing over several targets: `p2c` picks the less busy of two random targets, " +
			"`round-robin` takes turns, `sticky` keeps a client on a target by a cookie."},
		{HealthPath, "no check", "Path of the active health check, as the app sees it, such as `/health`. " +
			"A target passes with 2xx or 3xx. It gets requests after the first check that passes."},
		{HealthInterval, "`10s`", "Time from the end of one check to the start of the next, `1s` to `1h`; until one passed, and after that first one, it is shorter. This and what follows " +
			"on checks needs `" + HealthPath + "`."},
		{HealthTimeout, "`5s`", "Timeout of a check, `100ms` to `1m`. It may exceed the interval."},
		{HealthRise, "`2`", "Consecutive passes after which a failed target gets requests again, 1 to 100. A new target needs one."},
		{HealthFall, "`3`", "Consecutive failures after which a target gets no more requests, 1 to 100."},
		{HealthStart, "`1m`", "Time that a new container may take until a check passes, `1s` to `1h`: `gateway add`, `deploy` and others wait for it that long."},
		{Drain, "the gateway's, `30s`", "Time for open requests and WebSockets to finish when a target is stopped or replaced, " +
			"`1s` to `1h`."},
		{Idle, "never", "Time without requests after which the whole project is stopped, such as `30m`, from `10s` to `720h`; the next request " +
			"starts it again. `gateway help sleep` has the details."},
		{Rate, "no limit", "Requests per client, such as `10/s`, `600/m` or `5000/h`. The burst is the number for one second, " +
			"at least 1; `10/s,burst=20` sets another."},
		{BodyMax, "no limit", "Largest request body, such as `10MB` (1000 kB each), `512KiB` (1024 bytes each), " +
			"`2GiB`, or a number of bytes, up to `1TiB`."},
		{Origin, "`drop`", "Handling of response fields that browsers apply to the whole host, such as " +
			"`Strict-Transport-Security`, `Alt-Svc`, `NEL`, `Report-To`, `Accept-CH` and `Clear-Site-Data`: below a path prefix `drop` " +
			"removes them and keeps `Service-Worker-Allowed` within the prefix, `keep` passes them on. A route at `/` always keeps them."},
		{ResponseHeader + "NAME", "–", "Sets the response field `NAME`, such as `gateway.headers.response.X-Frame-Options: DENY`, in the place of what the app sends. " +
			"A value that starts with `+` is added to it, and an empty one removes the field. On the gateway's own pages it sets what they do not have."},
		{Compress, "`off`", "`on` compresses responses with zstd or gzip for clients that accept it: text, JavaScript, JSON, XML, SVG and WebAssembly, from 1 KiB. " +
			"Leave it off where a response repeats what others may write beside a secret: its length would betray the secret."},
		{Redirect, "–", "Sends clients elsewhere with status 308, whether the container runs or not: to a path of the same host, such as " +
			"`/notes`, or a URL, such as `https://example.org/notes`. What follows the prefix is kept. Ends after the day of `" + Expires + "`."},
		{TLSRedirect, "`on`", "`off` serves requests without TLS as they are. Otherwise they are redirected to HTTPS, with path and query, where the gateway has a certificate for the host."},
		{TLSClient, "none", "PEM certificates of the authorities that sign the certificates of clients, up to 16 KiB. Needs `" + Host + "`, and holds for all that is served for that " +
			"host: clients without such a certificate get nothing there. Of projects that disagree, the one that has the host longest decides; write it on each route that needs it."},
	}
}

// ruling documents what stands above single routes.
func ruling() []Field {
	return []Field{
		{Routes + "ROUTE.NAME", "–", "A further route of the same container: any label above, such as " +
			"`gateway.routes.api.path`. `ROUTE` is a name of small letters, digits, `-` and `_`. Routes take no settings from one another."},
		{Role, "–", "Set by gateway on what it creates: `proxy` and `agent` on its containers, which are never routed to, " +
			"`edge` and `backend` on networks."},
		{Record, "–", "Set by gateway on its containers: what they were started with."},
		{Rollout, "–", "Set by gateway on containers that start beside those that they replace: the deployment that made them. As long " +
			"as the name of one of them ends in `" + Next + "`, none gets requests."},
		{Replaces, "–", "Set by gateway on the same containers: which containers they replace."},
	}
}

// Markdown is the reference table, generated from Reference.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| label | default | meaning |\n| --- | --- | --- |\n")
	for _, f := range Reference() {
		b.WriteString("| `" + f.Name + "` | " + f.Default + " | " + f.Meaning + " |\n")
	}
	return b.String()
}
