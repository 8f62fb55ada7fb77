package label

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/proxy/route"
	"gateway/proxy/typo"
)

// The longest values, in bytes.
const (
	maxValue   = 1 << 10
	maxHeader  = 4 << 10
	maxOwner   = 200
	maxNetwork = 200
)

// fault is why a value cannot be followed: the rule it breaks and what to write instead.
type fault struct{ rule, fix string }

// fields read the value of a label into a claim, by the label's short name. Values come without space around them.
var fields = map[string]func(*Claim, string) *fault{
	"path":    readPath,
	"host":    readHost,
	"port":    readPort,
	"scheme":  readScheme,
	"mount":   readMount,
	"network": readNetwork,
	"owner":   readOwner,
	"expires": readExpires,

	"lb":              readBalance,
	"drain":           readDrain,
	"idle":            readIdle,
	"rate":            readRate,
	"body.max":        readBodyMax,
	"headers.origin":  readOrigin,
	"compress":        readCompress,
	"redirect":        readRedirect,
	"tls.redirect":    readTLSRedirect,
	"tls.client":      readTLSClient,
	"health.path":     readHealthPath,
	"health.interval": readHealthInterval,
	"health.timeout":  readHealthTimeout,
	"health.rise":     readHealthRise,
	"health.fall":     readHealthFall,
	"health.start":    readHealthStart,
}

// named are the fields that have a name behind them, as fields.
var named = map[string]func(c *Claim, name, value string) *fault{
	"headers.response.": readResponseHeader,
}

// reader returns what reads the values of a field, nil for one that is not known.
func reader(field string) func(*Claim, string) *fault {
	if read := fields[field]; read != nil {
		return read
	}
	for stem, read := range named {
		if name, is := strings.CutPrefix(field, stem); is {
			return func(c *Claim, value string) *fault { return read(c, name, value) }
		}
	}
	return nil
}

// known are the names of all fields.
func known() []string {
	names := slices.Collect(maps.Keys(fields))
	for stem := range named {
		names = append(names, stem+"NAME")
	}
	slices.Sort(names)
	return names
}

// read reads the value of one label into a claim.
func read(c *Claim, field, value string) *fault {
	value = strings.TrimSpace(value)
	most := maxValue
	switch {
	case fields[field] == nil:
		most = maxHeader
	case field == "tls.client":
		most = maxClientCA
	}
	if len(value) > most {
		return &fault{fmt.Sprintf("it has %d bytes, and %d is the most", len(value), most), "write a shorter value"}
	}
	before := *c
	bad := reader(field)(c, value)
	if bad != nil && value != "" {
		bad.fix = propose(before, field, value, bad.fix)
	}
	return bad
}

func readPath(c *Claim, value string) *fault {
	if value == "" {
		return &fault{"it is empty; it takes a path prefix", "write a prefix such as /robots, or / for the whole host"}
	}
	if pattern(value) {
		return &fault{quote(value) + " is a pattern, and a prefix is taken literally", "write the part that is the same in all paths; %2A and its like stand for such characters themselves"}
	}
	if strings.Contains(value, ",/") || strings.Contains(value, ";/") {
		return &fault{quote(value) + " is a list; it takes one prefix, and further ones go into gateway.routes.ROUTE.path", "write the first of them"}
	}
	prefix, err := route.ParsePrefix(value)
	if err != nil {
		bad, _ := errors.AsType[*route.PrefixError](err)
		return &fault{fmt.Sprintf("%s is no path prefix: %s", quote(bad.Input), bad.Rule), bad.Fix}
	}
	c.Key.Prefix = prefix
	return nil
}

func readHost(c *Claim, value string) *fault {
	host := strings.ToLower(strings.TrimSuffix(value, "."))
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && addr.Zone() == "" {
		c.Key.Host = addr.String()
		return nil
	}
	if err := checkHost(host); err != nil {
		return &fault{
			fmt.Sprintf("%s is no host name: %v", quote(value), err),
			"write one name without scheme, port and path, such as example.org, or remove the label to serve any host",
		}
	}
	c.Key.Host = host
	return nil
}

// checkHost follows RFC 1123 section 2.1, with the underscores that people use in private networks.
func checkHost(host string) error {
	switch {
	case host == "":
		return errors.New("it is empty")
	case strings.Trim(host, "_.") == "":
		return errors.New("it stands for any host in other proxies")
	case len(host) > 253:
		return errors.New("it has more than 253 characters")
	case strings.Contains(host, "*"):
		return errors.New("wildcards are not known to this version")
	case strings.ContainsAny(host, ", "):
		return errors.New("it takes one name; further names go into gateway.routes.ROUTE.host")
	}
	for part := range strings.SplitSeq(host, ".") {
		if part == "" || len(part) > 63 || part[0] == '-' || part[len(part)-1] == '-' {
			return fmt.Errorf("the part %s is empty, too long or has a - at an end", quote(part))
		}
		for _, r := range part {
			if r >= utf8.RuneSelf {
				return errors.New("it takes the name in its ASCII form, which starts with xn--")
			}
			if !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_') {
				return fmt.Errorf("it has %q", r)
			}
		}
	}
	return nil
}

