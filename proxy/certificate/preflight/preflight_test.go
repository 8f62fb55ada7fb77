package preflight_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gateway/proxy/certificate/preflight"
)

// line is a finding as people read it.
func line(f preflight.Finding) string {
	text := f.Subject + " " + string(f.Verdict) + ": " + f.Message
	if f.Fix != "" {
		text += " => " + f.Fix
	}
	return text
}

const (
	forward  = "forward TCP port 80 of the router to this machine, and let its firewall pass it, as by: sudo ufw allow 80/tcp"
	answers  = "port 80 good: the gateway answers at 203.0.113.7"
	unlimits = "caa good: no CAA record limits who may sign club.example.org"
)

// scenario is a state of the internet, and what is found in it.
type scenario struct {
	name string
	// zone are the records of example.org.
	zone []string
	// change is what else is different; it may be nil.
	change func(*world, *preflight.Config)
	// want are the findings; one that ends with "..." needs only begin so.
	want []string
}

var scenarios = []scenario{
	{
		"everything is right",
		[]string{"club.example.org. A 203.0.113.7"},
		nil,
		[]string{"dns good: club.example.org is 203.0.113.7", answers, unlimits},
	},
	{
		"no address",
		[]string{"club.example.org. TXT x"},
		nil,
		[]string{"dns bad: club.example.org has no address at the servers of example.org => add the record: club.example.org. A PUBLIC-IPV4-ADDRESS-OF-THIS-MACHINE", unlimits},
	},
	{
		"no record, and the address of the machine is known", nil, knownAddresses,
		[]string{"dns bad: club.example.org has no address at the servers of example.org => add the record: club.example.org. A 203.0.113.7, club.example.org. AAAA 2001:db8::7", unlimits},
	},
	{
		"private addresses alone",
		[]string{"club.example.org. A 192.168.0.7", "club.example.org. AAAA fd00::7"},
		nil,
		[]string{"dns bad: club.example.org has only private addresses, which no authority can reach: fd00::7, 192.168.0.7 => set the record: club.example.org. A PUBLIC-IPV4-ADDRESS-OF-THIS-MACHINE; for a name of a home network: gateway up --dns PROVIDER, or gateway up --internal-ca", unlimits},
	},
	{
		"a private address beside a public one",
		[]string{"club.example.org. A 100.64.0.9", "club.example.org. A 203.0.113.7"},
		nil,
		[]string{"dns unsure: club.example.org has private addresses beside public ones: 100.64.0.9 => remove the records with private addresses: an authority may choose one", answers, unlimits},
	},
	{
		"IPv6 alone",
		[]string{"club.example.org. AAAA 2001:db8::7"},
		nil,
		[]string{"dns good: club.example.org is 2001:db8::7", "port 80 good: the gateway answers at 2001:db8::7", unlimits},
	},
	{
		"a CNAME chain through another zone",
		[]string{"club.example.org. CNAME www.example.org.", "www.example.org. CNAME web.provider.org."},
		func(w *world, _ *preflight.Config) {
			w.zone("provider.org.", "192.0.2.99")
			w.add("provider.org.", "web.provider.org. A 203.0.113.7")
		},
		[]string{"dns good: club.example.org -> www.example.org -> web.provider.org is 203.0.113.7", answers, unlimits},
	},
	{
		"a CNAME that leads nowhere",
		[]string{"club.example.org. CNAME web.example.org."},
		nil,
		[]string{"dns bad: club.example.org has no address: its CNAME record leads to web.example.org, which has none => correct the CNAME record of club.example.org, or replace it by the record: club.example.org. A PUBLIC-IPV4-ADDRESS-OF-THIS-MACHINE", unlimits},
	},
	{
		"a CNAME loop",
		[]string{"club.example.org. CNAME a.example.org.", "a.example.org. CNAME club.example.org."},
		nil,
		[]string{"dns bad: the CNAME records never end: club.example.org -> a.example.org -> club.example.org => let the CNAME record of club.example.org name a host that has an address", "caa unsure: ..."},
	},
	{
		"a lame server",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.hosts["192.0.2.54"] = nil },
		[]string{"dns good: club.example.org is 203.0.113.7; not all servers of example.org know it: ns192-0-2-54.nic answers REFUSED", answers, unlimits},
	},
	{
		"a server that only repeats others",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.unauthorized["192.0.2.53"] = true },
		[]string{"dns good: club.example.org is 203.0.113.7; not all servers of example.org know it: ns192-0-2-53.nic does not serve the zone", answers, unlimits},
	},
	{
		"a server that lags",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.lacks[[2]string{"192.0.2.53", "club.example.org."}] = true },
		[]string{"dns unsure: club.example.org is 203.0.113.7, but ns192-0-2-53.nic has no A record for it yet => wait until all servers of the zone have the record; if it takes more than an hour, ask the DNS provider", answers, unlimits},
	},
	{
		"servers of the zone that cannot be asked",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) {
			for _, ip := range []string{"192.0.2.53:53", "192.0.2.54:53", "198.41.0.4:53", "199.19.56.1:53"} {
				w.dead[ip] = true
			}
		},
		[]string{"dns unsure: club.example.org is 203.0.113.7, says a resolver; the servers of the zone cannot be asked: ns192-0-2-53.nic: no answer in time; ns192-0-2-54.nic: no answer in time => let the gateway ask DNS servers (port 53, UDP and TCP); if others cannot ask them either, correct the NS records of example.org", answers, unlimits},
	},
	{
		"a resolver that does not answer",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.dead[resolver] = true },
		[]string{"dns unsure: cannot look up club.example.org: no DNS server answers for club.example.org SOA: 9.9.9.9:53: no answer in time => let the gateway ask DNS servers (port 53, UDP and TCP), or name one that answers: gateway up --dns-resolver 9.9.9.9", "caa unsure: ..."},
	},
	{
		"answers too long for UDP",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.small["192.0.2.53"], w.small["192.0.2.54"] = true, true },
		[]string{"dns good: club.example.org is 203.0.113.7", answers, unlimits},
	},
	{
		"UDP that does not get through",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) {
			w.dead["udp 192.0.2.53:53"], w.dead["udp 192.0.2.54:53"] = true, true
		},
		[]string{"dns good: club.example.org is 203.0.113.7", answers, unlimits},
	},
	{
		"servers without EDNS",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.plain["192.0.2.53"], w.plain["9.9.9.9"] = true, true },
		[]string{"dns good: club.example.org is 203.0.113.7", answers, unlimits},
	},
	{
		"a domain that nobody registered", nil,
		func(_ *world, c *preflight.Config) { c.Name = "club.exmaple.org" },
		[]string{"dns bad: the domain exmaple.org does not exist: the servers of org do not know it => register the domain, renew it, or correct the name", "caa good: ..."},
	},
	{
		"a top-level domain that does not exist", nil,
		func(_ *world, c *preflight.Config) { c.Name = "nas.lan" },
		[]string{"dns bad: nas.lan: there is no top-level domain lan => use a name of a registered domain; names of home networks are signed by: gateway up --internal-ca", "caa good: ..."},
	},
	{
		"a name in Hangul",
		[]string{"xn--bj0bj06e.example.org. A 203.0.113.7"},
		func(_ *world, c *preflight.Config) { c.Name = "한글.example.org" },
		[]string{"dns good: xn--bj0bj06e.example.org is 203.0.113.7", answers, "caa good: no CAA record limits who may sign xn--bj0bj06e.example.org"},
	},
	{
		"no host name", nil,
		func(_ *world, c *preflight.Config) { c.Name = "a_b.한글.example.org" },
		[]string{"dns bad: \"a_b.한글.example.org\" is no host name: ..."},
	},
	{
		"a name without a dot", nil,
		func(_ *world, c *preflight.Config) { c.Name = "localhost" },
		[]string{"dns bad: localhost has no dot: no public authority signs it => use a name below a domain, or let the gateway sign it: gateway up --internal-ca"},
	},
	{
		"a wildcard without a provider", nil,
		func(_ *world, c *preflight.Config) { c.Name = "*.example.org" },
		[]string{"dns bad: *.example.org is a wildcard, which is validated by DNS alone => name the provider of the zone: gateway up --dns PROVIDER --dns-token-file FILE; or order each name by itself"},
	},
	{
		"a private address as a name", nil,
		func(_ *world, c *preflight.Config) { c.Name = "192.168.0.7" },
		[]string{"dns bad: 192.168.0.7 is a private address: no public authority signs it => let the gateway sign it: gateway up --internal-ca --domain 192.168.0.7"},
	},
	{
		"a public address as a name", nil,
		func(_ *world, c *preflight.Config) { c.Name = gatewayIP },
		[]string{"dns good: 203.0.113.7 is a public address", answers},
	},
	{
		"an IPv6 address as a name", nil,
		func(_ *world, c *preflight.Config) {
			c.Name = gatewayIP6
			c.Expect = bracketed(c.Expect)
		},
		[]string{"dns good: 2001:db8::7 is a public address", "port 80 good: the gateway answers at 2001:db8::7"},
	},

	// The probe.
	{
		"another server at the address",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) { w.serve(named("nginx/1.18.0", 404, ""), otherIP+":80") },
		[]string{"dns good: club.example.org is 203.0.113.99", "port 80 bad: another server answers at 203.0.113.99: \"nginx/1.18.0\" answers 404 Not Found => stop that server, or " + forward + "; or set the record: club.example.org. A PUBLIC-IPV4-ADDRESS-OF-THIS-MACHINE; if it is a router that answers its own network itself: gateway up --dns PROVIDER", unlimits},
	},
	{
		"another server without a name, and the address is known",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, c *preflight.Config) {
			w.serve(named("", 200, ""), otherIP+":80")
			knownAddresses(w, c)
		},
		[]string{"dns good: club.example.org is 203.0.113.99", "port 80 bad: another server answers at 203.0.113.99: a server without a name answers 200 OK => stop that server, or " + forward + "; or set the record: club.example.org. A 203.0.113.7, club.example.org. AAAA 2001:db8::7; if it is a router that answers its own network itself: gateway up --dns PROVIDER", unlimits},
	},
	{
		"another server that redirects to https",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) {
			w.serve(named("Apache", 301, "https://club.example.org/"), otherIP+":80")
			w.serve(named("Apache", 404, ""), otherIP+":443")
		},
		[]string{"dns good: ...", "port 80 bad: another server answers at 203.0.113.99: \"Apache\" answers 404 Not Found after a redirect to https://club.example.org by \"Apache\" => ...", unlimits},
	},
	{
		"another server that redirects to a closed port",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) {
			w.serve(named("Apache", 301, "https://club.example.org/"), otherIP+":80")
		},
		[]string{"dns good: ...", "port 80 unsure: 203.0.113.99 does not answer (the connection is refused after a redirect to https://club.example.org by \"Apache\") => ...", unlimits},
	},
	{
		"another server that redirects to the gateway",
		[]string{"club.example.org. A 203.0.113.99", "www.example.org. A 203.0.113.7"},
		func(w *world, c *preflight.Config) {
			expect := c.Expect
			c.Expect = func(_, token, answer string) func() {
				w.serve(named("cdn", 302, "http://www.example.org/.well-known/acme-challenge/"+token), otherIP+":80")
				return expect("www.example.org", token, answer)
			}
		},
		[]string{"dns good: ...", "port 80 good: the gateway answers at 203.0.113.99 after a redirect to http://www.example.org by \"cdn\"", unlimits},
	},
	{
		"a redirect that no authority follows",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) {
			w.serve(named("cdn", 302, "http://club.example.org:8080/"), otherIP+":80")
		},
		[]string{"dns good: ...", "port 80 bad: another server answers at 203.0.113.99: \"cdn\" answers 302 Found after a redirect to http://club.example.org:8080 by \"cdn\", but authorities follow no redirect to port 8080 => ...", unlimits},
	},
	{
		"redirects without an end",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) { w.serve(named("cdn", 302, "/again"), otherIP+":80") },
		[]string{"dns good: ...", "port 80 bad: another server answers at 203.0.113.99: 10 redirects, one after the other after a redirect to http://club.example.org by \"cdn\" => ...", unlimits},
	},
	{
		"a CDN before the gateway",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, c *preflight.Config) {
			w.routes[otherIP+":80"] = w.routes[gatewayIP+":80"]
			knownAddresses(w, c)
		},
		[]string{"dns good: club.example.org is 203.0.113.99", "port 80 good: the gateway answers at 203.0.113.99", unlimits},
	},
	{
		"IPv6 dead while IPv4 works",
		[]string{"club.example.org. A 203.0.113.7", "club.example.org. AAAA 2001:db8::99"},
		func(w *world, _ *preflight.Config) { w.dead["["+otherIP6+"]:80"] = true },
		[]string{"dns good: club.example.org is 2001:db8::99, 203.0.113.7", "port 80 bad: 2001:db8::99 does not answer (no answer in time), while the IPv4 address does; authorities try IPv6 first => remove the record club.example.org. AAAA 2001:db8::99, or let port 80 pass to this machine over IPv6", answers, unlimits},
	},
	{
		"IPv6 refused while IPv4 works",
		[]string{"club.example.org. A 203.0.113.7", "club.example.org. AAAA 2001:db8::99"},
		nil,
		[]string{"dns good: ...", "port 80 bad: 2001:db8::99 does not answer (the connection is refused), while the IPv4 address does; ...", answers, unlimits},
	},
	{
		"IPv6 that this machine does not have",
		[]string{"club.example.org. A 203.0.113.7", "club.example.org. AAAA 2001:db8::99"},
		func(w *world, _ *preflight.Config) { w.lost["["+otherIP6+"]:80"] = true },
		[]string{"dns good: ...", "port 80 unsure: 2001:db8::99 cannot be probed from here: this machine has no route to it => check from another network: nc -vz 2001:db8::99 80", answers, unlimits},
	},
	{
		"another server at the IPv6 address",
		[]string{"club.example.org. A 203.0.113.7", "club.example.org. AAAA 2001:db8::99"},
		func(w *world, _ *preflight.Config) { w.serve(named("nginx", 404, ""), "["+otherIP6+"]:80") },
		[]string{"dns good: ...", "port 80 bad: another server answers at 2001:db8::99: \"nginx\" answers 404 Not Found => ...", answers, unlimits},
	},
	{
		"one of two addresses is dead",
		[]string{"club.example.org. A 203.0.113.7", "club.example.org. A 203.0.113.99"},
		nil,
		[]string{"dns good: ...", answers, "port 80 unsure: 203.0.113.99 does not answer (the connection is refused), while other addresses do => remove its record, or " + forward, unlimits},
	},
	{
		"a router without hairpin NAT",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) { w.dead[otherIP+":80"] = true },
		[]string{"dns good: ...", "port 80 unsure: 203.0.113.99 does not answer from here (no answer in time); a router that does not lead its own network to its public address looks the same => " + forward, unlimits},
	},
	{
		"nobody listens",
		[]string{"club.example.org. A 203.0.113.99"},
		nil,
		[]string{"dns good: ...", "port 80 unsure: 203.0.113.99 does not answer (the connection is refused) => " + forward, unlimits},
	},
	{
		"something that speaks no HTTP",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) { w.routes[otherIP+":80"] = w.banner("SSH-2.0-OpenSSH_9.6\r\n") },
		[]string{"dns good: ...", "port 80 bad: another server answers at 203.0.113.99: it speaks no HTTP: ...", unlimits},
	},
	{
		"a connection that is closed",
		[]string{"club.example.org. A 203.0.113.99"},
		func(w *world, _ *preflight.Config) { w.routes[otherIP+":80"] = w.banner("") },
		[]string{"dns good: ...", "port 80 unsure: 203.0.113.99 does not answer (the connection is closed) => " + forward, unlimits},
	},

	// CAA.
	{
		"CAA of another authority above",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "pki.goog"`},
		nil,
		[]string{"dns good: ...", answers, `caa bad: the CAA records of example.org allow pki.goog alone, not letsencrypt.org => add the record: example.org. CAA 0 issue "letsencrypt.org"`},
	},
	{
		"CAA of the top-level domain",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) { w.add("org.", `org. CAA 0 issue ";"`) },
		[]string{"dns good: ...", answers, `caa bad: the CAA records of org allow nobody to sign club.example.org => add the record: org. CAA 0 issue "letsencrypt.org"`},
	},
	{
		"CAA of the name before that of the domain",
		[]string{"club.example.org. A 203.0.113.7", `club.example.org. CAA 0 ISSUE "LetsEncrypt.org"`, `example.org. CAA 0 issue "pki.goog"`},
		nil,
		[]string{"dns good: ...", answers, "caa good: the CAA records of club.example.org allow letsencrypt.org"},
	},
	{
		"CAA with several records",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "pki.goog"`, `example.org. CAA 0 issue "letsencrypt.org; validationmethods=dns-01,http-01"`, `example.org. CAA 0 iodef "mailto:a@example.org"`},
		nil,
		[]string{"dns good: ...", answers, "caa good: the CAA records of example.org allow letsencrypt.org"},
	},
	{
		"CAA that tells whom to write to alone",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 iodef "mailto:a@example.org"`},
		nil,
		[]string{"dns good: ...", answers, "caa good: the CAA records of example.org do not limit who may sign club.example.org"},
	},
	{
		"CAA for other methods",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "letsencrypt.org; validationmethods=dns-01"`},
		nil,
		[]string{"dns good: ...", answers, `caa bad: the CAA records of example.org allow letsencrypt.org, but not this order: validationmethods=dns-01 has none of http-01, tls-alpn-01 => add the record: example.org. CAA 0 issue "letsencrypt.org"`},
	},
	{
		"CAA for another account",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "letsencrypt.org; accounturi=https://acme/1"`},
		func(_ *world, c *preflight.Config) { c.Account = "https://acme/2" },
		[]string{"dns good: ...", answers, `caa bad: the CAA records of example.org allow letsencrypt.org, but not this order: accounturi=https://acme/1, and the account of this gateway is https://acme/2 => ...`},
	},
	{
		"CAA for this account",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "letsencrypt.org; accounturi=https://acme/1"`},
		func(_ *world, c *preflight.Config) { c.Account = "https://acme/1" },
		[]string{"dns good: ...", answers, "caa good: the CAA records of example.org allow letsencrypt.org"},
	},
	{
		"CAA for an account, and none is known",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 0 issue "letsencrypt.org; accounturi=https://acme/1"`},
		nil,
		[]string{"dns good: ...", answers, "caa unsure: the CAA records of example.org allow letsencrypt.org only with a condition: accounturi=https://acme/1, and the account of this gateway is not known before its first order => ..."},
	},
	{
		"CAA with a property that must be understood",
		[]string{"club.example.org. A 203.0.113.7", `example.org. CAA 128 novel "x"`},
		nil,
		[]string{"dns good: ...", answers, `caa bad: a CAA record of example.org has the critical property "novel", which no authority knows => remove that record`},
	},
	{
		"CAA that a server cannot answer",
		[]string{"club.example.org. A 203.0.113.7"},
		func(w *world, _ *preflight.Config) {
			for _, ip := range []string{"192.0.2.53", "192.0.2.54", "9.9.9.9"} {
				w.broken[ip] = map[uint16]int{dns.TypeCAA: dns.RcodeServerFailure}
			}
		},
		[]string{"dns good: ...", answers, "caa unsure: cannot look up the CAA records of club.example.org: no DNS server answers for example.org: ns192-0-2-53.nic answers SERVFAIL; ns192-0-2-54.nic answers SERVFAIL => let the servers of the zone of club.example.org answer questions for CAA records; an authority that gets no answer refuses"},
	},
}

