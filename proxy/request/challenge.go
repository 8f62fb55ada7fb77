package request

import (
	"net/http"
	"strings"

	"gateway/proxy/filter"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

// challenge answers with the key authorization of a challenge under way. It reports whether it did. Authorities ask
// without TLS.
func (r *Request) challenge() bool {
	if r.handler.Challenge == nil {
		return false
	}
	q := &r.Exchange.Request
	token, is := filter.ChallengeToken(q)
	if !is {
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
