package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxAliases is how many CNAME records are followed; authorities follow about as many.
	maxAliases = 10
	// maxServers is how many servers of a zone are asked.
	maxServers = 8
	// payload is the size of UDP answers that pass everywhere (DNS flag day 2020).
	payload = 1232
)

// errUnanswered says that no server answered with an answer.
var errUnanswered = errors.New("no DNS server answers")

// server is one of a zone.
type server struct {
	name      string
	addresses []netip.Addr
}

// reply is what a server of a zone said, or why it said nothing.
type reply struct {
	server  string
	message *dns.Msg
	err     error
}

// useful reports whether a reply is one of a server that is responsible for the zone.
func (a reply) useful() bool {
	return a.err == nil && a.message.Authoritative && (a.message.Rcode == dns.RcodeSuccess || a.message.Rcode == dns.RcodeNameError)
}

// why says what is wrong with a reply that is not useful.
func (a reply) why() string {
	switch {
	case a.err != nil:
		return fmt.Sprintf("%s: %v", a.server, a.err)
	case a.message.Rcode != dns.RcodeSuccess && a.message.Rcode != dns.RcodeNameError:
		return a.server + " answers " + dns.RcodeToString[a.message.Rcode]
	}
	return a.server + " does not serve the zone"
}

// answer is what DNS says of a name.
type answer struct {
	// records are those that were asked for, of the last name in names: the first is that which was asked for, the others
	// those that CNAME records lead to.
	records []dns.RR
	names   []string
	// zone is that of the last name, missing reports that it does not exist there.
	zone    string
	missing bool
	// replies are those of the servers of the zone about the last name, useful ones and others.
	replies []reply
	// mute says why the servers of the zone could not be asked; a resolver was then. Empty in general.
	mute string
}

// lame says which servers of the zone gave no useful reply; empty for none.
func (a *answer) lame() []string {
	var all []string
	for _, r := range a.replies {
		if !r.useful() {
			all = append(all, r.why())
		}
	}
	return all
}

// lookup asks the servers of the zone of a name for its records, and follows CNAME records.
func (r *run) lookup(ctx context.Context, name string, kind uint16) (*answer, error) {
	found := &answer{names: []string{dns.CanonicalName(name)}}
	for {
		current := found.names[len(found.names)-1]
		replies, zone, err := r.askZone(ctx, current, kind)
		if err != nil {
			return nil, err
		}
		found.zone, found.replies = zone, replies
		best := fullest(replies)
		if best == nil {
			found.mute = because(replies)
			if best, err = r.resolve(ctx, current, kind); err != nil {
				return nil, fmt.Errorf("%w for %s: %s", errUnanswered, spelled(zone), found.mute)
			}
		}
		found.missing = best.Rcode == dns.RcodeNameError
		reached, err := found.follow(best)
		if err != nil {
			return nil, err
		}
		found.records = recordsOf(best, reached, kind)
		if reached == current || len(found.records) > 0 {
			return found, nil
		}
	}
}

// fullest is the first of the useful replies that has records, else the first useful one; nil for none.
func fullest(replies []reply) *dns.Msg {
	var best *dns.Msg
	for _, r := range replies {
		if r.useful() && (best == nil || len(best.Answer) == 0 && len(r.message.Answer) > 0) {
			best = r.message
		}
	}
	return best
}

// follow adds the names that the CNAME records of a message lead to, and returns the last one.
func (a *answer) follow(m *dns.Msg) (string, error) {
	for {
		current := a.names[len(a.names)-1]
		aliases := recordsOf(m, current, dns.TypeCNAME)
		if len(aliases) == 0 {
			return current, nil
		}
		next := dns.CanonicalName(aliases[0].(*dns.CNAME).Target)
		if slices.Contains(a.names, next) {
			return "", loopError{append(a.names, next)}
		}
		a.names = append(a.names, next)
		if len(a.names) > maxAliases {
			return "", loopError{a.names}
		}
	}
}

// loopError says that CNAME records lead nowhere.
type loopError struct{ names []string }

func (e loopError) Error() string {
	all := make([]string, len(e.names))
	for i, name := range e.names {
		all[i] = spelled(name)
	}
	return "the CNAME records never end: " + strings.Join(all, " -> ")
}

// askZone asks each server of the zone of a name.
func (r *run) askZone(ctx context.Context, name string, kind uint16) ([]reply, string, error) {
	zone, err := r.zoneOf(ctx, name)
	if err != nil {
		return nil, "", err
	}
	servers, err := r.serversOf(ctx, zone)
	if err != nil {
		return nil, "", err
	}
	replies := make([]reply, len(servers))
	for i, s := range servers {
		replies[i] = r.askServer(ctx, s, name, kind)
	}
	return replies, zone, nil
}