func knownAddresses(_ *world, c *preflight.Config) { c.Addresses = addresses(gatewayIP, gatewayIP6) }

func TestRun_SaysWhatToChange(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add("example.org.", s.zone...)
			c := w.config()
			if s.change != nil {
				s.change(w, &c)
			}
			compare(t, preflight.Run(t.Context(), c), s.want)
			if len(w.tokens) > 0 {
				t.Errorf("tokens are left: %v", w.tokens)
			}
			if len(w.small) > 0 && w.overTCP == 0 {
				t.Error("no question came by TCP")
			}
		})
	}
}

// compare compares findings with lines.
func compare(t *testing.T, found []preflight.Finding, want []string) {
	t.Helper()
	for i := range max(len(found), len(want)) {
		switch {
		case i >= len(found):
			t.Errorf("nothing is found like\n%s", want[i])
		case i >= len(want):
			t.Errorf("there is also\n%s", line(found[i]))
		default:
			start, some := strings.CutSuffix(want[i], "...")
			if got := line(found[i]); got != want[i] && (!some || !strings.HasPrefix(got, start)) {
				t.Errorf("got\n%s\nwant\n%s", got, want[i])
			}
		}
	}
	for _, f := range found {
		if (f.Fix == "") != (f.Verdict == preflight.Good) {
			t.Errorf("a finding has a fix if and only if something is to change:\n%s", line(f))
		}
	}
}

