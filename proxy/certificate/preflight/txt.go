package preflight

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// slow is the time after which it is worth a word that a record is not at all servers.
const slow = 30 * time.Second

// checkTXT has a record written where those of the DNS-01 challenge are, and finds out whether it gets to all servers.
func (r *run) checkTXT(ctx context.Context) []Finding {
	name, value := "_acme-challenge."+r.base(), "gateway-preflight-"+rand.Text()
	remove, err := r.TXT(ctx, name, value)
	if err != nil {
		return []Finding{*r.bad("txt", fmt.Sprintf("%s does not write %s: %v", r.Provider, name, err),
			"check the file of its token (--dns-token-file): the token needs the right to change TXT records of this zone")}
	}
	start := r.Now()
	missing, err := r.await(ctx, name, value)
	took := r.Now().Sub(start)
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRemove)
	defer cancel()
	removed := remove(cleanup)
	switch {
	case err != nil && ctx.Err() == nil:
		return []Finding{{
			"txt", Unsure, fmt.Sprintf("%s wrote %s, which cannot be looked up: %v", r.Provider, name, err),
			"let the gateway ask DNS servers (port 53, UDP and TCP), or name one that answers: gateway up --dns-resolver 9.9.9.9",
		}}
	case ctx.Err() != nil:
		return []Finding{{"txt", Unsure, fmt.Sprintf("the check ended before %s was at all servers", name), "check again"}}
	case len(missing) > 0:
		return []Finding{*r.bad("txt", fmt.Sprintf("%s wrote %s, but after %s it is not at %s", r.Provider, name, r.Propagation, strings.Join(missing, ", ")),
			fmt.Sprintf("check that the zone at %s is the one that the NS records of the domain lead to", r.Provider))}
	case removed != nil:
		return []Finding{*r.bad("txt", fmt.Sprintf("%s does not remove %s: %v", r.Provider, name, removed),
			"give the token the right to delete TXT records, and remove that record by hand")}
	case took > slow:
		return []Finding{{"txt", Good, fmt.Sprintf("%s writes and removes %s; it took %s to be at all servers of the zone", r.Provider, name, took.Round(time.Second)), ""}}
	}
	return []Finding{{"txt", Good, fmt.Sprintf("%s writes and removes %s, and all servers of the zone show it", r.Provider, name), ""}}
}

// await waits until all servers of the zone have a record, and returns those that do not after Propagation.
func (r *run) await(ctx context.Context, name, value string) (missing []string, err error) {
	deadline, cancel := context.WithTimeout(ctx, r.Propagation)
	defer cancel()
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	for {
		found, err := r.lookup(ctx, name, dns.TypeTXT)
		if err == nil {
			missing = without(found, value)
		}
		if err == nil && len(missing) == 0 {
			return nil, nil
		}
		select {
		case <-deadline.Done():
			return missing, err
		case <-tick.C:
		}
	}
}

// without lists the servers that answer and do not have a TXT record.
func without(found *answer, value string) []string {
	var missing []string
	last := found.names[len(found.names)-1]
	for _, reply := range found.replies {
		if reply.useful() && !hasTXT(recordsOf(reply.message, last, dns.TypeTXT), value) {
			missing = append(missing, reply.server)
		}
	}
	if found.mute != "" && !hasTXT(found.records, value) {
		missing = append(missing, "any resolver")
	}
	return missing
}

func hasTXT(records []dns.RR, value string) bool {
	for _, rr := range records {
		if txt, is := rr.(*dns.TXT); is && strings.Join(txt.Txt, "") == value {
			return true
		}
	}
	return false
}