// askServer asks a server by the first of its addresses that answers.
func (r *run) askServer(ctx context.Context, s server, name string, kind uint16) reply {
	got := reply{server: spelled(s.name), err: errors.New("it has no address")}
	for _, ip := range s.addresses {
		to := net.JoinHostPort(ip.String(), strconv.Itoa(r.DNSPort))
		if got.message, got.err = r.exchange(ctx, to, name, kind, false); got.err == nil {
			break
		}
	}
	return got
}

// zoneOf is the zone that a name is in: the nearest one above it or at it that has a start of authority.
func (r *run) zoneOf(ctx context.Context, name string) (string, error) {
	if zone, known := r.zones[name]; known {
		return zone, nil
	}
	for rest := name; ; rest = parent(rest) {
		m, err := r.resolve(ctx, rest, dns.TypeSOA)
		if err != nil {
			return "", err
		}
		if len(recordsOf(m, rest, dns.TypeSOA)) > 0 || rest == "." {
			r.zones[name] = rest
			return rest, nil
		}
	}
}

// serversOf are those of a zone, with their addresses.
func (r *run) serversOf(ctx context.Context, zone string) ([]server, error) {
	if known, is := r.servers[zone]; is {
		return known, nil
	}
	m, err := r.resolve(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	var all []server
	for _, rr := range recordsOf(m, zone, dns.TypeNS) {
		s := server{name: dns.CanonicalName(rr.(*dns.NS).Ns)}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if m, err := r.resolve(ctx, s.name, kind); err == nil {
				s.addresses = append(s.addresses, addressesOf(m.Answer)...)
			}
		}
		if all = append(all, s); len(all) == maxServers {
			break
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s has no NS records", errUnanswered, spelled(zone))
	}
	r.servers[zone] = all
	return all, nil
}

// resolve asks the recursive servers, one after the other until one has an answer.
func (r *run) resolve(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	var replies []reply
	for _, to := range r.Resolvers {
		m, err := r.exchange(ctx, to, name, kind, true)
		if err == nil && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError) {
			return m, nil
		}
		replies = append(replies, reply{to, m, err})
	}
	if len(replies) == 0 {
		return nil, fmt.Errorf("%w: none is known", errUnanswered)
	}
	return nil, fmt.Errorf("%w for %s %s: %s", errUnanswered, spelled(name), dns.TypeToString[kind], because(replies))
}

// exchange sends one question, by TCP if the answer is too long for UDP or does not come, and without EDNS(0) to a server
// that does not know it (RFC 6891 section 7). A server that was silent is not asked again.
func (r *run) exchange(ctx context.Context, to, name string, kind uint16, recursive bool) (*dns.Msg, error) {
	if r.silent[to] {
		return nil, errors.New("no answer in time")
	}
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.RecursionDesired = recursive
	m.SetEdns0(payload, false)
	network := "udp"
	if r.tcpOnly[to] {
		network = "tcp"
	}
	got, err := r.send(ctx, network, to, m)
	if err == nil && (got.Rcode == dns.RcodeFormatError || got.Rcode == dns.RcodeNotImplemented) {
		m.Extra = nil
		got, err = r.send(ctx, network, to, m)
	}
	if isTimeout(err) && network == "udp" && ctx.Err() == nil {
		r.tcpOnly[to] = true
		got, err = r.send(ctx, "tcp", to, m)
	} else if err == nil && got.Truncated {
		got, err = r.send(ctx, "tcp", to, m)
	}
	if isTimeout(err) {
		r.silent[to] = ctx.Err() == nil
		return nil, errors.New("no answer in time")
	}
	return got, err
}

func (r *run) send(ctx context.Context, network, to string, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, 2*time.Second))
	defer cancel()
	conn, err := r.Dial(ctx, network, to)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	got, _, err := new(dns.Client).ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn})
	return got, err
}

// systemResolvers are those that this machine asks.
func systemResolvers() []string {
	known, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	all := make([]string, len(known.Servers))
	for i, s := range known.Servers {
		all[i] = net.JoinHostPort(s, known.Port)
	}
	return all
}

// recordsOf are the records of a kind that the answer in a message has for a name.
func recordsOf(m *dns.Msg, name string, kind uint16) []dns.RR {
	var all []dns.RR
	for _, rr := range m.Answer {
		if h := rr.Header(); h.Rrtype == kind && dns.CanonicalName(h.Name) == name {
			all = append(all, rr)
		}
	}
	return all
}

// addressesOf are those in A and AAAA records.
func addressesOf(records []dns.RR) []netip.Addr {
	var all []netip.Addr
	for _, rr := range records {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			all = append(all, a.Unmap())
		}
	}
	return all
}

// parent is the name without its first label; "." has none.
func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// spelled is a name as people write it.
func spelled(name string) string { return cmp.Or(strings.TrimSuffix(name, "."), "the root") }

// because lists what is wrong with replies.
func because(replies []reply) string {
	all := make([]string, len(replies))
	for i, r := range replies {
		all[i] = r.why()
	}
	return strings.Join(all, "; ")
}
