package header

// Kind tells apart the fields that the gateway treats in a way of their own.
type Kind uint8

// Other is every field that passes as it is.
const Other Kind = 0

// Fields of the connection and of the framing: they say something between two neighbours and are never passed on
// (RFC 9110 section 7.6.1), but written anew where the next hop needs them.
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
	Destination
	Accept
	AcceptLanguage
	Cookie
	MaxForwards
	HTTP2Settings
	// Forged are the fields that the gateway alone sets: X-Forwarded-*, Forwarded, X-Real-IP, X-Request-Id and Proxy,
	// in every spelling that an app which reads names as CGI does would take for them.
	Forged
)

// Fields of answers, most of which hold addresses.
const (
	Date Kind = iota + 32
	ContentType
	Trailer
	Location
	ContentLocation
	SourceMap
	ServiceWorkerAllowed
	HXRedirect
	HXPushURL
	HXReplaceURL
	HXLocation
	Refresh
	Link
	SetCookie
	ClearSiteData
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

// Hop is the set of fields that are never passed on.
var Hop = SetOf(Connection, KeepAlive, ProxyConnection, ProxyAuthenticate, ProxyAuthenticationInfo, ProxyAuthorization,
	TE, TransferEncoding, ContentLength, Upgrade, HTTP2Settings)

// names are the fields that have a kind of their own, by length, so that a name is compared with a few at most.
var names = func() (byLength [32][]named) {
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
		{"referer", Referer},
		{"destination", Destination},
		{"accept", Accept},
		{"accept-language", AcceptLanguage},
		{"cookie", Cookie},
		{"max-forwards", MaxForwards},
		{"http2-settings", HTTP2Settings},
		{"date", Date},
		{"content-type", ContentType},
		{"trailer", Trailer},
		{"location", Location},
		{"content-location", ContentLocation},
		{"sourcemap", SourceMap},
		{"x-sourcemap", SourceMap},
		{"service-worker-allowed", ServiceWorkerAllowed},
		{"hx-redirect", HXRedirect},
		{"hx-push-url", HXPushURL},
		{"hx-replace-url", HXReplaceURL},
		{"hx-location", HXLocation},
		{"refresh", Refresh},
		{"link", Link},
		{"set-cookie", SetCookie},
		{"clear-site-data", ClearSiteData},
	} {
		byLength[len(n.name)] = append(byLength[len(n.name)], n)
	}
	return byLength
}()

type named struct {
	name string
	kind Kind
}

// KindOf returns the kind of a name, however it is spelled.
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
	switch name[0] | 0x20 {
	case 'x', 'f', 'p':
		if forged(name) {
			return Forged
		}
	}
	return Other
}

// forged reports whether a field is one that only the gateway may set, or would shadow one in an app that reads names
// as CGI does: there every character but letters and digits is one and the same (RFC 3875 section 4.1.18). Proxy is
// among them because CGI makes it HTTP_PROXY.
func forged(name string) bool {
	return folds(name, "x-real-ip") || folds(name, "x-request-id") || folds(name, "forwarded") || folds(name, "proxy") ||
		len(name) >= len(forwarded) && folds(name[:len(forwarded)], forwarded)
}

const forwarded = "x-forwarded"

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
