package request

import (
	"net/http"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// challengePrefix is where certificate authorities ask for the tokens of HTTP-01 challenges (RFC 8555 section 8.3).
const challengePrefix = "/.well-known/acme-challenge/"

// challenge answers with the key authorization of a challenge under way. It reports whether it did. Authorities ask
// without TLS, and spell the path in one way only.
func (r *Request) challenge() bool {
	if r.handler.Challenge == nil {
		return false
	}
	q := &r.Exchange.Request
	token, found := strings.CutPrefix(q.Path, challengePrefix)
	if !found || token == "" || strings.ContainsFunc(token, notBase64URL) || q.Method != http.MethodGet && q.Method != http.MethodHead {
		return false
	}
	// The strings are borrowed until the request ends.
	authorization, found := r.handler.Challenge(strings.Clone(route.CanonicalHost(q.Host)), strings.Clone(token))
	if !found {
		return false
	}
	var h header.Header
	h.Add("Content-Type", "application/octet-stream")
	// It fails only when the client is gone, which then needs no response.
	_ = r.Exchange.Reply(http.StatusOK, h, []byte(authorization))
	return true
}

// notBase64URL reports that a character is none of base64url without padding (RFC 4648 section 5).
func notBase64URL(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}
