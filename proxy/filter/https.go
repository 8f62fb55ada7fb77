package filter

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

// HTTPS says how clients are moved to HTTPS. The zero value leaves them alone.
type HTTPS struct {
	// Covers reports whether clients of a host are shown a certificate that is valid for it. Where they are, requests
	// without TLS are redirected. Nil is for no redirects.
	Covers func(host string) bool
	// Port is where clients reach HTTPS, 0 for 443.
	Port int
	// HSTS is the value of Strict-Transport-Security (RFC 6797 section 6.1) in responses over TLS, empty for none.
	// Internal reports the hosts that get none, since a certificate of theirs that a browser does not trust would lock it
	// out.
	HSTS     string
	Internal func(host string) bool
}

// upgrade redirects requests without TLS to HTTPS.
type upgrade struct {
	covers func(host string) bool
	// port is empty, or begins with its colon.
	port string
}

// newUpgrade returns the request side alone, since Chain.Upgrade calls it by itself too; nil for none.
func newUpgrade(r *route.Route, https *HTTPS) func(*Request) bool {
	if https == nil || https.Covers == nil || r.PlainHTTP {
		return nil
	}
	u := upgrade{covers: https.Covers}
	if https.Port != 0 && https.Port != 443 {
		u.port = ":" + strconv.Itoa(https.Port)
	}
	return u.request
}

// request redirects all methods, with the path and the query byte for byte, and WebSockets too, whose clients then fail
// instead of speaking in the clear. The response must be revalidated, since the certificate may go. It leaves alone what
// a certificate authority may ask for, and requests of a trusted proxy unless it says that its client used HTTP: one that
// does not say so may be asked over HTTPS, and would redirect for ever.
func (u upgrade) request(r *Request) bool {
	q := &r.Exchange.Request
	if q.Secure || r.Trail.Trusted && !r.SchemeSaid || r.Host == "" || !u.covers(r.Host) {
		return true
	}
	if _, is := ChallengeToken(q); is {
		return true
	}
	host, port := r.Host, u.port
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	if r.Trail.Trusted {
		port = "" // The client does not see this gateway's.
	}
	r.Reply(http.StatusPermanentRedirect, "Location", "https://"+host+port+q.Path+q.Query, "Cache-Control", "no-cache")
	return false
}

// challengePrefix is where certificate authorities ask for the tokens of HTTP-01 challenges (RFC 8555 section 8.3).
const challengePrefix = "/.well-known/acme-challenge/"

// ChallengeToken returns the token that a certificate authority asks for. Authorities spell the path in one way only.
func ChallengeToken(q *engine.Request) (token string, is bool) {
	token, is = strings.CutPrefix(q.Path, challengePrefix)
	is = is && token != "" && !strings.ContainsFunc(token, notBase64URL) && (q.Method == http.MethodGet || q.Method == http.MethodHead)
	return token, is
}

// notBase64URL reports that a character is none of base64url without padding (RFC 4648 section 5).
func notBase64URL(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}

// hsts tells browsers to use HTTPS alone. It replaces what the app sends: there must be one field (RFC 6797 section 7.1),
// and browsers apply it to the whole host, whichever of its apps responds.
type hsts struct {
	value    string
	internal func(host string) bool
}

func newHSTS(https *HTTPS) Filter {
	if https == nil || https.HSTS == "" {
		return Filter{}
	}
	return Filter{Response: hsts{https.HSTS, https.Internal}.response}
}

const hstsField = "Strict-Transport-Security"

func (f hsts) response(r *Request, h *header.Header) {
	q := &r.Exchange.Request
	if !q.Secure || !r.Final() {
		return
	}
	host := r.Host
	if host == "" {
		// The request was refused, or has no host at all.
		host = route.CanonicalHost(q.Host)
	}
	if host == "" || f.internal != nil && f.internal(host) {
		return
	}
	if _, there := h.Lookup(hstsField); there {
		*h = slices.DeleteFunc(*h, func(f header.Field) bool { return header.EqualFold(f.Name, hstsField) })
	}
	h.Append(header.OriginWide, hstsField, f.value)
}

const (
	// preloadAge is the least age of a host in the lists that browsers come with (hstspreload.org), mostAge the most that
	// is taken: nobody sees to a certificate for longer.
	preloadAge = 365 * 24 * time.Hour
	mostAge    = 10 * preloadAge
)

// ParseHSTS reads how long browsers are to use HTTPS alone, such as "180d", "31536000" (seconds) or "max-age=31536000",
// with "; includeSubDomains" and "; preload" behind it where they are wanted, and returns the value of the field. An error
// names the input, the rule and the fix.
func ParseHSTS(s string) (string, error) {
	parts := strings.Split(s, ";")
	age, err := parseAge(strings.TrimPrefix(strings.TrimSpace(parts[0]), "max-age="))
	if err != nil {
		return "", fmt.Errorf("%q does not begin with an age: %w; write one such as 180d, or max-age=15552000", s, err)
	}
	value := "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
	var subdomains, preload bool
	for _, part := range parts[1:] {
		switch directive := strings.TrimSpace(part); {
		case strings.EqualFold(directive, "includeSubDomains") && !subdomains:
			subdomains = true
		case strings.EqualFold(directive, "preload") && !preload:
			preload = true
		default:
			return "", fmt.Errorf("%q: behind the age stand includeSubDomains and preload, each at most once; remove %q", s, directive)
		}
	}
	if preload && (!subdomains || age < preloadAge) {
		return "", fmt.Errorf("%q: browsers preload a host for at least a year and with its subdomains; write max-age=31536000; includeSubDomains; preload", s)
	}
	if subdomains {
		value += "; includeSubDomains"
	}
	if preload {
		value += "; preload"
	}
	return value, nil
}

// parseAge reads seconds, days or a duration.
func parseAge(s string) (time.Duration, error) {
	age, err := time.ParseDuration(s)
	number, isDays := strings.CutSuffix(s, "d")
	if n, failed := strconv.ParseUint(number, 10, 31); failed == nil && isDays {
		age, err = time.Duration(min(n, 1e4))*24*time.Hour, nil
	} else if failed == nil {
		age, err = time.Duration(n)*time.Second, nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is neither a number of seconds or days nor a duration", s)
	case age < 0 || age > mostAge:
		return 0, fmt.Errorf("%s is not between 0 and 10 years", s)
	}
	return age, nil
}
