package preflight_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gateway/proxy/certificate/preflight"
)

// world is an internet: DNS servers of the root, of org and of example.org, a resolver, a gateway at 203.0.113.7, and
// whatever a test adds. Its servers are real ones on the loopback; Dial leads the addresses to them.
type world struct {
	t *testing.T

	mu sync.Mutex
	// zones are the records of zones, by their names, and hosts which zones a DNS server has, by its address.
	zones map[string][]dns.RR
	hosts map[string][]string
	// lacks are records that one server does not have, as server and name.
	lacks map[[2]string]bool
	// broken are the return codes of servers that answer all questions for a type with one.
	broken map[string]map[uint16]int
	// unauthorized are servers that do not say that they are responsible, small those that send nothing long by UDP, and
	// plain those that do not know EDNS(0).
	unauthorized, small, plain map[string]bool
	// routes lead addresses with their ports to those of real servers; dead ones, perhaps by one network alone, never answer, closed ones refuse, and to
	// lost ones there is no route.
	routes             map[string]string
	dead, closed, lost map[string]bool
	// tokens are those that the gateway answers, by host and token.
	tokens map[string]string
	// overTCP counts the questions that came by TCP.
	overTCP int
}

const (
	resolver   = "9.9.9.9:53"
	gatewayIP  = "203.0.113.7"
	gatewayIP6 = "2001:db8::7"
	otherIP    = "203.0.113.99"
	otherIP6   = "2001:db8::99"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, zones: map[string][]dns.RR{}, hosts: map[string][]string{}, lacks: map[[2]string]bool{}, broken: map[string]map[uint16]int{},
		unauthorized: map[string]bool{}, small: map[string]bool{}, plain: map[string]bool{}, routes: map[string]string{},
		dead: map[string]bool{}, closed: map[string]bool{}, lost: map[string]bool{}, tokens: map[string]string{},
	}
	w.zone(".", "198.41.0.4")
	w.zone("org.", "199.19.56.1")
	w.zone("example.org.", "192.0.2.53", "192.0.2.54")
	w.listenDNS("9.9.9.9")
	gateway := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		token := strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")
		if answer, found := w.tokens[r.Host+" "+token]; found && r.TLS == nil {
			fmt.Fprint(rw, answer)
			return
		}
		http.NotFound(rw, r)
	})
	w.serve(gateway, gatewayIP+":80", "["+gatewayIP6+"]:80")
	return w
}

// zone adds a zone with servers at those addresses.
func (w *world) zone(name string, servers ...string) {
	w.t.Helper()
	w.add(name, fmt.Sprintf("%s 60 SOA ns1.nic. admin.nic. 1 60 60 60 60", name))
	for _, ip := range servers {
		host := "ns" + strings.ReplaceAll(ip, ".", "-") + ".nic."
		w.add(name, fmt.Sprintf("%s 60 NS %s", name, host))
		w.add(".", fmt.Sprintf("%s 60 A %s", host, ip))
		w.hosts[ip] = append(w.hosts[ip], name)
		w.listenDNS(ip)
	}
}

// add adds records to a zone.
func (w *world) add(zone string, records ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			w.t.Fatal(err)
		}
		w.zones[zone] = append(w.zones[zone], rr)
	}
}

// listenDNS starts the DNS server with that address.
func (w *world) listenDNS(ip string) {
	w.t.Helper()
	if _, runs := w.routes[ip+":53"]; runs {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.routes[ip+":53"] = l.Addr().String()
	handler := dns.HandlerFunc(func(rw dns.ResponseWriter, m *dns.Msg) { _ = rw.WriteMsg(w.answer(ip, m, rw)) })
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: p, Handler: handler}} {
		go func() { _ = s.ActivateAndServe() }()
		w.t.Cleanup(func() { _ = s.Shutdown() })
	}
}

