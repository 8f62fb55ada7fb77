package header

// Kind is the class of a field that the gateway treats specially.
type Kind uint8

// Other is the kind of all fields that are forwarded unchanged.
const Other Kind = 0

// Hop-by-hop fields, those of the framing included: they are never forwarded (RFC 9110 section 7.6.1), and written again
// where the next hop needs them.
const (
	Connection Kind = iota + 1
	KeepAlive
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthenticationInfo
	ProxyAuthorization
	TE
	TransferEncoding
	ContentLength
	Upgrade
)

// Fields of requests.
const (
	Host Kind = iota + 16
	Expect
	Referer
	// Page are the fields in which scripts send the URL of the current page, as browsers do in Referer.
	Page
	// Destination and If (RFC 4918 sections 10.3 and 10.4) name resources besides the target of the request.
	Destination
	If
	Accept
	AcceptLanguage
	Cookie
	MaxForwards
	HTTP2Settings
	Authorization
	// Forged are the fields about the client and its connection, such as X-Forwarded-*, which only the gateway may send to
	// apps: see forgeries. Every spelling that an app takes for one of them counts, if it reads names as CGI does.
	Forged
)

// Fields of responses, most of which hold URLs.
const (
	Date Kind = iota + 32
	ContentType
	Trailer
	// Location and the fields of the kind Reference hold one URL reference.
	Location
	Reference
	// WorkerScope is Service-Worker-Allowed: a URL reference, the largest scope that a service worker may have.
	WorkerScope
	// HXLocation holds a URL, or a JSON object with one.
	HXLocation
	Refresh
	Link
	SetCookie
	// ContentPolicy are the fields of a Content-Security-Policy, whose sources and report-uri are URLs.
	ContentPolicy
	// Quoted are structured fields (RFC 9651) whose strings are URL references.
	Quoted
	// WWWAuthenticate holds challenges. They may have the URL of a token server, or a scheme that authenticates the connection.
	WWWAuthenticate
	// OriginWide are the fields that browsers apply to the whole host, and not to one response.
	OriginWide
	AuthenticationInfo
	PersistentAuth
)

// Set is a set of kinds.
type Set uint64

