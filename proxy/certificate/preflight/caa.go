package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// checkCAA finds out whether the CAA records (RFC 8659, RFC 8657) of the name allow the authority: those of the nearest
// name that has any, up to the top-level domain.
func (r *run) checkCAA(ctx context.Context) []Finding {
	if len(r.Issuers) == 0 {
		return nil
	}
	for at := dns.CanonicalName(r.base()); at != "."; at = parent(at) {
		found, err := r.lookup(ctx, at, dns.TypeCAA)
		if err != nil {
			return []Finding{{
				"caa", Unsure, fmt.Sprintf("cannot look up the CAA records of %s: %v", spelled(at), err),
				fmt.Sprintf("let the servers of the zone of %s answer questions for CAA records; an authority that gets no answer refuses", spelled(at)),
			}}
		}
		if len(found.records) > 0 {
			return []Finding{r.allowed(spelled(at), found.records)}
		}
	}
	return []Finding{{"caa", Good, "no CAA record limits who may sign " + r.Name, ""}}
}

// permission is a property issue or issuewild of a CAA record.
type permission struct {
	issuer     string
	parameters map[string]string
}

// allowed is the finding for a name with CAA records, which owner has.
func (r *run) allowed(owner string, records []dns.RR) Finding {
	var issue, wild []permission
	restricted := false
	for _, rr := range records {
		caa, is := rr.(*dns.CAA)
		if !is {
			continue
		}
		switch tag := strings.ToLower(caa.Tag); tag {
		case "issue":
			issue = append(issue, parsePermission(caa.Value))
		case "issuewild":
			wild, restricted = append(wild, parsePermission(caa.Value)), true
		case "iodef", "contactemail", "contactphone", "issuemail", "issuevmc":
		default:
			if caa.Flag&128 != 0 {
				return *r.bad("caa", fmt.Sprintf("a CAA record of %s has the critical property %q, which no authority knows", owner, caa.Tag), "remove that record")
			}
		}
	}
	wanted, tag := issue, "issue"
	if r.Name != r.base() && restricted {
		wanted, tag = wild, "issuewild"
	}
	if len(wanted) == 0 {
		return Finding{"caa", Good, fmt.Sprintf("the CAA records of %s do not limit who may sign %s", owner, r.Name), ""}
	}
	return r.permitted(owner, tag, wanted)
}

// permitted is the finding for CAA records that limit who may sign a name.
func (r *run) permitted(owner, tag string, wanted []permission) Finding {
	fix := fmt.Sprintf("add the record: %s. CAA 0 %s %q", owner, tag, r.Issuers[0])
	var others, reasons []string
	unsure := false
	for _, p := range wanted {
		if !slices.Contains(r.Issuers, p.issuer) {
			others = append(others, p.issuer)
			continue
		}
		reason, certain := r.unmet(p)
		if reason == "" {
			return Finding{"caa", Good, fmt.Sprintf("the CAA records of %s allow %s", owner, p.issuer), ""}
		}
		reasons, unsure = append(reasons, reason), unsure || !certain
	}
	switch {
	case unsure:
		return Finding{"caa", Unsure, fmt.Sprintf("the CAA records of %s allow %s only with a condition: %s", owner, r.Issuers[0], strings.Join(reasons, "; ")), fix}
	case len(reasons) > 0:
		return *r.bad("caa", fmt.Sprintf("the CAA records of %s allow %s, but not this order: %s", owner, r.Issuers[0], strings.Join(reasons, "; ")), fix)
	}
	others = slices.DeleteFunc(others, func(s string) bool { return s == "" })
	if len(others) == 0 {
		return *r.bad("caa", fmt.Sprintf("the CAA records of %s allow nobody to sign %s", owner, r.Name), fix)
	}
	return *r.bad("caa", fmt.Sprintf("the CAA records of %s allow %s alone, not %s", owner, strings.Join(others, ", "), r.Issuers[0]), fix)
}

// unmet says which condition of a record does not hold; empty for none. It is certain unless the account is not known.
func (r *run) unmet(p permission) (reason string, certain bool) {
	if methods, limited := p.parameters["validationmethods"]; limited {
		mine := []string{"http-01", "tls-alpn-01"}
		if r.TXT != nil {
			mine = []string{"dns-01"}
		}
		if !slices.ContainsFunc(strings.Split(methods, ","), func(m string) bool { return slices.Contains(mine, strings.TrimSpace(m)) }) {
			return fmt.Sprintf("validationmethods=%s has none of %s", methods, strings.Join(mine, ", ")), true
		}
	}
	account, limited := p.parameters["accounturi"]
	switch {
	case !limited || account == r.Account:
		return "", true
	case r.Account == "":
		return "accounturi=" + account + ", and the account of this gateway is not known before its first order", false
	}
	return fmt.Sprintf("accounturi=%s, and the account of this gateway is %s", account, r.Account), true
}

// parsePermission reads the value of a property, as in "letsencrypt.org; validationmethods=dns-01".
func parsePermission(value string) permission {
	issuer, rest, _ := strings.Cut(value, ";")
	p := permission{strings.ToLower(strings.TrimSpace(issuer)), map[string]string{}}
	for part := range strings.SplitSeq(rest, ";") {
		if key, v, found := strings.Cut(part, "="); found {
			p.parameters[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(v)
		}
	}
	return p
}