// A check ends when its context does, and says that it does not know.
func TestRun_EndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.add("example.org.", "club.example.org. A 203.0.113.7")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range preflight.Run(ctx, w.config()) {
		if f.Verdict != preflight.Unsure {
			t.Errorf("without time it finds\n%s", line(f))
		}
	}
}

func TestRun_ChecksTheDisk(t *testing.T) {
	w := newWorld(t)
	w.add("example.org.", "club.example.org. A 203.0.113.7")
	c := w.config()
	c.Folder = t.TempDir() + "/not/there"
	free := int64(1<<20 - 1)
	var asked string
	c.Free = func(folder string) (int64, bool) {
		asked = folder
		return free, true
	}
	if got, want := line(preflight.Run(t.Context(), c)[0]), "disk bad: cannot store a certificate: the disk of "+c.Folder+" has 1023 KiB left => free space on that disk; an order needs 1 MiB"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if asked+"/not/there" != c.Folder {
		t.Errorf("it asked for %s", asked)
	}
	if free = 1 << 20; preflight.Run(t.Context(), c)[0].Verdict != preflight.Good {
		t.Error("1 MiB is not enough")
	}
	c.Free = nil
	if got := preflight.Run(t.Context(), c)[0]; got.Subject != "disk" {
		t.Errorf("the system does not say how full the disk is: %s", line(got))
	}
}