// SetOf returns the set of these kinds.
func SetOf(kinds ...Kind) Set {
	var s Set
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether the kind is in the set.
func (s Set) Has(k Kind) bool { return s>>k&1 != 0 }

// Hop is the set of fields that are never forwarded.
var Hop = SetOf(Connection, KeepAlive, ProxyConnection, ProxyAuthenticate, ProxyAuthenticationInfo, ProxyAuthorization,
	TE, TransferEncoding, ContentLength, Upgrade, HTTP2Settings)

// grouped are the kinds that several names share, so that names have to be compared too.
var grouped = SetOf(Other, Forged, Page, Reference, ContentPolicy, Quoted, OriginWide)

// names are the fields that have a kind, by length, so that a name is compared with few others. This is the only list of
// the fields that hold URLs.
var names = func() (byLength [40][]named) {
	for _, n := range []named{
		{"connection", Connection},
		{"keep-alive", KeepAlive},
		{"proxy-connection", ProxyConnection},
		{"proxy-authenticate", ProxyAuthenticate},
		{"proxy-authentication-info", ProxyAuthenticationInfo},
		{"proxy-authorization", ProxyAuthorization},
		{"te", TE},
		{"transfer-encoding", TransferEncoding},
		{"content-length", ContentLength},
		{"upgrade", Upgrade},
		{"host", Host},
		{"expect", Expect},
		{"accept", Accept},
		{"accept-language", AcceptLanguage},
		{"cookie", Cookie},
		{"max-forwards", MaxForwards},
		{"http2-settings", HTTP2Settings},
		{"date", Date},
		{"content-type", ContentType},
		{"trailer", Trailer},

		{"referer", Referer},
		{"hx-current-url", Page},      // htmx
		{"turbolinks-referrer", Page}, // Turbolinks 5
		{"x-xhr-referer", Page},       // Turbolinks classic
		{"destination", Destination},
		{"if", If},

		{"location", Location},
		{"content-location", Reference},
		{"sourcemap", Reference},
		{"x-sourcemap", Reference},
		{"x-redirect", Reference},
		{"x-pingback", Reference}, // WordPress
		{"operation-location", Reference},
		{"x-request-url", Reference},       // the fetch of older browsers
		{"turbolinks-location", Reference}, // Turbolinks 5
		{"turbo-location", Reference},
		{"x-xhr-redirected-to", Reference}, // Turbolinks classic
		{"hx-redirect", Reference},         // htmx
		{"hx-push", Reference},
		{"hx-push-url", Reference},
		{"hx-replace-url", Reference},
		{"x-inertia-location", Reference},
		{"x-inertia-redirect", Reference},
		{"x-pjax-url", Reference},
		{"x-up-location", Reference}, // Unpoly
		{"service-worker-allowed", WorkerScope},
		{"hx-location", HXLocation},
		{"refresh", Refresh},
		{"link", Link},
		{"set-cookie", SetCookie},
		{"content-security-policy", ContentPolicy},
		{"content-security-policy-report-only", ContentPolicy},
		{"reporting-endpoints", Quoted},
		{"speculation-rules", Quoted},
		{"use-as-dictionary", Quoted},
		{"www-authenticate", WWWAuthenticate},

		{"clear-site-data", OriginWide},
		{"strict-transport-security", OriginWide},
		{"public-key-pins", OriginWide},
		{"public-key-pins-report-only", OriginWide},
		{"expect-ct", OriginWide},
		{"alt-svc", OriginWide},
		{"nel", OriginWide},
		{"report-to", OriginWide},
		{"accept-ch", OriginWide},
		{"accept-ch-lifetime", OriginWide},
		{"critical-ch", OriginWide},
		{"origin-agent-cluster", OriginWide},
		{"sec-session-registration", OriginWide},
		{"secure-session-registration", OriginWide},
		{"authorization", Authorization},
		{"authentication-info", AuthenticationInfo},
		{"persistent-auth", PersistentAuth},
	} {
		byLength[len(n.name)] = append(byLength[len(n.name)], n)
	}
	return byLength
}()

type named struct {
	name string
	kind Kind
}

// KindOf returns the kind of a name, whatever its case.
func KindOf(name string) Kind {
	if len(name) == 0 {
		return Other
	}
	if len(name) < len(names) {
		for i := range names[len(name)] {
			if n := &names[len(name)][i]; name[0]|0x20 == n.name[0] && EqualFold(name, n.name) {
				return n.kind
			}
		}
	}
	if forged(name) {
		return Forged
	}
	return Other
}

// forgeries are fields that only the gateway may set, by length. Proxy is one because CGI maps it to HTTP_PROXY, and
// X-Original-URL and X-Rewrite-URL because some frameworks use their path in place of the request target. Client-Cert and
// its kind say what certificate the client has (RFC 9440 section 2.4).
var forgeries = func() (byLength [32][]string) {
	for _, name := range []string{
		"x-real-ip", "x-request-id", "forwarded", "proxy", "front-end-https", "x-url-scheme", "x-scheme", "cloudfront-forwarded-proto", "cf-visitor",
		"x-original-url", "x-rewrite-url", "client-cert", "client-cert-chain", "x-client-cert", "x-arr-clientcert",
	} {
		byLength[len(name)] = append(byLength[len(name)], name)
	}
	return byLength
}()

// forged reports whether only the gateway may set a field, or whether an app that reads names as CGI does would take it
// for such a field: CGI maps all characters except letters and digits to the same one (RFC 3875 section 4.1.18).
func forged(name string) bool {
	if len(name) < len(forgeries) {
		for _, forgery := range forgeries[len(name)] {
			if folds(name, forgery) {
				return true
			}
		}
	}
	if first := lower[name[0]]; first != 'x' && first != 's' {
		return false
	}
	for _, prefix := range forgedPrefixes {
		if len(name) >= len(prefix) && folds(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// forgedPrefixes are what further forgeries begin with, all with x or s. The last two are followed by what is known of the client's
// certificate, such as "verify".
var forgedPrefixes = [...]string{"x-forwarded", "x-ssl-client-", "ssl-client-"}

func folds(name, plain string) bool {
	if len(name) != len(plain) {
		return false
	}
	for i := range len(name) {
		c := lower[name[i]]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			c = '-'
		}
		if c != plain[i] {
			return false
		}
	}
	return true
}