// serve runs an HTTP server with those addresses; a port 443 is one with TLS.
func (w *world) serve(h http.Handler, addresses ...string) {
	for _, a := range addresses {
		s := httptest.NewUnstartedServer(h)
		if strings.HasSuffix(a, ":443") {
			s.StartTLS()
		} else {
			s.Start()
		}
		w.t.Cleanup(s.Close)
		w.routes[a] = s.Listener.Addr().String()
	}
}

// named is a server that says its name and a status.
func named(name string, status int, location string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name != "" {
			w.Header().Set("Server", name)
		}
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(status)
	})
}

// answer is that of the server at an address.
func (w *world) answer(ip string, question *dns.Msg, rw dns.ResponseWriter) *dns.Msg {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, tcp := rw.RemoteAddr().(*net.TCPAddr)
	if tcp {
		w.overTCP++
	}
	m := new(dns.Msg)
	m.SetReply(question)
	name, kind := dns.CanonicalName(question.Question[0].Name), question.Question[0].Qtype
	if w.plain[ip] && question.IsEdns0() != nil {
		m.Rcode = dns.RcodeFormatError
		return m
	}
	if code, is := w.broken[ip][kind]; is {
		m.Rcode = code
		return m
	}
	zones := w.hosts[ip]
	if ip+":53" == resolver {
		for zone := range w.zones {
			zones = append(zones, zone)
		}
	}
	m.Authoritative = ip+":53" != resolver && !w.unauthorized[ip]
	if zone := nearest(zones, name); zone == "" {
		m.Rcode, m.Authoritative = dns.RcodeRefused, false
	} else {
		w.fill(m, ip, zones, zone, name, kind, 0)
	}
	if w.small[ip] && !tcp && len(m.Answer) > 0 {
		m.Answer, m.Truncated = nil, true
	}
	return m
}

// fill writes the records of a zone into an answer, and those of aliases as far as the server has their zones.
func (w *world) fill(m *dns.Msg, ip string, zones []string, zone, name string, kind uint16, depth int) {
	exists := false
	alias := ""
	for _, rr := range w.zones[zone] {
		owner := dns.CanonicalName(rr.Header().Name)
		if w.lacks[[2]string{ip, owner}] {
			continue
		}
		exists = exists || dns.IsSubDomain(name, owner)
		if owner != name {
			continue
		}
		if cname, is := rr.(*dns.CNAME); is && kind != dns.TypeCNAME {
			alias = dns.CanonicalName(cname.Target)
		} else if rr.Header().Rrtype != kind {
			continue
		}
		m.Answer = append(m.Answer, rr)
	}
	if !exists && depth == 0 {
		m.Rcode = dns.RcodeNameError
	}
	if next := nearest(zones, alias); alias != "" && next != "" && depth < 8 {
		w.fill(m, ip, zones, next, alias, kind, depth+1)
	}
}

// nearest is the zone that a name is in.
func nearest(zones []string, name string) (found string) {
	for _, zone := range zones {
		if name != "" && dns.IsSubDomain(zone, name) && len(zone) > len(found) {
			found = zone
		}
	}
	return found
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	to, known := w.routes[address]
	dead, closed, lost := w.dead[address] || w.dead[network+" "+address], w.closed[address], w.lost[address]
	w.mu.Unlock()
	switch {
	case dead:
		<-ctx.Done()
		return nil, ctx.Err()
	case lost:
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	case closed || !known:
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, to)
}

// expect is what makes the gateway answer a token.
func (w *world) expect(host, token, answer string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := host + " " + token
	w.tokens[key] = answer
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.tokens, key)
	}
}

// config is that of a check of club.example.org without the machine.
func (w *world) config() preflight.Config {
	return preflight.Config{
		Name: "club.example.org", Issuers: []string{"letsencrypt.org"}, Resolvers: []string{resolver},
		Dial: w.dial, Expect: w.expect, Timeout: time.Second / 2, Interval: time.Millisecond,
	}
}
