package certificate

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// tsigKey signs the updates of a zone.
const tsigKey = "c2VjcmV0c2VjcmV0"

// zone is a DNS server for example.com: every name in it leads to 127.0.0.1, but for those in away, and takes updates of
// TXT records (RFC 2136).
type zone struct {
	address string

	mu   sync.Mutex
	txt  map[string][]string
	away map[string]string
	// alias has CNAME records.
	alias map[string]string
	// wrote counts the TXT records that were written.
	wrote int
}

func newZone(t *testing.T) *zone {
	t.Helper()
	z := &zone{txt: map[string][]string{}, away: map[string]string{}, alias: map[string]string{}}
	z.address = fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
	packets, err := net.ListenPacket("udp", z.address)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := net.Listen("tcp", z.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets}, {Listener: stream}} {
		s.Handler, s.TsigSecret = dns.HandlerFunc(z.serve), map[string]string{"k.": tsigKey}
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { s.Shutdown() })
	}
	return z
}

func (z *zone) serve(w dns.ResponseWriter, r *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	if r.Opcode == dns.OpcodeUpdate {
		z.update(w, r, m)
	} else {
		z.resolve(r.Question[0], m)
	}
	_ = w.WriteMsg(m)
}

func (z *zone) update(w dns.ResponseWriter, r, m *dns.Msg) {
	signature := r.IsTsig()
	if signature == nil || w.TsigStatus() != nil {
		m.Rcode = dns.RcodeRefused
		return
	}
	for _, rr := range r.Ns {
		name := strings.ToLower(rr.Header().Name)
		if t, is := rr.(*dns.TXT); is && rr.Header().Class == dns.ClassINET {
			z.txt[name] = append(z.txt[name], t.Txt[0])
			z.wrote++
		} else {
			delete(z.txt, name)
		}
	}
	m.SetTsig(signature.Hdr.Name, signature.Algorithm, 300, time.Now().Unix())
}

func (z *zone) resolve(q dns.Question, m *dns.Msg) {
	name := strings.ToLower(q.Name)
	if target, is := z.alias[name]; is {
		rr, _ := dns.NewRR(q.Name + " 60 IN CNAME " + target)
		m.Answer, name, q.Name = append(m.Answer, rr), target, target
	}
	soa, _ := dns.NewRR("example.com. 60 IN SOA ns.example.com. a.example.com. 1 60 60 60 60")
	address := "127.0.0.1"
	if other, is := z.away[name]; is {
		address = other
	}
	switch {
	case q.Qtype == dns.TypeSOA && name == "example.com.":
		m.Answer = append(m.Answer, soa)
	case q.Qtype == dns.TypeNS:
		rr, _ := dns.NewRR("example.com. 60 IN NS ns.example.com.")
		m.Answer = append(m.Answer, rr)
	case q.Qtype == dns.TypeTXT && len(z.txt[name]) > 0:
		for _, value := range z.txt[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}, Txt: []string{value}})
		}
	case q.Qtype == dns.TypeA && address == "":
		m.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeA && !strings.HasPrefix(name, "_"):
		rr, _ := dns.NewRR(q.Name + " 60 IN A " + address)
		m.Answer = append(m.Answer, rr)
	default:
		m.Ns = append(m.Ns, soa)
	}
}

// left are the names that have TXT records.
func (z *zone) left() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Sorted(maps.Keys(z.txt))
}

// move lets a name lead elsewhere; an empty address is none.
func (z *zone) move(name, address string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.away[name+"."] = address
}

// lead makes a CNAME record.
func (z *zone) lead(name, target string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.alias[name+"."] = target + "."
}

// writes counts the TXT records that were written.
func (z *zone) writes() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.wrote
}
