package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

// maxAddresses is how many addresses of a name are probed.
const maxAddresses = 8

// checkAddresses looks up the addresses of the name, and returns the public ones.
func (r *run) checkAddresses(ctx context.Context) ([]netip.Addr, []Finding) {
	four, err := r.lookup(ctx, r.Name, dns.TypeA)
	var six *answer
	if err == nil {
		six, err = r.lookup(ctx, r.Name, dns.TypeAAAA)
	}
	if err != nil {
		return nil, []Finding{r.unanswered(err)}
	}
	all := append(addressesOf(six.records), addressesOf(four.records)...)
	if len(all) == 0 {
		return nil, []Finding{r.absent(four)}
	}
	public := slices.DeleteFunc(slices.Clone(all), func(ip netip.Addr) bool { return !r.Public(ip) })
	switch {
	case len(public) == 0:
		return nil, []Finding{*r.bad("dns", fmt.Sprintf("%s has only private addresses, which no authority can reach: %s", via(four), listed(all)),
			r.record("set the", public)+"; for a name of a home network: gateway up --dns PROVIDER, or gateway up --internal-ca")}
	case len(public) < len(all):
		private := slices.DeleteFunc(slices.Clone(all), r.Public)
		return public, []Finding{{
			"dns", Unsure, fmt.Sprintf("%s has private addresses beside public ones: %s", via(four), listed(private)),
			"remove the records with private addresses: an authority may choose one",
		}}
	}
	found := Finding{Subject: "dns", Verdict: Good, Message: fmt.Sprintf("%s is %s", via(four), listed(all))}
	if four.mute != "" {
		found.Verdict, found.Message = Unsure, fmt.Sprintf("%s, says a resolver; the servers of the zone cannot be asked: %s", found.Message, four.mute)
		found.Fix = "let the gateway ask DNS servers (port 53, UDP and TCP); if others cannot ask them either, correct the NS records of " + spelled(four.zone)
	} else if lag := lagging(four, six); lag != "" {
		found.Verdict, found.Message = Unsure, fmt.Sprintf("%s, but %s", found.Message, lag)
		found.Fix = "wait until all servers of the zone have the record; if it takes more than an hour, ask the DNS provider"
	} else if lame := four.lame(); len(lame) > 0 {
		found.Message += fmt.Sprintf("; not all servers of %s know it: %s", spelled(four.zone), strings.Join(lame, "; "))
	}
	return public[:min(len(public), maxAddresses)], []Finding{found}
}

// unanswered is the finding for a name that could not be looked up.
func (r *run) unanswered(err error) Finding {
	if loop, is := errors.AsType[loopError](err); is {
		return Finding{"dns", Bad, loop.Error(), "let the CNAME record of " + r.Name + " name a host that has an address"}
	}
	return Finding{
		"dns", Unsure, fmt.Sprintf("cannot look up %s: %v", r.Name, err),
		"let the gateway ask DNS servers (port 53, UDP and TCP), or name one that answers: gateway up --dns-resolver 9.9.9.9",
	}
}

// absent is the finding for a name without an address.
func (r *run) absent(a *answer) Finding {
	last := a.names[len(a.names)-1]
	domain := dns.SplitDomainName(last)
	switch {
	case a.zone == ".":
		top := domain[len(domain)-1]
		return *r.bad("dns", fmt.Sprintf("%s: there is no top-level domain %s", spelled(last), top),
			"use a name of a registered domain; names of home networks are signed by: gateway up --internal-ca")
	case a.missing && isSuffix(spelled(a.zone)):
		registered, err := publicsuffix.EffectiveTLDPlusOne(spelled(last))
		if err != nil {
			registered = spelled(last)
		}
		return *r.bad("dns", fmt.Sprintf("the domain %s does not exist: the servers of %s do not know it", registered, spelled(a.zone)),
			"register the domain, renew it, or correct the name")
	case len(a.names) > 1:
		return *r.bad("dns", fmt.Sprintf("%s has no address: its CNAME record leads to %s, which has none", r.Name, spelled(last)),
			fmt.Sprintf("correct the CNAME record of %s, or %s", r.Name, r.record("replace it by the", nil)))
	}
	return *r.bad("dns", fmt.Sprintf("%s has no address at the servers of %s", r.Name, spelled(a.zone)), r.record("add the", nil))
}

// isSuffix reports whether domains are registered directly below a name.
func isSuffix(name string) bool {
	suffix, _ := publicsuffix.PublicSuffix(name)
	return suffix == name
}

// record is advice to write an address record, with an address if one is known.
func (r *run) record(verb string, known []netip.Addr) string {
	if len(known) == 0 {
		known = r.Addresses
	}
	if len(known) == 0 {
		return fmt.Sprintf("%s record: %s. A PUBLIC-IPV4-ADDRESS-OF-THIS-MACHINE", verb, r.Name)
	}
	records := make([]string, len(known))
	for i, ip := range known {
		kind := "A"
		if ip.Is6() {
			kind = "AAAA"
		}
		records[i] = fmt.Sprintf("%s. %s %s", r.Name, kind, ip)
	}
	return fmt.Sprintf("%s record: %s", verb, strings.Join(records, ", "))
}

// lagging says which servers of the zone have fewer records than others; empty for none.
func lagging(all ...*answer) string {
	for _, a := range all {
		last := a.names[len(a.names)-1]
		for _, reply := range a.replies {
			kind := reply.kind()
			if reply.useful() && len(a.records) > 0 && len(recordsOf(reply.message, last, kind)) == 0 {
				return fmt.Sprintf("%s has no %s record for it yet", reply.server, dns.TypeToString[kind])
			}
		}
		if len(a.records) > 0 {
			continue
		}
		for _, reply := range a.replies {
			if reply.useful() && len(recordsOf(reply.message, last, reply.kind())) > 0 {
				return fmt.Sprintf("%s alone has a %s record for it", reply.server, dns.TypeToString[reply.kind()])
			}
		}
	}
	return ""
}

// kind is the type of the records that a reply is about.
func (a reply) kind() uint16 {
	if a.err != nil || len(a.message.Question) == 0 {
		return dns.TypeNone
	}
	return a.message.Question[0].Qtype
}

// via is the name with those that its CNAME records lead to.
func via(a *answer) string {
	all := make([]string, len(a.names))
	for i, name := range a.names {
		all[i] = spelled(name)
	}
	return strings.Join(all, " -> ")
}

func listed(ips []netip.Addr) string {
	all := make([]string, len(ips))
	for i, ip := range ips {
		all[i] = ip.String()
	}
	return strings.Join(all, ", ")
}