func readPort(c *Claim, value string) *fault {
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return &fault{
			fmt.Sprintf("%s is no port; it takes a number from 1 to 65535", quote(value)),
			"write the port that the app listens on inside the container, such as 8080",
		}
	}
	c.Port = uint16(port)
	return nil
}

func readScheme(c *Claim, value string) *fault {
	switch scheme := route.Scheme(value); scheme {
	case route.HTTP, route.HTTPS, route.H2C:
		c.Scheme = scheme
		return nil
	}
	return choice(value, "http", "https", "h2c")
}

func readMount(c *Claim, value string) *fault {
	switch mount := route.Mount(value); mount {
	case route.Strip, route.Preserve:
		c.Mount = mount
		return nil
	case "auto":
		c.Mount = route.Strip
		return nil
	}
	return choice(value, "auto", "strip", "preserve")
}

func readOrigin(c *Claim, value string) *fault {
	switch value {
	case "keep", "drop":
		c.Policy.KeepOrigin = value == "keep"
		return nil
	}
	return choice(value, "drop", "keep")
}

// readRedirect takes a path, which browsers cannot take for a host, or a URL.
func readRedirect(c *Claim, value string) *fault {
	const fix = "write a path of the same host, such as /notes, or a URL, such as https://example.org/notes"
	u, err := url.Parse(value)
	switch {
	case err != nil || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf || r == 0x7f || r == '\\' }):
		return &fault{quote(value) + " is no address; it takes a path or a URL in ASCII", fix}
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(value, "?#"):
		return &fault{quote(value) + " has a query or a fragment; clients keep their own", fix}
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(value, "/"):
		if _, err := route.ParsePrefix(value); err != nil {
			bad, _ := errors.AsType[*route.PrefixError](err)
			return &fault{fmt.Sprintf("%s is no path: %s", quote(bad.Input), bad.Rule), bad.Fix}
		}
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return &fault{quote(value) + " is neither a path that starts with / nor a URL with http or https and a host", fix}
	}
	c.Policy.Redirect = value
	return nil
}

// CheckRedirect says what is wrong with where a redirect is to lead: the rule that it breaks and what to write instead.
func CheckRedirect(to string) error {
	if bad := readRedirect(&Claim{}, to); bad != nil {
		return fmt.Errorf("%s; %s", bad.rule, bad.fix)
	}
	return nil
}

// Ended reports whether a last day, which is zero for none, is over in all time zones.
func Ended(last, now time.Time) bool {
	return !last.IsZero() && !now.Before(last.AddDate(0, 0, 1).Add(behindUTC))
}

// behindUTC is how much later than in UTC a day ends where it ends last.
const behindUTC = 12 * time.Hour

// looping is the problem of a route that redirects to itself.
func (g *group) looping(c Claim) []Problem {
	if to, err := route.ParsePrefix(c.Policy.Redirect); err != nil || to != c.Key.Prefix {
		return nil
	}
	return []Problem{{
		Label:   g.labels["redirect"],
		Message: fmt.Sprintf("%s: %s redirects to itself", g.labels["redirect"], c.Key.Prefix),
		Fix:     "write another path, or a URL of another host",
	}}
}

// choice is the fault of a value that is none of those allowed.
func choice(value string, allowed ...string) *fault {
	list := strings.Join(allowed[:len(allowed)-1], ", ") + " or " + allowed[len(allowed)-1]
	fix := "write " + list
	if near := typo.Nearest(strings.ToLower(value), allowed...); near != "" {
		fix = "write " + near
	}
	return &fault{fmt.Sprintf("%s is not known to this version; it takes %s", quote(value), list), fix}
}

func readNetwork(c *Claim, value string) *fault {
	if value == "" || strings.ContainsAny(value, "\"'`/\\") || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return &fault{quote(value) + " is no network's name", "write a network's name as docker network ls shows it"}
	}
	if len(value) > maxNetwork {
		return &fault{fmt.Sprintf("it has %d bytes, and %d is the most", len(value), maxNetwork), "use a network with a shorter name"}
	}
	c.Network = value
	return nil
}

func readOwner(c *Claim, value string) *fault {
	switch {
	case value == "":
		return &fault{"it is empty", "write who to ask, such as a mail address, or remove the label"}
	case len(value) > maxOwner:
		return &fault{fmt.Sprintf("it has %d bytes, and %d is the most", len(value), maxOwner), "write a name or a mail address"}
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }):
		return &fault{"it has characters that cannot be shown", "write a name or a mail address in one line"}
	}
	c.Owner = value
	return nil
}

func readExpires(c *Claim, value string) *fault {
	day, err := time.Parse(time.DateOnly, value)
	if err != nil || day.Year() < 1970 {
		return &fault{
			quote(value) + " is no day of the calendar; it takes YYYY-MM-DD",
			"write the last day, such as 2027-06-30",
		}
	}
	c.Expires = day
	return nil
}