func TestRun_ComparesTheClock(t *testing.T) {
	w := newWorld(t)
	w.add("example.org.", "club.example.org. A 203.0.113.7")
	now := time.Now().Truncate(time.Second)
	ca := directory(t, func() time.Time { return now })
	for off, want := range map[time.Duration]string{
		-4 * time.Minute:       "clock good: the clock agrees with that of 127.0.0.1",
		6 * time.Minute:        "clock unsure: clock 6 min off: it is ahead of that of 127.0.0.1 => start a time service on this machine, such as: sudo timedatectl set-ntp true",
		-3 * time.Hour:         "clock bad: clock 3 h off: it is behind that of 127.0.0.1 => start a time service on this machine, such as: sudo timedatectl set-ntp true",
		365 * 24 * time.Hour:   "clock bad: clock 365 days off: ...",
		-3650 * 24 * time.Hour: "clock bad: clock 3650 days off: it is behind ...",
	} {
		c := w.config()
		c.Now = func() time.Time { return now.Add(off) }
		c.Directory, c.Client = ca.URL+"/directory", ca.Client()
		// A certificate that counts as expired, since the clock is wrong.
		c.Client.Transport.(*http.Transport).TLSClientConfig.Time = c.Now
		compare(t, preflight.Run(t.Context(), c)[:1], []string{want})
	}
	c := w.config()
	ca.Close()
	c.Directory, c.Client = ca.URL+"/directory", ca.Client()
	compare(t, preflight.Run(t.Context(), c)[:1], []string{"clock unsure: the authority cannot be asked for its time: ..."})
}
